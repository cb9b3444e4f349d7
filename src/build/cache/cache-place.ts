import {
  blobName,
  layoutSource,
  LayoutFolder,
  REF_NAME,
  type EncodedLayer,
  type PackedDocument,
} from '../../images/index.ts';
import type { Descriptor } from '../../oci/index.ts';
import type { LayerSource } from '../../store/index.ts';

/** Where an exported cache is read from. Nothing is read before it is asked for. */
export interface CacheSource {
  /** For people. */
  readonly title: string;
  /** What leads to the cache: a manifest, or an index; undefined where there is none. */
  top(): Promise<Descriptor | undefined>;
  /** A small blob, verified. */
  read(descriptor: Descriptor, maxBytes: number): Promise<Buffer>;
  /** True when a layer's bytes could be had; they are not read. */
  has(descriptor: Descriptor): Promise<boolean>;
  /** How the store gets a layer's bytes once something needs them. */
  layerSource(descriptor: Descriptor): LayerSource;
}

/** Where a cache is written to. */
export interface CacheTarget {
  /** For people. */
  readonly title: string;
  /** True when the blob is there already, so that it need not be written. */
  has(descriptor: Descriptor): Promise<boolean>;
  putLayer(layer: EncodedLayer): Promise<void>;
  putDocument(document: PackedDocument): Promise<void>;
  /** The last step: the name leads to this manifest from now on. */
  point(manifest: Descriptor): Promise<void>;
}

/** A folder that is one cache or several, in the form of an OCI layout. */
export interface LocalCachePlace {
  readonly folder: string;
  /** Which of several; `latest` when absent. */
  readonly tag?: string | undefined;
  /** Of the manifest, instead of a tag. */
  readonly digest?: string | undefined;
}

const TAG_DEFAULT = 'latest';

export function localCacheSource({ folder, tag, digest }: LocalCachePlace): CacheSource {
  const layout = new LayoutFolder(folder);
  return {
    title: folder,
    async top() {
      const manifests = (await layout.index())?.manifests ?? [];
      if (digest !== undefined) return manifests.find((entry) => entry.digest === digest);
      const wanted = tag ?? TAG_DEFAULT;
      return (
        manifests.find((entry) => entry.annotations?.[REF_NAME] === wanted) ??
        (tag === undefined && manifests.length === 1 ? manifests[0] : undefined)
      );
    },
    read: (descriptor, maxBytes) => layout.read(descriptor, maxBytes),
    has: (descriptor) => layout.has(descriptor),
    layerSource: (descriptor) => layoutSource(folder, descriptor),
  };
}

export function localCacheTarget({ folder, tag }: LocalCachePlace): CacheTarget {
  const layout = new LayoutFolder(folder);
  return {
    title: folder,
    has: (descriptor) => layout.has(descriptor),
    putLayer: ({ descriptor, path }) =>
      layout.put({ name: blobName(descriptor.digest), kind: 'file', path, sizeBytes: descriptor.size }),
    putDocument: ({ descriptor, bytes }) =>
      layout.put({ name: blobName(descriptor.digest), kind: 'bytes', bytes, sizeBytes: bytes.length }),
    point: (manifest) => layout.point({ ...manifest, annotations: { [REF_NAME]: tag ?? TAG_DEFAULT } }),
  };
}
