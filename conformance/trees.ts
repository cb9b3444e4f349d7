import type { ViewNode } from '../src/erofs/index.ts';
import type { Lab } from '../tests/support/lab.ts';

/** `[type, mode, uid, gid, size, sha256 or link target]`, as in the shared corpus. */
export type Row = readonly [string, string, number, number, number, string];

/** What a tree has that its base has not or has otherwise, and the base's paths that are gone. */
export interface TreeChanges {
  readonly tree: Readonly<Record<string, Row>>;
  readonly removed: readonly string[];
}

/** A config's fields that say something, with the numbers of layers and of history entries. */
export type ConfigFields = Readonly<Record<string, unknown>> & { readonly layers: number; readonly history: number };

/** Every path of an image but the root. */
export async function rowsOf(lab: Lab, imageId: string): Promise<Map<string, Row>> {
  return new Map([...(await lab.tree(imageId))].map(([path, node]) => [path, rowOf(node)]));
}

function rowOf(node: ViewNode): Row {
  const mode = `0o${node.mode.toString(8)}`;
  if (node.kind === 'directory') return ['dir', mode, node.uid, node.gid, 0, ''];
  if (node.kind === 'symlink') return ['link', mode, node.uid, node.gid, 0, node.linkTarget()];
  const digest = Buffer.from(node.sha256() ?? []).toString('hex');
  return [node.kind, mode, node.uid, node.gid, node.sizeBytes, digest];
}

export function changesBetween(base: ReadonlyMap<string, Row>, tree: ReadonlyMap<string, Row>): TreeChanges {
  const changed: Record<string, Row> = {};
  for (const [path, row] of tree) if (String(base.get(path)) !== String(row)) changed[path] = row;
  return { tree: changed, removed: [...base.keys()].filter((path) => !tree.has(path)).toSorted() };
}

/** The fields that `expected` has, and all others that say something. */
export async function configOf(lab: Lab, imageId: string, expected: ConfigFields): Promise<ConfigFields> {
  const inspected = await lab.engine.inspect(imageId, 'image');
  const config = inspected['Config'] as Record<string, unknown>; // Docker's shape.
  const rootfs = inspected['RootFS'] as { readonly Layers: readonly string[] }; // Docker's shape.
  const named = Object.fromEntries(Object.entries(config).filter(([name]) => name in expected));
  const history = await lab.engine.history(imageId);
  return { ...named, ...sayingFields(config), layers: rootfs.Layers.length, history: history.length };
}

/** Without the fields that say nothing. */
export function sayingFields(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
