import type { CaseGroup } from '../cases.ts';

const FILES = {
  'a.txt': 'a',
  'b.txt': 'b',
  'dir/c.txt': 'c',
  'dir/sub/d.txt': 'd',
  'run.sh': { text: '#!/bin/sh\n', mode: 0o755 },
  link: { link: 'a.txt' },
} as const;

export const copy: CaseGroup = {
  name: 'copy',
  from: 'Dockerfile reference, "COPY", "Source", "Destination"',
  cases: [
    { name: 'a file to a name', files: FILES, dockerfile: ['FROM busybox', 'COPY a.txt /x/y'] },
    { name: 'a file into a folder', files: FILES, dockerfile: ['FROM busybox', 'COPY a.txt /x/'] },
    { name: 'several files into a folder', files: FILES, dockerfile: ['FROM busybox', 'COPY a.txt b.txt run.sh /x/'] },
    {
      name: 'several files to a name without a slash',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY a.txt b.txt /x'],
    },
    { name: 'the content of a folder', files: FILES, dockerfile: ['FROM busybox', 'COPY dir /x'] },
    { name: 'a folder and a file', files: FILES, dockerfile: ['FROM busybox', 'COPY dir a.txt /x/'] },
    { name: 'everything', files: FILES, dockerfile: ['FROM busybox', 'COPY . /x'] },
    { name: 'a pattern', files: FILES, dockerfile: ['FROM busybox', 'COPY *.txt /x/', 'COPY [ab].tx? /y/'] },
    {
      name: 'a pattern over folders',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY dir/*/d.txt /x/', 'COPY d* /y/'],
    },
    { name: 'a pattern that matches nothing', files: FILES, dockerfile: ['FROM busybox', 'COPY a.txt none* /x/'] },
    { name: 'a pattern alone that matches nothing', files: FILES, dockerfile: ['FROM busybox', 'COPY none* /x/'] },
    { name: 'a file that is not there is refused', files: FILES, dockerfile: ['FROM busybox', 'COPY none /x/'] },
    { name: 'a link as a source', files: FILES, dockerfile: ['FROM busybox', 'COPY link /x/'] },
    {
      name: 'a link in a folder',
      files: { 'd/l': { link: '../a' }, a: 'a' },
      dockerfile: ['FROM busybox', 'COPY d /x/'],
    },
    {
      name: 'a relative destination',
      files: FILES,
      dockerfile: ['FROM busybox', 'WORKDIR /w', 'COPY a.txt .', 'COPY b.txt sub/'],
    },
    {
      name: 'a destination that climbs',
      files: FILES,
      dockerfile: ['FROM busybox', 'WORKDIR /w', 'COPY a.txt ../../../x/'],
    },
    {
      name: 'a source that climbs stays in the context',
      files: FILES,
      dockerfile: ['FROM busybox', 'COPY ../../a.txt /x/'],
    },
    {
      name: 'JSON form with blanks in names',
      files: { 'a b': 'x' },
      dockerfile: ['FROM busybox', 'COPY ["a b", "/x y/"]'],
    },
    {
      name: 'a bracket in a name is escaped',
      files: { 'a[0].txt': 'x' },
      dockerfile: ['FROM busybox', 'COPY a[[]0].txt /x/'],
    },
    {
      name: 'variables in source and destination',
      files: FILES,
      dockerfile: ['FROM busybox', 'ENV S=a.txt D=/x', 'COPY $S ${D}/${S%.txt}.copy'],
    },
    { name: 'onto a file of the base', files: FILES, dockerfile: ['FROM busybox', 'COPY a.txt /etc/passwd'] },
    { name: 'a folder onto a file is refused', files: FILES, dockerfile: ['FROM busybox', 'COPY dir /etc/passwd'] },
    { name: 'a file onto a folder goes into it', files: FILES, dockerfile: ['FROM busybox', 'COPY a.txt /etc'] },
    {
      name: 'through a link of the image',
      files: FILES,
      dockerfile: ['FROM busybox', 'RUN mkdir /real && ln -s /real /l', 'COPY a.txt /l/', 'COPY dir /l'],
    },
    { name: 'an empty folder', files: { empty: { directory: true } }, dockerfile: ['FROM busybox', 'COPY empty /x'] },
    {
      name: 'modes of files and folders are kept',
      files: { 'm/f': { text: 'x', mode: 0o640 }, 'm/s': { directory: true, mode: 0o2750 } },
      dockerfile: ['FROM busybox', 'COPY m /x'],
    },
    { name: 'onto scratch', files: FILES, dockerfile: ['FROM scratch', 'COPY dir /'] },
  ],
};
