/**
 * What dive's documentation says of an image, straight from the tars of its layers and with nothing of ours: tars are read
 * by hand (ustar, no extensions), trees are maps of paths, and everything is computed as it is said, however slow.
 */
import { createHash } from 'node:crypto';

export interface TarMember {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly link: string;
  readonly hash: string;
}

/** The members of a tar of ustar headers. */
export function membersOf(tar: Buffer): TarMember[] {
  const members: TarMember[] = [];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const text = (from: number, length: number): string =>
      tar.toString('latin1', at + from, at + from + length).replace(/\0.*$/s, '');
    const octal = (from: number, length: number): number => Number.parseInt(text(from, length).trim() || '0', 8);
    const prefix = text(345, 155);
    const type = text(156, 1) || '0';
    const size = type === '0' ? octal(124, 12) : 0;
    members.push({
      path: `${prefix === '' ? '' : `${prefix}/`}${text(0, 100)}`.replace(/^\.?\/+/, '').replace(/\/+$/, ''),
      type,
      mode: octal(100, 8),
      uid: octal(108, 8),
      gid: octal(116, 8),
      size,
      link: text(157, 100),
      hash: createHash('sha256')
        .update(tar.subarray(at + 512, at + 512 + size))
        .digest('hex'),
    });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return members;
}

/** What stands at a path of a tree; `undefined` for a directory that is only there because something is in it. */
type Tree = Map<string, TarMember | undefined>;

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const isWhiteout = (path: string): boolean => nameOf(path).startsWith('.wh.');
const isOpaque = (path: string): boolean => nameOf(path) === '.wh..wh..opq';
const hidden = (path: string): string =>
  (parentOf(path) === '' ? '' : `${parentOf(path)}/`) + nameOf(path).slice('.wh.'.length);
const isBelow = (path: string, folder: string): boolean => folder === '' || path.startsWith(`${folder}/`);
const isDirectory = (member: TarMember | undefined): boolean => member === undefined || member.type === '5';

function treeOf(members: readonly TarMember[]): Tree {
  const tree: Tree = new Map();
  for (const member of members) {
    if (member.path === '') continue;
    for (let above = parentOf(member.path); above !== ''; above = parentOf(above))
      if (!tree.has(above)) tree.set(above, undefined);
    tree.set(member.path, member);
  }
  return tree;
}

/** The tree after one more layer: first what it hides, then what it has. */
export function applied(below: Tree, members: readonly TarMember[]): Tree {
  const tree: Tree = new Map(below);
  const remove = (path: string, itself: boolean): void => {
    for (const other of tree.keys()) if ((itself && other === path) || isBelow(other, path)) tree.delete(other);
  };
  for (const { path } of members) {
    if (isOpaque(path)) remove(parentOf(path), false);
    else if (isWhiteout(path)) remove(hidden(path), true);
  }
  for (const [path, member] of treeOf(members.filter((one) => !isWhiteout(one.path)))) {
    const was = tree.get(path);
    if (member === undefined) {
      if (!tree.has(path)) tree.set(path, undefined);
      continue;
    }
    if (member.type !== '5' && tree.has(path) && isDirectory(was)) remove(path, false);
    tree.set(path, member);
  }
  return tree;
}

export type State = 'added' | 'modified' | 'removed' | 'unmodified';

/** Every path of two trees with its state: kind, content, target, mode and owner count, and of a directory all below it. */
export function statesOf(before: Tree, after: Tree): Map<string, State> {
  const states = new Map<string, State>();
  const attributes = (member: TarMember | undefined): string =>
    member === undefined ? '' : [member.type, member.hash, member.link, member.mode, member.uid, member.gid].join('|');
  for (const path of [...new Set([...before.keys(), ...after.keys()])].toSorted()) {
    const state = !before.has(path)
      ? 'added'
      : !after.has(path)
        ? 'removed'
        : attributes(before.get(path)) === attributes(after.get(path))
          ? 'unmodified'
          : 'modified';
    states.set(path, state);
  }
  for (const [path, state] of states) {
    if (state === 'unmodified') continue;
    for (let above = parentOf(path); above !== ''; above = parentOf(above))
      if (states.get(above) === 'unmodified') states.set(above, 'modified');
  }
  return states;
}

export interface DiveAnswer {
  readonly layerBytes: readonly number[];
  readonly efficiency: number;
  readonly wastedBytes: number;
  readonly inefficient: ReadonlyMap<string, { readonly count: number; readonly bytes: number }>;
}

/**
 * The score: of each path that is a leaf of a layer's tree its sizes are added up; a whiteout of a directory has the sizes of
 * all that is in it, every other whiteout 0. The least sizes by all sizes is the efficiency; paths of several layers are waste.
 */
export function diveAnswer(layers: readonly (readonly TarMember[])[]): DiveAnswer {
  const sizes = new Map<string, number[]>();
  let below: Tree = new Map();
  for (const members of layers) {
    const tree = treeOf(members.filter(({ path }) => !isOpaque(path)));
    for (const [path, member] of tree) {
      const isLeaf = ![...tree.keys()].some((other) => isBelow(other, path));
      if (!isLeaf) continue;
      const at = isWhiteout(path) ? hidden(path) : path;
      let size = member?.size ?? 0;
      if (isWhiteout(path) && below.has(at) && isDirectory(below.get(at)))
        for (const [other, inside] of below) if (isBelow(other, at)) size += inside?.size ?? 0;
      sizes.set(at, [...(sizes.get(at) ?? []), size]);
    }
    below = applied(below, members);
  }
  let [least, all] = [0, 0];
  const inefficient = new Map<string, { count: number; bytes: number }>();
  for (const [path, found] of sizes) {
    const bytes = found.reduce((sum, size) => sum + size, 0);
    least += Math.min(...found);
    all += bytes;
    if (found.length > 1) inefficient.set(path, { count: found.length, bytes });
  }
  return {
    layerBytes: layers.map((members) => members.reduce((sum, { size }) => sum + size, 0)),
    efficiency: all === 0 ? 1 : least / all,
    wastedBytes: [...inefficient.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    inefficient,
  };
}
