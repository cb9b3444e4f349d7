import { gzipSync, zstdCompressSync } from 'node:zlib';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import { sha256 } from './oci-layout.ts';
import type { ScriptedRegistry } from './scripted-registry.ts';

export const TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

/** A layer in one encoding. */
export interface TestLayer {
  readonly tar: Buffer;
  readonly packed: Buffer;
  readonly mediaType: string;
}

/** An image with everything that it is made of. */
export interface TestImage {
  readonly manifest: Buffer;
  readonly digest: string;
  readonly config: Buffer;
  readonly layers: readonly TestLayer[];
}

/** A layer with one file of so many bytes that do not compress well. */
export function layerOf(name: string, sizeBytes: number, compression: 'none' | 'gzip' | 'zstd' = 'gzip'): TestLayer {
  let seed = sizeBytes + name.length;
  const content = Buffer.alloc(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    content[i] = seed >>> 24;
  }
  return packed(tar(member({ name }, content.toString('latin1'))), compression);
}

export function packed(plain: Buffer, compression: 'none' | 'gzip' | 'zstd'): TestLayer {
  if (compression === 'none') return { tar: plain, packed: plain, mediaType: TYPES.layer };
  const bytes = compression === 'gzip' ? gzipSync(plain) : zstdCompressSync(plain);
  return { tar: plain, packed: bytes, mediaType: `${TYPES.layer}+${compression}` };
}

export function imageOf(layers: readonly TestLayer[], architecture = 'amd64'): TestImage {
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      config: { Env: ['A=b'] },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer.tar)}`) },
      history: layers.map(() => ({ created_by: 'test' })),
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: TYPES.manifest,
      config: descriptorOf(config, TYPES.config),
      layers: layers.map((layer) => descriptorOf(layer.packed, layer.mediaType)),
    }),
  );
  return { manifest, digest: `sha256:${sha256(manifest)}`, config, layers };
}

export function descriptorOf(bytes: Buffer, mediaType: string): Record<string, unknown> {
  return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
}

export function indexOf(images: readonly (TestImage & { readonly architecture: string })[]): Buffer {
  const manifests = images.map(({ manifest, architecture }) => ({
    ...descriptorOf(manifest, TYPES.manifest),
    platform: { os: 'linux', architecture },
  }));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: TYPES.index, manifests }));
}

/** Puts images into a scripted registry: `team/app:TAG`. */
export function seed(registry: ScriptedRegistry, images: Readonly<Record<string, TestImage>>): void {
  for (const [tag, { manifest, digest, config, layers }] of Object.entries(images)) {
    for (const bytes of [config, ...layers.map((layer) => layer.packed)]) registry.blobs.set(sha256(bytes), bytes);
    for (const name of [tag, digest])
      registry.manifests.set(`team/app:${name}`, { bytes: manifest, type: TYPES.manifest });
  }
}
