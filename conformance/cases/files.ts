import type { CaseGroup } from '../cases.ts';

const FILES = { a: 'a', 'b.log': 'b', 'dir/c.log': 'c', 'dir/d': 'd', 'dir/sub/e.log': 'e', 'dir/sub/f': 'f' } as const;

/** A case of one ignore file over the same context. */
function ignoring(name: string, ...lines: readonly string[]): CaseGroup['cases'][number] {
  return {
    name,
    files: { ...FILES, '.dockerignore': `${lines.join('\n')}\n` },
    dockerfile: ['FROM scratch', 'COPY . /'],
  };
}

export const files: CaseGroup = {
  name: 'files',
  from: 'Build context, ".dockerignore files"; Dockerfile reference, parser directives',
  cases: [
    ignoring('a name', 'a'),
    ignoring('a pattern is for the top', '*.log'),
    ignoring('** is for every depth', '**/*.log'),
    ignoring('a folder', 'dir/sub'),
    ignoring('a folder with a slash at its end', 'dir/'),
    ignoring('an exception', '*', '!a', '!dir'),
    ignoring('an exception in a folder that is left out', 'dir', '!dir/sub/f'),
    ignoring('the last line that matches counts', '**/*.log', '!**/c.log', 'dir/c.log'),
    ignoring('comments, blanks and slashes', '# a', '', '  b.log  ', '/dir/d', './a'),
    ignoring('a question mark and a class', '?', 'dir/[a-d]*'),
    {
      name: 'the Dockerfile’s own ignore file wins',
      files: { ...FILES, '.dockerignore': 'a\n', 'Dockerfile.dockerignore': 'dir\n' },
      dockerfile: ['FROM scratch', 'COPY . /'],
    },
    {
      name: 'an ignored source is refused',
      files: { ...FILES, '.dockerignore': 'a\n' },
      dockerfile: ['FROM scratch', 'COPY a /'],
    },
    {
      name: 'another Dockerfile',
      files: { 'other/File': 'FROM scratch\nLABEL other=yes\n' },
      dockerfile: ['FROM scratch', 'LABEL other=no'],
      args: ['-f', 'other/File'],
    },
    {
      name: 'escape is a backtick',
      dockerfile: ['# escape=`', 'FROM busybox', 'RUN echo a `', '  b > /x', 'LABEL p=C:\\dir\\ q=`"'],
    },
    {
      name: 'escape after a comment is a comment',
      dockerfile: ['# comment', '# escape=`', 'FROM busybox', 'RUN echo a \\', '  b > /x'],
    },
    { name: 'an escape that cannot be is refused', dockerfile: ['# escape=x', 'FROM busybox', 'LABEL a=b'] },
    { name: 'a directive twice is refused', dockerfile: ['# escape=`', '# escape=`', 'FROM busybox', 'LABEL a=b'] },
    { name: 'a finding with check=error=true is refused', dockerfile: ['# check=error=true', 'FROM busybox', 'CMD x'] },
    {
      name: 'check=skip lets it pass',
      dockerfile: ['# check=skip=JSONArgsRecommended;error=true', 'FROM busybox', 'CMD x'],
    },
    { name: 'lower case', dockerfile: ['from busybox as x', 'run echo a > /a', 'from x', 'label a=b'] },
    {
      name: 'CR LF and a byte order mark',
      files: { Dockerfile: '\ufeffFROM busybox\r\nRUN echo a \\\r\n  b > /x\r\nLABEL a=b\r\n' },
      dockerfile: [],
    },
    { name: 'an unknown instruction is refused', dockerfile: ['FROM busybox', 'RUNN true'] },
    { name: 'LABEL before FROM is refused', dockerfile: ['LABEL a=b', 'FROM busybox'] },
    { name: 'an empty file is refused', files: { Dockerfile: '' }, dockerfile: [] },
  ],
};
