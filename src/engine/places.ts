import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { ShaleError } from '../base/index.ts';
import {
  dirSource,
  DirSink,
  dockerArchiveSource,
  DockerArchiveSink,
  FolderFiles,
  getImage,
  getPlatformImage,
  imageInLayout,
  LayoutSink,
  mayBeFolder,
  openArchive,
  registrySink,
  registrySource,
  storeSource,
  TarFile,
  type ImageSink,
  type ImageSource,
  type StoreSource,
} from '../images/index.ts';
import { formatReference, parseReference, type LayerCompression, type Platform } from '../oci/index.ts';
import type { EngineContext } from './context.ts';
import type { Watch } from './types.ts';

/** Where an image lies, as `copy` names it. */
export type Place =
  | { readonly kind: 'docker'; readonly reference: string }
  | { readonly kind: 'store'; readonly image: string }
  | {
      readonly kind: 'oci' | 'oci-archive' | 'docker-archive';
      readonly path: string;
      readonly name: string | undefined;
    }
  | { readonly kind: 'dir'; readonly path: string };

/** Reads `docker://REF`, `store:NAME`, `oci:PATH[:TAG]`, `oci-archive:…`, `docker-archive:PATH[:REF]`, `dir:PATH`. @throws PLACE_INVALID */
export function parsePlace(text: string, folder: string): Place {
  const colon = text.indexOf(':');
  const [kind, rest] = [text.slice(0, colon), text.slice(colon + 1)];
  if (kind === 'docker' && rest.startsWith('//')) return { kind, reference: rest.slice(2) };
  if (kind === 'store' && rest !== '') return { kind, image: rest };
  if (kind === 'dir' && rest !== '') return { kind, path: resolve(folder, rest) };
  if ((kind === 'oci' || kind === 'oci-archive' || kind === 'docker-archive') && rest !== '') {
    const end = rest.indexOf(':');
    const name = end < 0 ? undefined : rest.slice(end + 1) || undefined;
    return { kind, path: resolve(folder, end < 0 ? rest : rest.slice(0, end)), name };
  }
  throw new ShaleError('PLACE_INVALID', `${JSON.stringify(text.slice(0, 200))} is no place of an image`, {
    hint: 'docker://NAME, store:NAME, oci:FOLDER[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME] or dir:FOLDER',
  });
}

/** Whether a text names a place; an image of the store may be called the same. */
export function isPlace(text: string): boolean {
  return /^(?:docker:\/\/|(?:store|dir|oci|oci-archive|docker-archive):)/.test(text);
}

export interface SourceOptions {
  readonly compression?: LayerCompression | undefined;
  readonly level?: number | undefined;
  /** See `StoreSourceOptions`. */
  readonly attestationStyle?: 'referrers' | undefined;
  /** Of an index of the store: this image only. */
  readonly platform?: Platform | undefined;
}

export async function openSource(
  context: EngineContext,
  place: Place,
  watch: Watch,
  options: SourceOptions = {},
): Promise<ImageSource> {
  const name = formatPlace(place);
  switch (place.kind) {
    case 'docker':
      return registrySource(parseReference(place.reference), context.registry(watch.signal));
    case 'store':
      return await openStored(context, place.image, watch, options);
    case 'dir':
      return dirSource(new FolderFiles(requireThere(place.path)), name);
    case 'oci':
      return imageInLayout(new FolderFiles(requireThere(place.path)), name, place.name);
    case 'oci-archive':
    case 'docker-archive': {
      const opened = await openArchive(context.store, { file: requireThere(place.path) }, watch.signal);
      try {
        const source =
          place.kind === 'oci-archive'
            ? imageInLayout(opened.archive, name, place.name)
            : await dockerArchiveSource(opened.archive, name, place.name);
        return { ...source, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
      } catch (error) {
        await opened[Symbol.asyncDispose]();
        throw error;
      }
    }
  }
}

/** What a name of the store leads to, or its image of one platform. @throws IMAGE_NOT_FOUND, PLATFORM_UNKNOWN, IMAGE_INCOMPLETE */
export async function openStored(
  context: EngineContext,
  name: string,
  { signal }: Watch,
  { compression, level, platform, attestationStyle }: SourceOptions,
): Promise<StoreSource> {
  const { layers, store } = context;
  const found = await (platform === undefined ? getImage(store, name) : getPlatformImage(store, name, platform));
  return await storeSource(layers, found, name, {
    compression,
    level,
    attestationStyle,
    signal,
    registry: context.registry(signal),
  });
}

export function openSink(context: EngineContext, place: Exclude<Place, { kind: 'store' }>, watch: Watch): ImageSink {
  const name = formatPlace(place);
  switch (place.kind) {
    case 'docker':
      return registrySink(parseReference(place.reference), context.registry(watch.signal));
    case 'dir':
      return new DirSink(new FolderFiles(requireFolder(place.path)), name, isEmpty(place.path));
    case 'oci':
      return new LayoutSink(new FolderFiles(requireFolder(place.path)), name, place.name);
    case 'oci-archive':
      return new LayoutSink(new TarFile(place.path), name, place.name);
    case 'docker-archive':
      return new DockerArchiveSink(new TarFile(place.path), name, place.name);
  }
}

export function formatPlace(place: Place): string {
  if (place.kind === 'docker') return `docker://${place.reference}`;
  if (place.kind === 'store') return `store:${place.image}`;
  const suffix = place.kind === 'dir' || place.name === undefined ? '' : `:${place.name}`;
  return `${place.kind}:${place.path}${suffix}`;
}

/** The name in full that an image gets in the store. */
export function storeName(image: string): string {
  const reference = parseReference(image);
  if (reference.digest !== undefined) throw new ShaleError('REFERENCE_INVALID', `${image} has a digest, a tag cannot`);
  return formatReference(reference);
}

function requireThere(path: string): string {
  if (existsSync(path)) return path;
  throw new ShaleError('IMAGE_NOT_FOUND', `there is no ${path}`, { data: { path } });
}

function requireFolder(path: string): string {
  if (mayBeFolder(path)) return path;
  throw new ShaleError('OUTPUT_EXISTS', `${path} is there and no folder`, { data: { path } });
}

function isEmpty(path: string): boolean {
  return !existsSync(path) || readdirSync(path).length === 0;
}
