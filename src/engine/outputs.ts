import { invariant, ShaleError } from '../base/index.ts';
import { makesIndex, type Annotation, type CacheExport, type CacheImport, type Output } from '../build/index.ts';
import type { Packing } from '../images/index.ts';
import { formatPlatform, parsePlatform, parseReference, platformMatches, type Platform } from '../oci/index.ts';
import type { AnnotationRequest, OutputRequest, PackingRequest } from './output-types.ts';
import type { BuildRequest } from './types.ts';

/**
 * What a build is asked to give out; an image in the store when nothing is said.
 * @throws REFERENCE_INVALID, PLATFORM_INVALID, OUTPUT_UNSUPPORTED, ANNOTATION_INVALID
 */
export function outputsOf(
  request: Pick<BuildRequest, 'outputs' | 'annotations' | 'tags' | 'buildArgs'>,
  platforms: readonly Platform[],
): Output[] {
  const requests: readonly OutputRequest[] = request.outputs ?? [{ kind: 'image', names: [] }];
  const isIndex = makesIndex(platforms.length, request.buildArgs);
  const outputs = requests.map((output) => outputOf(output, request.annotations ?? []));
  for (const output of outputs) {
    if (output.kind === 'registry' && request.tags.length + output.names.length === 0)
      throw new ShaleError('OUTPUT_UNSUPPORTED', 'what is pushed needs a name', { hint: '-t registry.example/name' });
    if (output.kind === 'archive' && output.format === 'docker' && isIndex)
      throw new ShaleError('OUTPUT_UNSUPPORTED', 'a docker archive holds images of one platform', {
        hint: '-o type=oci,dest=FILE',
      });
    if ('annotations' in output)
      for (const annotation of output.annotations) checkAnnotation(annotation, platforms, isIndex);
  }
  return outputs;
}

/** What is said about the image. @throws OUTPUT_UNSUPPORTED when no output can hold it */
export function attestationsOf(
  { attestations = [], attestationStyle }: Pick<BuildRequest, 'attestations' | 'attestationStyle'>,
  outputs: readonly Output[],
): NonNullable<BuildRequest['attestations']> {
  const holds = (output: Output): boolean =>
    output.kind === 'image' || output.kind === 'registry' || (output.kind === 'archive' && output.format === 'oci');
  if (attestations.length > 0 && attestationStyle === 'index') refuseStyle(outputs);
  if (attestations.length === 0 || outputs.some(holds)) return attestations;
  throw new ShaleError('OUTPUT_UNSUPPORTED', 'none of the outputs can hold attestations', {
    hint: '-o type=oci,dest=FILE, --push, or the image in the store; bare files and docker archives cannot',
  });
}

function checkAnnotation({ place, platform, key }: Annotation, platforms: readonly Platform[], isIndex: boolean): void {
  if (!isIndex && place.startsWith('index'))
    throw new ShaleError('ANNOTATION_INVALID', `the annotation ${key} is for an index, and one image is made`, {
      hint: 'an index is made of several platforms: --platform linux/amd64,linux/arm64',
    });
  if (platform === undefined || platforms.some((one) => platformMatches(platform, one))) return;
  const built = platforms.map(formatPlatform).join(', ');
  throw new ShaleError(
    'ANNOTATION_INVALID',
    `the annotation ${key} is for ${formatPlatform(platform)}, and what is built is ${built}`,
  );
}

function outputOf(output: OutputRequest, everywhere: readonly AnnotationRequest[]): Output {
  switch (output.kind) {
    case 'image':
      return {
        kind: 'image',
        names: output.names.map(parseReference),
        annotations: annotationsOf(everywhere, output.annotations),
      };
    case 'registry':
      return {
        kind: 'registry',
        names: output.names.map(parseReference),
        packing: { ...packingOf(output.packing ?? {}), reuse: 'any' },
        annotations: annotationsOf(everywhere, output.annotations),
        byDigest: output.byDigest === true,
      };
    case 'archive':
      return {
        kind: 'archive',
        format: output.format,
        to: output.to,
        names: output.names.map(parseReference),
        packing: {
          ...packingOf(output.packing ?? {}),
          // docker load takes every entry for an image.
          ...(output.format === 'docker' && { attestationStyle: 'referrers' }),
        },
        annotations: annotationsOf(everywhere, output.annotations),
      };
    case 'tar':
    case 'local':
      return output;
  }
}

function annotationsOf(everywhere: readonly AnnotationRequest[], own: readonly AnnotationRequest[] = []): Annotation[] {
  return [...everywhere, ...own].map(({ platform, ...rest }) => ({
    ...rest,
    ...(platform !== undefined && { platform: parsePlatform(platform) }),
  }));
}

/** Docker's media types have no place for what BuildKit lists beside an image. */
function refuseStyle(outputs: readonly Output[]): void {
  for (const output of outputs)
    if (output.kind === 'registry' && output.packing.mediaTypes === 'docker')
      throw new ShaleError('OUTPUT_UNSUPPORTED', "attestations in an index need OCI's media types", {
        hint: 'leave oci-mediatypes=false away, or take --attest-style referrers',
      });
}

/** Layers leave the store in gzip, which everybody reads, unless something else is asked for. */
function packingOf({ compression = 'gzip', level, mediaTypes = 'oci' }: PackingRequest): Packing {
  invariant(compression !== 'zstd' || mediaTypes === 'oci', 'docker has no media type for zstd');
  return { compression, mediaTypes, ...(level !== undefined && { level }) };
}

/** Where the cache of a build is written to. `BUILDKIT_INLINE_CACHE=1` is docker's older word for `type=inline`. */
export function cacheExportsOf({ cacheTo = [], buildArgs }: Pick<BuildRequest, 'cacheTo' | 'buildArgs'>): {
  readonly cacheTo: readonly CacheExport[];
  readonly inlineCache: boolean;
} {
  return {
    cacheTo: cacheTo.flatMap((to): CacheExport[] => {
      if (to.kind === 'inline') return [];
      const packing = packingOf({ compression: 'zstd', ...to.packing });
      if (to.kind === 'local') return [{ ...to, packing }];
      const { name, ...rest } = to;
      return [{ ...rest, reference: parseReference(name), packing }];
    }),
    inlineCache: buildArgs['BUILDKIT_INLINE_CACHE'] === '1' || cacheTo.some(({ kind }) => kind === 'inline'),
  };
}

/** The caches that a build is told to believe. @throws REFERENCE_INVALID */
export function cacheImportsOf({ cacheFrom = [] }: Pick<BuildRequest, 'cacheFrom'>): CacheImport[] {
  return cacheFrom.map((from) =>
    from.kind === 'registry' ? { kind: 'registry', reference: parseReference(from.name) } : from,
  );
}
