import { openStackTree, readTreeFile, type SourceNode } from '../../build/index.ts';
import type { DiffId } from '../../oci/index.ts';
import { compareTrees, type TreeChange } from '../compare-trees.ts';
import type { EngineContext } from '../context.ts';
import { diagnose, type Compared } from './cause.ts';
import type { VerifyDifference } from './verify-types.ts';

/** Larger files are compared by digest alone. */
const LOOKED_INTO_MAX_BYTES = 8 * 1024 * 1024;
const DELETED_OTHERWISE = { cause: 'unknown', mend: 'the step deletes other files each time' } as const;

/** How two layers of one step differ, path by path, and why they may; undefined is a layer without anything. */
export async function* layerDifferences(
  layers: EngineContext['layers'],
  before: DiffId | undefined,
  after: DiffId | undefined,
): AsyncGenerator<Omit<VerifyDifference, 'layer' | 'madeBy'>> {
  let isSilent = true;
  for (const change of compareTrees(await treeOf(layers, before), await treeOf(layers, after))) {
    isSilent = false;
    yield differenceOf(change);
  }
  // A tree shows no whiteouts.
  if (isSilent) yield { path: '/', kind: 'changed', differs: [], ...DELETED_OTHERWISE };
}

async function treeOf(layers: EngineContext['layers'], diffId: DiffId | undefined): Promise<SourceNode | undefined> {
  return diffId === undefined ? undefined : openStackTree(await layers.stack([diffId]));
}

function differenceOf(change: TreeChange): Omit<VerifyDifference, 'layer' | 'madeBy'> {
  const differs = change.kind === 'changed' ? change.differs : [];
  const { cause, mend } = diagnose(comparedOf(change));
  return { path: `/${change.path}`, kind: change.kind, differs, cause, mend };
}

function comparedOf(change: TreeChange): Compared {
  if (change.kind !== 'changed' || !change.differs.includes('content')) return { change };
  const { before, after } = change;
  if (before.sizeBytes > LOOKED_INTO_MAX_BYTES || after.sizeBytes > LOOKED_INTO_MAX_BYTES) return { change };
  return { change, before: contentOf(before), after: contentOf(after) };
}

function contentOf(node: SourceNode): Buffer {
  return readTreeFile(node, '', LOOKED_INTO_MAX_BYTES) ?? Buffer.alloc(0);
}
