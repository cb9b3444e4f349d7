import type { CaseGroup } from '../cases.ts';

const FILES = { 'a.txt': 'a', 'dir/c.txt': 'c', 'dir/sub/d.md': 'd' } as const;

/** Recorded from docker with the containerd image store: without it docker carries --link out as a plain COPY. */
export const copyLink: CaseGroup = {
  name: 'copy-link',
  from: 'Dockerfile reference, "COPY --link"',
  cases: [
    {
      name: 'a file and a folder',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY --link a.txt /x/y/', 'COPY --link dir /z'],
    },
    {
      name: 'owners hold for folders that are made',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY --link --chown=1:2 dir /x/z'],
    },
    {
      name: 'links of the image are not followed',
      files: FILES,
      dockerfile: ['FROM busybox', 'RUN mkdir /real && ln -s /real /l', 'COPY --link a.txt /l/'],
    },
    {
      name: 'a folder of the base keeps what is in it',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY --link a.txt /etc/'],
    },
    {
      name: 'from another stage',
      dockerfile: ['FROM busybox AS a', 'RUN mkdir /o && echo o > /o/f', 'FROM busybox', 'COPY --link --from=a /o /p'],
    },
    { name: 'an inline file', dockerfile: ['FROM busybox', 'COPY --link <<E /x/y', 'a', 'E'] },
  ],
};
