/** Explorations of layers that a test makes, from tars in a folder that goes with them. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tarOf, type TarOfEntry } from '../../tests/support/tar-of.ts';
import { TarIndexer } from '../layers/index.ts';
import { openIndex } from '../erofs/index.ts';
import type { ExplorationParts, LayerPart } from './parts.ts';

export type SampleParts = Partial<Omit<ExplorationParts, 'layers'>>;

/** The parts of an image with these layers, lowest first; each is a tar or the entries of one. */
export function partsOf(
  layers: readonly (Buffer | readonly TarOfEntry[])[],
  parts: SampleParts = {},
): ExplorationParts {
  const folder = mkdtempSync(join(tmpdir(), 'shale-explore-'));
  const tars = layers.map((layer) => (Buffer.isBuffer(layer) ? layer : tarOf(layer)));
  return {
    image: {
      name: 'sample',
      id: `sha256:${'0'.repeat(64)}`,
      digest: undefined,
      source: 'store',
      platform: 'linux/amd64',
      created: undefined,
      tags: ['sample:latest'],
      bases: [],
      config: {},
    },
    history: tars.map((_, i) => ({
      createdBy: `RUN step ${i}`,
      comment: '',
      created: undefined,
      isEmptyLayer: false,
    })),
    build: undefined,
    lines: new Map(),
    problems: [],
    ...parts,
    layers: tars.map((tar, i) => layerPart(tar, join(folder, `${i}.tar`))),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }),
  };
}

export function layerPart(tar: Buffer, path: string): LayerPart {
  writeFileSync(path, tar);
  const indexer = new TarIndexer();
  indexer.write(tar);
  indexer.end();
  const { image, contents } = indexer.writeIndexToMemory();
  const hex = createHash('sha256').update(tar).digest('hex');
  return {
    diffId: `sha256:${hex}`,
    digest: undefined,
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    compressedBytes: Math.ceil(tar.byteLength / 3),
    tarBytes: tar.byteLength,
    index: openIndex(image, contents),
    locate: (node) => ({ path, offset: node.data().offset, sizeBytes: node.sizeBytes }),
    open: (node, offset) =>
      offset >= node.sizeBytes
        ? emptyStream()
        : createReadStream(path, {
            start: node.data().offset + offset,
            end: node.data().offset + node.sizeBytes - 1,
          }),
  };
}

async function* emptyStream(): AsyncGenerator<Uint8Array> {}
