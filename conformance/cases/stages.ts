import type { CaseGroup } from '../cases.ts';

export const stages: CaseGroup = {
  name: 'stages',
  from: 'Multi-stage builds; Dockerfile reference, "FROM", "ONBUILD"',
  cases: [
    {
      name: 'COPY --from a name',
      dockerfile: ['FROM busybox AS build', 'RUN mkdir /o && echo x > /o/x', 'FROM scratch', 'COPY --from=build /o /'],
    },
    {
      name: 'COPY --from a number',
      dockerfile: ['FROM busybox', 'RUN echo x > /x', 'FROM busybox', 'COPY --from=0 /x /y'],
    },
    { name: 'COPY --from an image', dockerfile: ['FROM scratch', 'COPY --from=busybox /etc/passwd /p'] },
    {
      name: 'names whatever their case',
      dockerfile: ['FROM busybox AS Build', 'RUN echo x > /x', 'FROM scratch', 'COPY --from=BUILD /x /x'],
    },
    {
      name: 'a stage on a stage',
      dockerfile: [
        'FROM busybox AS a',
        'ENV A=1',
        'WORKDIR /a',
        'CMD ["a"]',
        'FROM a AS b',
        'RUN pwd > x',
        'FROM b',
        'LABEL b=c',
      ],
    },
    {
      name: '--target',
      dockerfile: ['FROM busybox AS a', 'LABEL a=b', 'FROM busybox AS b', 'RUN false'],
      args: ['--target', 'a'],
    },
    {
      name: 'a target that is not there is refused',
      dockerfile: ['FROM busybox AS a', 'LABEL a=b'],
      args: ['--target', 'c'],
    },
    {
      name: 'stages that the target does not need are not built',
      dockerfile: ['FROM busybox AS broken', 'RUN false', 'FROM busybox', 'LABEL a=b'],
    },
    {
      name: 'COPY --from a later stage is refused',
      dockerfile: ['FROM busybox AS a', 'COPY --from=b /x /x', 'FROM busybox AS b', 'RUN echo x > /x', 'FROM a'],
    },
    { name: 'a stage that reads itself is refused', dockerfile: ['FROM busybox AS a', 'COPY --from=a /etc/passwd /p'] },
    {
      name: 'a path that the stage has not is refused',
      dockerfile: ['FROM busybox AS a', 'FROM busybox', 'COPY --from=a /none /x'],
    },
    {
      name: 'owners and modes of another stage are kept',
      dockerfile: [
        'FROM busybox AS a',
        'RUN mkdir -m 700 /d && echo x > /d/f && chown -R 5:6 /d',
        'FROM busybox',
        'COPY --from=a /d /e',
        'COPY --from=a --chown=1:1 /d /g',
      ],
    },
    {
      name: 'links of another stage',
      dockerfile: [
        'FROM busybox AS a',
        'RUN mkdir /d && echo x > /d/f && ln -s f /d/s && ln /d/f /d/h && ln -s /d /l',
        'FROM busybox',
        'COPY --from=a /d /e',
        'COPY --from=a /l /m',
      ],
    },
    { name: 'a name with a digit first is refused', dockerfile: ['FROM busybox AS 1a', 'LABEL a=b'] },
    { name: 'FROM with two words is refused', dockerfile: ['FROM busybox a', 'LABEL a=b'] },
    {
      name: 'ONBUILD triggers run in the next stage',
      files: { f: 'f' },
      dockerfile: [
        'FROM busybox AS a',
        'ONBUILD RUN echo x > /x',
        'ONBUILD COPY f /f',
        'ONBUILD ENV A=1',
        'FROM a',
        'RUN echo $A > /a',
      ],
    },
    {
      name: 'ONBUILD triggers do not run twice',
      dockerfile: ['FROM busybox AS a', 'ONBUILD RUN echo x >> /x', 'FROM a AS b', 'FROM b', 'LABEL a=b'],
    },
    { name: 'ONBUILD stands in the config', dockerfile: ['FROM busybox', 'ONBUILD RUN echo x', 'ONBUILD COPY . /app'] },
    {
      name: 'ONBUILD with COPY --from',
      dockerfile: [
        'FROM busybox AS src',
        'RUN echo x > /x',
        'FROM busybox AS a',
        'ONBUILD COPY --from=src /x /y',
        'FROM a',
      ],
    },
    { name: 'ONBUILD FROM is refused', dockerfile: ['FROM busybox', 'ONBUILD FROM busybox'] },
    { name: 'ONBUILD ONBUILD is refused', dockerfile: ['FROM busybox', 'ONBUILD ONBUILD RUN true'] },
    { name: 'scratch with a file has no PATH of a base', dockerfile: ['FROM scratch', 'COPY <<E /x', 'E'] },
    { name: 'scratch alone', dockerfile: ['FROM scratch', 'LABEL a=b'] },
  ],
};
