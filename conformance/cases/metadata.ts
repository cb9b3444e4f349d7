import type { CaseGroup } from '../cases.ts';

export const metadata: CaseGroup = {
  name: 'metadata',
  from: 'Dockerfile reference, "CMD", "ENTRYPOINT", "LABEL", "EXPOSE", "VOLUME", "STOPSIGNAL", "HEALTHCHECK", "SHELL"',
  cases: [
    {
      name: 'CMD in both forms, the last one counts',
      dockerfile: ['FROM busybox', 'CMD echo a', 'CMD ["echo", "b c"]'],
    },
    { name: 'CMD in shell form', dockerfile: ['FROM busybox', 'CMD echo "a  b" && true'] },
    { name: 'CMD [] is an empty list', dockerfile: ['FROM busybox', 'CMD []'] },
    { name: 'JSON with single quotes is shell form', dockerfile: ['FROM busybox', "CMD ['a', 'b']"] },
    { name: 'ENTRYPOINT resets the CMD of the base', dockerfile: ['FROM busybox', 'ENTRYPOINT ["x"]'] },
    { name: 'ENTRYPOINT keeps a CMD of the stage', dockerfile: ['FROM busybox', 'CMD ["y"]', 'ENTRYPOINT ["x"]'] },
    { name: 'ENTRYPOINT in shell form', dockerfile: ['FROM busybox', 'ENTRYPOINT exec top -b'] },
    {
      name: 'SHELL is used by what follows',
      dockerfile: ['FROM busybox', 'SHELL ["/bin/sh", "-ec"]', 'CMD a', 'ENTRYPOINT b', 'RUN echo c > /c'],
    },
    { name: 'SHELL in shell form is refused', dockerfile: ['FROM busybox', 'SHELL /bin/sh -c'] },
    {
      name: 'LABEL with quotes, line ends and an old form',
      dockerfile: ['FROM busybox', 'LABEL a="b c" d=e\\ f \\', '  g="h \\', 'i"', 'LABEL old form of it'],
    },
    {
      name: 'LABEL of one name twice, the last one counts',
      dockerfile: ['FROM busybox', 'LABEL a=1 a=2', 'LABEL b=1', 'LABEL b=2'],
    },
    {
      name: '--label joins and wins',
      dockerfile: ['FROM busybox', 'LABEL a=1 b=2'],
      args: ['--label', 'a=9', '--label', 'c=3'],
    },
    {
      name: 'ENV with several, quotes and an old form',
      dockerfile: ['FROM busybox', 'ENV A="x y" B=z\\ w C=', 'ENV D a b  c', 'ENV E=\'q "r"\''],
    },
    { name: 'ENV takes the place of an earlier value', dockerfile: ['FROM busybox', 'ENV A=1 B=2', 'ENV A=3'] },
    {
      name: 'EXPOSE with ranges, protocols and capitals',
      dockerfile: ['FROM busybox', 'EXPOSE 80 443/tcp 53/UDP 8000-8002 9000-9001/udp'],
    },
    {
      name: 'EXPOSE with addresses and host ports',
      dockerfile: ['FROM busybox', 'EXPOSE 127.0.0.1:80:8080 90:9090/udp'],
    },
    { name: 'EXPOSE beyond the last port is refused', dockerfile: ['FROM busybox', 'EXPOSE 65536'] },
    { name: 'EXPOSE of an unknown protocol is refused', dockerfile: ['FROM busybox', 'EXPOSE 80/icmp'] },
    { name: 'VOLUME in all forms', dockerfile: ['FROM busybox', 'VOLUME /a /b', 'VOLUME ["/c", "/d e"]'] },
    {
      name: 'what is written below a VOLUME stays',
      dockerfile: ['FROM busybox', 'RUN mkdir /v && echo a > /v/a', 'VOLUME /v', 'RUN echo b > /v/b'],
    },
    { name: 'STOPSIGNAL by name and number', dockerfile: ['FROM busybox', 'STOPSIGNAL SIGUSR1', 'STOPSIGNAL 9'] },
    { name: 'STOPSIGNAL that is none is refused', dockerfile: ['FROM busybox', 'STOPSIGNAL SIGNONE'] },
    {
      name: 'HEALTHCHECK with all options',
      dockerfile: [
        'FROM busybox',
        'HEALTHCHECK --interval=5m --timeout=3s --start-period=10s --start-interval=1s --retries=5 CMD wget -q x || exit 1',
      ],
    },
    {
      name: 'HEALTHCHECK in JSON form, and NONE',
      dockerfile: ['FROM busybox', 'HEALTHCHECK CMD ["a", "b"]', 'HEALTHCHECK NONE'],
    },
    { name: 'HEALTHCHECK without a command is refused', dockerfile: ['FROM busybox', 'HEALTHCHECK CMD'] },
    {
      name: 'HEALTHCHECK with a bad duration is refused',
      dockerfile: ['FROM busybox', 'HEALTHCHECK --interval=5 CMD x'],
    },
    { name: 'MAINTAINER', dockerfile: ['FROM busybox', 'MAINTAINER Me <me@example.test>'] },
    { name: 'USER in all forms', dockerfile: ['FROM busybox', 'USER nobody', 'USER 1000:1000', 'USER root:nobody'] },
  ],
};
