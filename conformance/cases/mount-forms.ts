import type { CaseGroup } from '../cases.ts';

const FILES = { 'a.txt': 'a', 'dir/b.txt': 'b' } as const;

export const mountForms: CaseGroup = {
  name: 'mount-forms',
  from: 'Dockerfile reference, "RUN --mount"',
  cases: [
    {
      name: 'bind of the context',
      files: FILES,
      dockerfile: ['FROM busybox', 'RUN --mount=target=/src cp -r /src/dir /x'],
    },
    {
      name: 'bind of a file',
      files: FILES,
      dockerfile: ['FROM busybox', 'RUN --mount=type=bind,source=a.txt,target=/in/a cat /in/a > /x'],
    },
    {
      name: 'writing into a bind is refused',
      files: FILES,
      dockerfile: ['FROM busybox', 'RUN --mount=type=bind,target=/src touch /src/x'],
    },
    {
      name: 'what is written into bind,rw is gone',
      files: FILES,
      dockerfile: ['FROM busybox', 'RUN --mount=type=bind,target=/src,rw echo x > /src/x && cp /src/x /kept'],
    },
    {
      name: 'bind of another stage',
      dockerfile: [
        'FROM busybox AS a',
        'RUN mkdir /o && echo o > /o/f',
        'FROM busybox',
        'RUN --mount=from=a,source=/o,target=/m cp /m/f /x',
      ],
    },
    {
      name: 'bind of a source that is not there is refused',
      files: FILES,
      dockerfile: ['FROM busybox', 'RUN --mount=source=none,target=/m true'],
    },
    {
      name: 'cache is not in the image',
      dockerfile: ['FROM busybox', 'RUN --mount=type=cache,target=/c echo x > /c/x && cp /c/x /x'],
    },
    {
      name: 'cache is there for a later step',
      dockerfile: [
        'FROM busybox',
        'RUN --mount=type=cache,target=/c,id=conformance-later echo x > /c/x',
        'RUN --mount=type=cache,target=/d,id=conformance-later cp /d/x /y',
      ],
    },
    {
      name: 'cache with mode and owner',
      dockerfile: ['FROM busybox', 'RUN --mount=type=cache,target=/c,mode=0711,uid=3,gid=4 stat -c "%a %u %g" /c > /x'],
    },
    {
      name: 'cache with content of a stage',
      dockerfile: [
        'FROM busybox AS a',
        'RUN mkdir /o && echo o > /o/f',
        'FROM busybox',
        'RUN --mount=type=cache,target=/c,from=a,source=/o,id=conformance-from cat /c/f > /x',
      ],
    },
    { name: 'tmpfs', dockerfile: ['FROM busybox', 'RUN --mount=type=tmpfs,target=/t echo x > /t/x && cp /t/x /x'] },
    {
      name: 'a secret that is not given is no file',
      dockerfile: ['FROM busybox', 'RUN --mount=type=secret,id=s test ! -e /run/secrets/s && echo none > /x'],
    },
    {
      name: 'a required secret that is not given is refused',
      dockerfile: ['FROM busybox', 'RUN --mount=type=secret,id=s,required true'],
    },
    {
      name: 'a secret as file and variable',
      files: { 'secret.txt': 'hush', '.dockerignore': 'secret.txt' },
      dockerfile: [
        'FROM busybox',
        'RUN --mount=type=secret,id=s,target=/s,mode=0444 --mount=type=secret,id=s,env=S echo $(wc -c < /s) ${#S} $(stat -c %a /s) > /x',
      ],
      args: ['--secret', 'id=s,src=secret.txt'],
    },
    {
      name: 'mount targets leave folders behind',
      files: FILES,
      dockerfile: ['FROM busybox', 'RUN --mount=target=/new/place true'],
    },
    {
      name: 'a target relative to WORKDIR',
      files: FILES,
      dockerfile: ['FROM busybox', 'WORKDIR /w', 'RUN --mount=source=dir,target=m cp m/b.txt /x'],
    },
    {
      name: 'variables in options',
      files: FILES,
      dockerfile: ['FROM busybox', 'ARG T=/m', 'RUN --mount=source=dir,target=$T cp /m/b.txt /x'],
    },
    { name: 'a mount at / is refused', dockerfile: ['FROM busybox', 'RUN --mount=target=/ true'] },
    { name: 'an unknown type is refused', dockerfile: ['FROM busybox', 'RUN --mount=type=other,target=/x true'] },
    {
      name: 'a variable in from is refused',
      dockerfile: ['FROM busybox', 'ARG A=busybox', 'RUN --mount=from=$A,target=/x true'],
    },
  ],
};
