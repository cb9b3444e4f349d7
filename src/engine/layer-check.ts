import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { decompress } from '../archive/index.ts';
import { isShaleError } from '../base/index.ts';
import { evictDerived, verifyDerived } from '../layers/index.ts';
import { parseDiffId, type DiffId, type Digest } from '../oci/index.ts';
import type { Store } from '../store/index.ts';
import type { CheckFinding } from './types.ts';

export interface LayerCheck {
  readonly repair: boolean;
  readonly signal: AbortSignal;
  /** Layers and blobs of which something is known to be wrong already. */
  readonly known: ReadonlySet<Digest | undefined>;
}

/**
 * What the store cannot see of layers by itself: indexes and trees that are not what their tar says, and encodings that
 * hold another layer. Reads every layer of every image and container. With `repair` what is wrong is taken away: indexes and trees are
 * made again at need, and an encoding is forgotten.
 */
export async function checkLayers(
  store: Store,
  { repair, signal, known }: LayerCheck,
): Promise<readonly CheckFinding[]> {
  const findings: CheckFinding[] = [];
  for (const diffId of await layersOf(store)) {
    signal.throwIfAborted();
    const faults = known.has(diffId) ? [] : await verifyDerived(store, diffId, signal);
    for (const fault of faults) {
      if (repair) await evictDerived(store, fault);
      const code = fault.what === 'tree' ? 'TREE_MISMATCH' : 'INDEX_MISMATCH';
      findings.push({ subject: diffId, problem: `${code}: ${fault.message}`, repaired: repair });
    }
    for (const { digest } of await store.encodings.list(diffId)) {
      const blob = known.has(digest) ? undefined : await store.blobs.find(digest);
      if (blob === undefined) continue;
      const holds = await unpackedDigest(blob.path, signal);
      if (holds === diffId) continue;
      if (repair) await store.encodings.remove(diffId, digest);
      const message = `${digest} holds ${holds ?? 'no layer'}, not ${diffId}`;
      findings.push({ subject: digest, problem: `ENCODING_MISMATCH: ${message}`, repaired: repair });
    }
  }
  return findings;
}

async function layersOf(store: Store): Promise<readonly DiffId[]> {
  const owners = [...(await store.images.list()), ...(await store.containers.list())];
  return [...new Set(owners.flatMap(({ diffIds }) => diffIds))].toSorted();
}

/** The diffId of what a compressed layer holds; undefined when it cannot be decompressed. */
export async function unpackedDigest(path: string, signal?: AbortSignal): Promise<DiffId | undefined> {
  const hash = createHash('sha256');
  try {
    const { stream } = await decompress(createReadStream(path), { ...(signal && { signal }) });
    for await (const chunk of stream) {
      signal?.throwIfAborted();
      hash.update(chunk);
    }
  } catch (error) {
    if (isShaleError(error)) return undefined;
    throw error;
  }
  return parseDiffId(`sha256:${hash.digest('hex')}`);
}
