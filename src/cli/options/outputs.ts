import { resolve } from 'node:path';
import type { AnnotationRequest, OutputFile, OutputRequest, PackingRequest } from '../../engine/index.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../usage-error.ts';
import { parseAnnotationKey } from './annotations.ts';
import { Attributes } from './attributes.ts';

const TYPES = ['local', 'tar', 'oci', 'docker', 'image', 'registry', 'cacheonly'] as const;
const COMPRESSIONS = ['uncompressed', 'gzip', 'zstd', 'estargz'] as const;
const LEVELS = { gzip: { min: 1, max: 9 }, zstd: { min: 1, max: 19 } };

/**
 * `--output`: docker's `type=…,dest=…`, a folder, or `-` for a tar on standard output. What `cacheonly` gives out is
 * nothing, so it adds no output.
 * @throws USAGE
 */
export function parseOutputs(context: Context, words: readonly string[]): OutputRequest[] {
  const outputs = words.flatMap((word) => parseOutput(context, word));
  if (outputs.filter(isStream).length > 1) throw new UsageError('only one output can go to standard output');
  return outputs;
}

/** True where the bytes go to standard output. */
export function isStream(output: OutputRequest): boolean {
  return (output.kind === 'archive' || output.kind === 'tar') && output.to.kind === 'stream';
}

function parseOutput(context: Context, word: string): OutputRequest[] {
  if (word === '-') return [{ kind: 'tar', to: standardOutput(context, word) }];
  if (!word.includes('=') && word !== '') return [{ kind: 'local', folder: resolve(context.cwd, word), mode: 'copy' }];
  const attributes = new Attributes('output', word);
  if (attributes.text('type') === undefined)
    throw attributes.invalid('type= is missing', `types are ${TYPES.join(', ')}`);
  const type = attributes.choice('type', TYPES) ?? 'local';
  const outputs = outputsOfType(context, { type, attributes, word });
  attributes.refuseOthers();
  return outputs;
}

interface Asked {
  readonly type: (typeof TYPES)[number];
  readonly attributes: Attributes;
  readonly word: string;
}

function outputsOfType(context: Context, asked: Asked): OutputRequest[] {
  const { type, attributes, word } = asked;
  switch (type) {
    case 'local':
      return [
        {
          kind: 'local',
          folder: resolve(context.cwd, attributes.required('dest')),
          mode: attributes.choice('mode', ['copy', 'delete']) ?? 'copy',
          ...splitOf(attributes),
        },
      ];
    case 'tar':
      return [{ kind: 'tar', to: fileOf(context, attributes, word), ...splitOf(attributes) }];
    case 'oci':
    case 'docker':
      if (type === 'docker' && attributes.text('dest') === undefined) return [imageOf(attributes)];
      return [archiveOf(context, { ...asked, type })];
    case 'image':
      return attributes.boolean('push') === true ? pushedOf(attributes, { stores: true }) : [imageOf(attributes)];
    case 'registry':
      attributes.only('push', true, 'that is what a registry is for');
      return pushedOf(attributes, { stores: false });
    case 'cacheonly':
      return [];
  }
}

function splitOf(attributes: Attributes): { platformSplit?: boolean } {
  const platformSplit = attributes.boolean('platform-split');
  return platformSplit === undefined ? {} : { platformSplit };
}

/** buildx: an image that is pushed, and kept in the store unless `store=false`. */
function pushedOf(attributes: Attributes, { stores }: { readonly stores: boolean }): OutputRequest[] {
  attributes.only('unpack', false, 'shale never unpacks an image');
  attributes.only('rewrite-timestamp', true, 'times are always those of the build epoch at most');
  // Base layers that came compressed stay as they are, so that registries have them already.
  attributes.only('force-compression', false, 'layers that came compressed stay as they came');
  attributes.boolean('name-canonical');
  const [names, annotations] = [namesOf(attributes), annotationsOf(attributes)];
  const byDigest = attributes.boolean('push-by-digest') ?? false;
  const pushed: OutputRequest = { kind: 'registry', names, annotations, byDigest, packing: packingOf(attributes) };
  return (attributes.boolean('store') ?? stores) ? [pushed, { kind: 'image', names, annotations }] : [pushed];
}

