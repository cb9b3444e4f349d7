import type { TreeEntry } from '../../explore/index.ts';

const KIND_LETTERS = { directory: 'd', symlink: 'l', character: 'c', block: 'b', fifo: 'p', file: '-' } as const;

/** `-rwsr-xr-x`, as ls shows it. */
export function modeText({ kind, mode }: Pick<TreeEntry, 'kind' | 'mode'>): string {
  const triple = (bits: number, special: boolean, letter: string): string => {
    const x = (bits & 1) === 1 ? (special ? letter : 'x') : special ? letter.toUpperCase() : '-';
    return `${(bits & 4) === 0 ? '-' : 'r'}${(bits & 2) === 0 ? '-' : 'w'}${x}`;
  };
  return [
    KIND_LETTERS[kind],
    triple((mode >> 6) & 7, (mode & 0o4000) !== 0, 's'),
    triple((mode >> 3) & 7, (mode & 0o2000) !== 0, 's'),
    triple(mode & 7, (mode & 0o1000) !== 0, 't'),
  ].join('');
}
