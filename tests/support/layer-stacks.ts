import fc from 'fast-check';
import { compareBytes, type ByteString } from '../../src/base/index.ts';
import type { ReadTarEntry } from '../../src/archive/index.ts';
import { dir, file, hardlink, laidOut, symlink } from './tar-entries.ts';

const NAMES = ['a', 'b', 'l', 'm'];
const TARGETS = ['a', 'b', 'a/b', '/a', '/b/a', '/l', 'm', '/a/m', 'b/l/a', '/'];

const path = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const mode = fc.constantFrom(0o700, 0o750, 0o1777);
const uid = fc.nat(3);

const someEntry: fc.Arbitrary<ReadTarEntry> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ path, mode, uid }).map((e) => file(e.path, { ...e, sizeBytes: 1 })) },
  { weight: 3, arbitrary: fc.record({ path, mode, uid }).map((e) => dir(e.path, e)) },
  { weight: 3, arbitrary: fc.tuple(path, fc.constantFrom(...TARGETS)).map(([at, to]) => symlink(at, to)) },
  { weight: 2, arbitrary: path.map((at) => file(whiteoutOf(at))) },
  { weight: 1, arbitrary: path.map((at) => file(`${at}/.wh..wh..opq`)) },
);

function whiteoutOf(at: ByteString): ByteString {
  const slash = at.lastIndexOf('/') + 1;
  return `${at.slice(0, slash)}.wh.${at.slice(slash)}`;
}

/** A layer with each path once, in the order that shale writes: parents first, whiteouts first in their folder. */
const layer: fc.Arbitrary<readonly ReadTarEntry[]> = fc
  .tuple(fc.uniqueArray(someEntry, { selector: (e) => e.path, maxLength: 7 }), fc.option(path))
  .map(([entries, link]) => {
    const sorted = entries.toSorted((x, y) => compareBytes(sortKey(x.path), sortKey(y.path)));
    const target = sorted.find((e) => e.kind === 'file' && !e.path.includes('.wh.'));
    const isFree = sorted.every((e) => !`${e.path}/`.startsWith(`${link}/`));
    const wanted = link !== null && target !== undefined && isFree;
    return laidOut(wanted ? [...sorted, hardlink(link, target.path, target)] : sorted).entries;
  });

function sortKey(at: ByteString): string {
  return at
    .split('/')
    .map((name) => (name.startsWith('.wh.') ? `\x01${name}` : `\x02${name}`))
    .join('\x00');
}

/** Stacks of small layers that share few names, so that links, whiteouts and folders meet often. */
export const layerStack: fc.Arbitrary<readonly (readonly ReadTarEntry[])[]> = fc.array(layer, {
  minLength: 1,
  maxLength: 4,
});