function imageOf(attributes: Attributes): OutputRequest {
  attributes.only('store', true, 'an image is in the store');
  attributes.only('unpack', false, 'shale never unpacks an image');
  attributes.only('rewrite-timestamp', true, 'times are always those of the build epoch at most');
  return { kind: 'image', names: namesOf(attributes), annotations: annotationsOf(attributes) };
}

function archiveOf(
  context: Context,
  { type, attributes, word }: Asked & { readonly type: 'oci' | 'docker' },
): OutputRequest {
  const isTar = attributes.boolean('tar') ?? true;
  if (!isTar && type === 'docker')
    throw attributes.invalid('what docker load reads is a tar', 'type=oci,tar=false,dest=FOLDER');
  attributes.only('rewrite-timestamp', true, 'times are always those of the build epoch at most');
  // Layers are kept uncompressed, so what they are written in is always what is asked for.
  attributes.boolean('force-compression');
  return {
    kind: 'archive',
    format: type,
    to: isTar
      ? fileOf(context, attributes, word)
      : { kind: 'folder', path: resolve(context.cwd, attributes.required('dest')) },
    names: namesOf(attributes),
    packing: packingOf(attributes),
    annotations: annotationsOf(attributes),
  };
}

/** How layers are compressed and what the documents are called. @throws USAGE */
export function packingOf(attributes: Attributes, kindDefault: 'gzip' | 'zstd' = 'gzip'): PackingRequest {
  const kind = attributes.choice('compression', COMPRESSIONS) ?? kindDefault;
  if (kind === 'estargz') throw attributes.invalid('shale does not write estargz', 'compression=gzip or zstd');
  const compression = kind === 'uncompressed' ? 'none' : kind;
  const level = compression === 'none' ? undefined : attributes.integer('compression-level', LEVELS[compression]);
  const isOci = attributes.boolean('oci-mediatypes') ?? true;
  if (!isOci && compression === 'zstd')
    throw attributes.invalid('docker has no media type for zstd', 'leave oci-mediatypes out');
  return { compression, mediaTypes: isOci ? 'oci' : 'docker', ...(level !== undefined && { level }) };
}

/** buildx: several names are separated by commas, in quotes. */
function namesOf(attributes: Attributes): string[] {
  const names = attributes.text('name');
  return names === undefined || names === '' ? [] : names.split(',');
}

/** `annotation.KEY`, `annotation-manifest[linux/amd64].KEY`, … */
function annotationsOf(attributes: Attributes): AnnotationRequest[] {
  return attributes.startingWith('annotation').flatMap(([rest, value]) => {
    const match = /^(?:-([a-z-]+))?(?:\[([^\]]*)\])?\.(.+)$/s.exec(rest);
    if (match === null) throw attributes.invalid(`annotation${rest} is no annotation`, 'annotation.KEY=VALUE');
    const [, place = 'manifest', platform, key = ''] = match;
    const where = platform === undefined ? place : `${place}[${platform}]`;
    return parseAnnotationKey('output', where).map((one) => ({ ...one, key, value }));
  });
}

function fileOf(context: Context, attributes: Attributes, word: string): OutputFile {
  const dest = attributes.text('dest');
  if (dest === undefined || dest === '' || dest === '-') return standardOutput(context, word);
  return { kind: 'file', path: resolve(context.cwd, dest) };
}

function standardOutput({ stdout }: Context, word: string): OutputFile {
  if (stdout.isTerminal)
    throw new UsageError(`--output ${word}: an archive is not written to a terminal`, 'name a file with dest=FILE');
  return { kind: 'stream', write: stdout.write };
}
