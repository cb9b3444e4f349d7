import type { Json } from '../../base/index.ts';
import type { AttestationStyle, PackableImage } from '../../images/index.ts';
import type { Layers } from '../../layers/index.ts';
import type { Digest, ImageConfig, Reference } from '../../oci/index.ts';
import type { RegistryOptions } from '../../registry/index.ts';

/** An image that a build made, for one platform. */
export interface ProductImage extends PackableImage {
  readonly id: Digest;
  readonly parsed: ImageConfig;
}

/** What a build made. */
export interface Product {
  /** Of the one image, or of the set of all of them. */
  readonly id: Digest;
  /** One for each platform, in the order in which they were asked for. */
  readonly images: readonly ProductImage[];
  /** True when several platforms were asked for: what leaves is then an index. */
  readonly isIndex: boolean;
  /** How what is said about the images leaves the store. */
  readonly attestationStyle?: AttestationStyle | undefined;
  /** The names that the build was given. */
  readonly names: readonly Reference[];
  /** For the history of tags. */
  readonly reason: string;
  /** What it was made of, for the same: docs/formats/build-records.md. */
  readonly origin: Json;
}

/** What an exporter works with. */
export interface ExportContext {
  readonly layers: Layers;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
  /** How registries are spoken to, where something is pushed. */
  readonly registry?: RegistryOptions | undefined;
}

/** What an exporter tells about what it wrote, under the names that buildx gives it in a metadata file. */
export type ExportReport = Readonly<Record<string, Json>>;

/** Writes what a build made to one place. */
export interface Exporter {
  /** As progress shows it; undefined for what is over in no time. */
  readonly title: string | undefined;
  /** The digest that stands for the product there: of the image, or of the index over several; undefined for bare files. */
  export(product: Product, context: ExportContext): Promise<Exported>;
}

export interface Exported {
  readonly digest: Digest | undefined;
  readonly report: ExportReport;
}
