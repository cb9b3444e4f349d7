import { compareBytes, type ByteString } from '../base/index.ts';
import type { ViewNode } from '../erofs/index.ts';
import { differencesOf } from './analysis/same-node.ts';
import { addTo, newSum } from './analysis/sums.ts';
import { viewOf } from './exploration.ts';
import type { ComparedPackage, ComparedPath, ComparedSide, ExplorationComparison } from './comparison-types.ts';
import type { Exploration } from './tree-types.ts';
import type { ExplorationReport, PrivilegedFile } from './types.ts';

/** Paths that are told. */
const SHOWN_MAX = 2000;

/** Two images side by side: what a container sees of them, their packages and configs. Times alone are no difference. */
export function compareExplorations(before: Exploration, after: Exploration): ExplorationComparison {
  const found: ComparedPath[] = [];
  const totals = { added: newSum(), removed: newSum(), changed: newSum(), growth: 0 };
  const tell = (path: ComparedPath): void => {
    found.push(path);
    if (path.kind === 'directory') return;
    const name = path.state === 'modified' ? 'changed' : path.state;
    addTo(totals[name], path.state === 'removed' ? path.beforeBytes : path.afterBytes);
    totals.growth += path.afterBytes - path.beforeBytes;
  };
  const names = { before: new Set<string>(), after: new Set<string>() };
  compareBelow({ path: '', was: viewOf(before).root, is: viewOf(after).root }, { names, tell });
  const growth = ({ beforeBytes, afterBytes }: ComparedPath): number => Math.abs(afterBytes - beforeBytes);
  found.sort((a, b) => growth(b) - growth(a) || compareBytes(a.path, b.path));
  const [one, other] = [before.report, after.report];
  const unlike = one.layers.findIndex(({ diffId }, i) => diffId !== other.layers[i]?.diffId);
  return {
    before: sideOf(one),
    after: sideOf(other),
    sharedLayers: unlike < 0 ? one.layers.length : unlike,
    files: found.slice(0, SHOWN_MAX),
    moreFiles: Math.max(0, found.length - SHOWN_MAX),
    totals,
    packages: comparePackages(one, other),
    config: compareConfigs(one, other),
    privileged: {
      added: missingIn(one.privileged, other.privileged),
      removed: missingIn(other.privileged, one.privileged),
    },
  };
}

function sideOf({ image, layers, totals, scores }: ExplorationReport): ComparedSide {
  const { name, id, tarBytes } = image;
  return {
    name,
    id,
    layers: layers.length,
    tarBytes,
    visibleBytes: totals.visible.bytes,
    efficiency: scores.shale.efficiency,
  };
}

/** What stands at a path in both images. */
interface Pair {
  readonly path: ByteString;
  readonly was: ViewNode | undefined;
  readonly is: ViewNode | undefined;
}

/** What is found goes here, with the files of several names that had one already, of each side. */
interface Found {
  readonly names: { readonly before: Set<string>; readonly after: Set<string> };
  readonly tell: (path: ComparedPath) => void;
}

function compareBelow({ path, was, is }: Pair, found: Found): void {
  const old = new Map(was?.children() ?? []);
  const now = new Map(is?.children() ?? []);
  for (const name of [...new Set([...old.keys(), ...now.keys()])].toSorted(compareBytes)) {
    const pair = { path: path === '' ? name : `${path}/${name}`, was: old.get(name), is: now.get(name) };
    comparePair(pair, found);
    if (pair.was?.kind === 'directory' || pair.is?.kind === 'directory') compareBelow(pair, found);
  }
}

function comparePair({ path, was, is }: Pair, { names, tell }: Found): void {
  const [beforeBytes, afterBytes] = [bytesOf(was, names.before), bytesOf(is, names.after)];
  const node = is ?? was;
  if (node === undefined || node.kind === 'whiteout') return;
  const differs = was === undefined || is === undefined ? [] : differencesOf(was, is);
  if (was !== undefined && is !== undefined && differs.every((one) => one === 'time')) return;
  const state = was === undefined ? 'added' : is === undefined ? 'removed' : 'modified';
  tell({ path, kind: node.kind, state, differs, beforeBytes, afterBytes });
}

/** A further name of a file (hard link) has no bytes of its own. */
function bytesOf(node: ViewNode | undefined, named: Set<string>): number {
  if (node?.kind !== 'file') return 0;
  if (node.linkCount > 1) {
    const key = `${node.layer}:${node.inode}`;
    if (named.has(key)) return 0;
    named.add(key);
  }
  return node.sizeBytes;
}

function comparePackages(before: ExplorationReport, after: ExplorationReport): ComparedPackage[] {
  const sides = [packagesOf(before), packagesOf(after)] as const;
  const keys = [...new Set(sides.flatMap((side) => [...side.keys()]))].toSorted(compareBytes);
  return keys.flatMap((key) => {
    const [was, is] = [sides[0].get(key), sides[1].get(key)];
    if (was?.version === is?.version && was?.bytes === is?.bytes) return [];
    const [type = '', name = ''] = key.split('\n');
    return [{ type, name, before: was, after: is }];
  });
}

/** By type and name; several versions of one are told together. */
function packagesOf({ packages }: ExplorationReport): Map<string, { version: string; bytes: number }> {
  const found = new Map<string, { version: string; bytes: number }>();
  for (const { type, name, version, bytes } of packages.packages) {
    const key = `${type}\n${name}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { version, bytes });
    else {
      known.version = [...new Set([...known.version.split(', '), version])].toSorted().join(', ');
      known.bytes += bytes;
    }
  }
  return found;
}

function compareConfigs(before: ExplorationReport, after: ExplorationReport): ExplorationComparison['config'] {
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])].toSorted().flatMap((field) => {
    const [was, is] = [old.get(field), now.get(field)];
    if (was === is) return [];
    return [{ field, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) }];
  });
}

/** Variables and labels one by one, every other field as a whole. */
function fieldsOf({ image }: ExplorationReport): Map<string, string> {
  const fields = new Map<string, string>([['platform', image.platform]]);
  const put = (name: string, value: unknown): void => {
    fields.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  };
  for (const [name, value] of Object.entries(image.config)) {
    if (name === 'Env' && Array.isArray(value)) {
      for (const variable of value.map(String)) {
        const equals = variable.indexOf('=');
        put(`Env.${equals < 0 ? variable : variable.slice(0, equals)}`, equals < 0 ? '' : variable.slice(equals + 1));
      }
    } else if (name === 'Labels' && typeof value === 'object' && value !== null) {
      for (const [label, text] of Object.entries(value)) put(`Labels.${label}`, text);
    } else if (value !== undefined && value !== null) put(name, value);
  }
  return fields;
}

/** Those of the second list that the first has not, or with other rights. */
function missingIn(known: readonly PrivilegedFile[], files: readonly PrivilegedFile[]): PrivilegedFile[] {
  const keyOf = ({ path, mode, uid, gid, capabilities = '' }: PrivilegedFile): string =>
    [path, mode & 0o6000, uid, gid, capabilities].join('\n');
  const keys = new Set(known.map(keyOf));
  return files.filter((file) => !keys.has(keyOf(file)));
}
