import { isShaleError, mapPool, messageOf, ShaleError, type ErrorData } from '../../base/index.ts';
import type { GraphBuilder, VertexId } from '../../graph/index.ts';
import type { Platform } from '../../oci/index.ts';
import type { ResolvedImage } from './plan.ts';
import type { ImageSource, StageSource } from './stage.ts';

/** A 1980-01-01, the earliest time that zip files and old file systems can say. Seconds since 1970. */
export const EPOCH_DEFAULT = 315_532_800;

const RESOLVE_CONCURRENCY = 8;

/** The configs of the images that a plan needs, each resolved once. */
export class Bases {
  readonly #resolve: (reference: string, platform: Platform) => Promise<ResolvedImage>;
  readonly #resolved = new Map<string, ResolvedImage>();

  constructor(resolve: (reference: string, platform: Platform) => Promise<ResolvedImage>) {
    this.#resolve = resolve;
  }

  /** Resolves those that are not yet. Failures say for which name. */
  async resolveAll(sources: readonly StageSource[]): Promise<void> {
    const missing = new Map<string, ImageSource>();
    for (const source of sources) {
      if (source.kind !== 'image' || this.#resolved.has(imageKey(source))) continue;
      missing.set(imageKey(source), source);
    }
    const found = await mapPool(
      missing,
      RESOLVE_CONCURRENCY,
      async ([key, source]) => [key, await this.#resolveOne(source)] as const,
    );
    for (const [key, image] of found) this.#resolved.set(key, image);
  }

  get(source: ImageSource): ResolvedImage {
    const image = this.#resolved.get(imageKey(source));
    if (image === undefined) throw new ShaleError('INVARIANT', `the image ${source.reference} was not resolved`);
    return image;
  }

  /** The newest time at which one of the images says that it was made; seconds since 1970. */
  newestCreated(): number | undefined {
    const times = Array.from(this.#resolved.values(), ({ config }) => Date.parse(config.created ?? ''));
    const valid = times.filter((time) => time > 0);
    return valid.length === 0 ? undefined : Math.floor(Math.max(...valid) / 1000);
  }

  async #resolveOne(source: ImageSource): Promise<ResolvedImage> {
    try {
      return await this.#resolve(source.reference, source.platform);
    } catch (error) {
      throw new BaseFailure(source, error);
    }
  }
}

/** Carries the place in the Dockerfile to where it can be shown. */
export class BaseFailure extends Error {
  readonly source: ImageSource;
  readonly failure: unknown;

  constructor(source: ImageSource, failure: unknown) {
    super(messageOf(failure));
    this.source = source;
    this.failure = failure;
  }

  /** The resolver's error, told with the place. Keeps its code and hint. */
  at(place: string, data: ErrorData): ShaleError {
    const { failure } = this;
    const code = isShaleError(failure) ? failure.code : 'BASE_IMAGE_FAILED';
    const hint = isShaleError(failure) ? failure.hint : undefined;
    return new ShaleError(code, `${place}: base image ${this.source.reference}: ${this.message}`, {
      data: { reference: this.source.reference, ...(isShaleError(failure) ? failure.data : {}), ...data },
      cause: failure,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** True for an image without any layer: it is as empty as scratch. */
export function isEmptyImage({ config }: ResolvedImage): boolean {
  return config.diffIds.length === 0 && config.history.every(({ emptyLayer }) => emptyLayer === true);
}

/** The vertex of an image's root filesystem. */
export function addImage(
  builder: GraphBuilder,
  source: ImageSource,
  image: ResolvedImage,
  place: Pick<Parameters<GraphBuilder['add']>[0], 'name' | 'origin' | 'slot' | 'noCache' | 'stage' | 'surroundings'>,
): VertexId {
  return builder.add({
    ...place,
    op: isEmptyImage(image)
      ? { kind: 'scratch' }
      : {
          kind: 'image',
          reference: source.reference,
          diffIds: image.config.diffIds,
          ...(image.digest === undefined ? {} : { digest: image.digest }),
        },
    inputs: [],
    platform: source.platform,
    command: `FROM ${source.reference}`,
  });
}

export function imageKey(source: ImageSource): string {
  const { os, architecture, variant, osVersion } = source.platform;
  return JSON.stringify([source.reference, os, architecture, variant, osVersion]);
}
