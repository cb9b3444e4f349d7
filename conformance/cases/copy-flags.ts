import type { CaseGroup } from '../cases.ts';

const FILES = {
  'a.txt': 'a',
  'b.md': 'b',
  'dir/c.txt': 'c',
  'dir/sub/d.md': 'd',
  'run.sh': { text: '#!/bin/sh\n', mode: 0o755 },
} as const;

export const copyFlags: CaseGroup = {
  name: 'copy-flags',
  from: 'Dockerfile reference, "COPY --chown --chmod", "COPY --exclude"',
  cases: [
    {
      name: '--chown with names of the image',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY --chown=nobody:nobody dir /x'],
    },
    {
      name: '--chown with numbers',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY --chown=55:66 a.txt /x/', 'COPY --chown=7 a.txt /y/'],
    },
    {
      name: '--chown with a user only takes its group',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY --chown=nobody a.txt /x/'],
    },
    { name: '--chown with a group only', files: FILES, dockerfile: ['FROM busybox', 'COPY --chown=:nobody a.txt /x/'] },
    {
      name: '--chown with a variable',
      files: FILES,
      dockerfile: ['FROM busybox', 'ARG U=12', 'COPY --chown=$U:$U a.txt /x/'],
    },
    {
      name: '--chmod in octal',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY --chmod=0700 dir /x', 'COPY --chmod=644 run.sh /y/'],
    },
    {
      name: '--chmod with words',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY --chmod=u=rwX,go=rX dir /x', 'COPY --chmod=a-x run.sh /y'],
    },
    {
      name: '--chmod with a variable',
      files: FILES,
      dockerfile: ['FROM busybox', 'ARG M=600', 'COPY --chmod=$M a.txt /x'],
    },
    {
      name: '--chmod that is none is refused',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY --chmod=xyz a.txt /x'],
    },
    { name: '--link=false', files: FILES, dockerfile: ['FROM busybox', 'COPY --link=false a.txt /x/'] },
    { name: '--exclude of a pattern', files: FILES, dockerfile: ['FROM busybox', 'COPY --exclude=*.md . /x'] },
    {
      name: '--exclude at every depth, several times',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY --exclude=**/*.md --exclude=run.sh . /x'],
    },
    { name: '--exclude of a folder', files: FILES, dockerfile: ['FROM busybox', 'COPY --exclude=sub dir /x'] },
    { name: 'an unknown flag is refused', files: FILES, dockerfile: ['FROM busybox', 'COPY --owner=1 a.txt /x'] },
    {
      name: 'a flag twice is refused',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY --chown=1 --chown=2 a.txt /x'],
    },
    {
      name: 'a flag after the sources, which is a source, is refused',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY a.txt --chown=1 /x/'],
    },
  ],
};
