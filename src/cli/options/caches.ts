import { resolve } from 'node:path';
import type { CacheExportRequest, CacheImportRequest } from '../../engine/index.ts';
import { Attributes } from './attributes.ts';
import { packingOf } from './outputs.ts';

const TYPES = ['local', 'inline', 'registry', 'gha', 's3', 'azblob'] as const;
const ELSEWHERE = 'shale keeps caches in folders, registries and images';

/**
 * `--cache-from`: `type=local,src=FOLDER`, `type=registry,ref=NAME`, or the name of an image of the store that carries its
 * cache.
 * @throws USAGE
 */
export function parseCacheFrom(cwd: string, words: readonly string[]): CacheImportRequest[] {
  return words.map((word) => {
    if (!word.includes('=')) return { kind: 'image', name: word };
    const attributes = new Attributes('cache-from', word);
    const type = attributes.choice('type', TYPES);
    if (type === 'registry') {
      const name = attributes.required('ref');
      attributes.refuseOthers();
      return { kind: 'registry', name };
    }
    if (type !== 'local')
      throw refused(
        attributes,
        type,
        'type=local,src=FOLDER, type=registry,ref=NAME, or the name of an image of the store',
      );
    const [tag, digest] = [attributes.text('tag'), attributes.text('digest')];
    const folder = resolve(cwd, attributes.required('src'));
    attributes.refuseOthers();
    return { kind: 'local', folder, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
  });
}

/**
 * `--cache-to`: `type=local,dest=FOLDER[,mode=max]`, `type=registry,ref=NAME[,mode=max]`, or `type=inline`.
 * @throws USAGE
 */
export function parseCacheTo(cwd: string, words: readonly string[]): CacheExportRequest[] {
  return words.map((word) => {
    const attributes = new Attributes('cache-to', word);
    const type = attributes.choice('type', TYPES);
    if (type === 'inline') {
      attributes.refuseOthers();
      return { kind: 'inline' };
    }
    if (type !== 'local' && type !== 'registry')
      throw refused(attributes, type, 'type=local,dest=FOLDER, type=registry,ref=NAME, or type=inline');
    const request = type === 'local' ? localExport(cwd, attributes) : registryExport(attributes);
    attributes.refuseOthers();
    return request;
  });
}

function localExport(cwd: string, attributes: Attributes): CacheExportRequest {
  const tag = attributes.text('tag');
  const folder = resolve(cwd, attributes.required('dest'));
  return { kind: 'local', folder, ...exportOptions(attributes), ...(tag !== undefined && { tag }) };
}

function registryExport(attributes: Attributes): CacheExportRequest {
  return { kind: 'registry', name: attributes.required('ref'), ...exportOptions(attributes) };
}

function exportOptions(
  attributes: Attributes,
): Pick<Extract<CacheExportRequest, { kind: 'local' }>, 'mode' | 'packing' | 'ignoreErrors'> {
  // A cache is an image manifest with OCI's types, and one that is written again leaves nothing of the old one behind.
  for (const name of ['oci-mediatypes', 'image-manifest', 'reset'])
    attributes.only(name, true, 'a cache has one form here');
  attributes.boolean('force-compression');
  return {
    mode: attributes.choice('mode', ['min', 'max']) ?? 'min',
    packing: packingOf(attributes, 'zstd'),
    ignoreErrors: attributes.boolean('ignore-error') ?? false,
  };
}

function refused(attributes: Attributes, type: (typeof TYPES)[number] | undefined, hint: string): Error {
  if (type === undefined) return attributes.invalid('type= is missing', hint);
  return attributes.invalid(ELSEWHERE, hint);
}
