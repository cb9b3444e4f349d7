import { isDigest, type Digest } from '../../oci/index.ts';
import { refusal } from './answer.ts';

/** Characters that the name of a repository may have (distribution-spec, "Pulling manifests"; 255 with the host). */
const NAME_MAX_CHARACTERS = 255;
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const UPLOAD = /^[0-9a-f]{32}$/;
/** Bytes of a request's path with its query. */
const TARGET_MAX_BYTES = 8192;

/** What a query may say once: two programs could take another one of two for the right one. */
const ONCE: readonly string[] = ['digest', 'mount', 'from', 'n', 'last', 'artifactType', 'ns'];

/** What a request is about. */
export type Route =
  | { readonly kind: 'base' | 'catalog' }
  | { readonly kind: 'tags' | 'uploads'; readonly repository: string }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string }
  | { readonly kind: 'upload'; readonly repository: string; readonly id: string }
  | { readonly kind: 'blob' | 'referrers'; readonly repository: string; readonly digest: Digest };

export interface Target {
  readonly route: Route;
  readonly query: URLSearchParams;
}

/**
 * Reads the target of a request. Nothing is decoded but the colon of a digest: no name of the protocol needs it, and so no
 * spelling hides another path.
 * @throws NAME_INVALID, DIGEST_INVALID, MANIFEST_INVALID, NAME_UNKNOWN for other paths, UNSUPPORTED (400) for a query that
 * says twice what it may say once
 */
export function parseTarget(target: string): Target {
  if (target.length > TARGET_MAX_BYTES) throw refusal('NAME_INVALID', 'the path is too long', { status: 414 });
  const at = target.indexOf('?');
  const path = (at < 0 ? target : target.slice(0, at)).replaceAll(/%3a/gi, ':');
  const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  const twice = ONCE.find((key) => query.getAll(key).length > 1);
  if (twice !== undefined) throw refusal('UNSUPPORTED', `the query has ${twice} more than once`, { status: 400 });
  return { route: routeOf(path), query };
}

function routeOf(path: string): Route {
  if (path === '/v2/' || path === '/v2') return { kind: 'base' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  const found =
    /^\/v2\/(.*)\/(tags\/list|manifests\/[^/]*|blobs\/uploads\/?|blobs\/uploads\/[^/]+|blobs\/[^/]+|referrers\/[^/]+)$/s.exec(
      path,
    );
  const [, name, rest] = found ?? [];
  if (name === undefined || rest === undefined) throw refusal('NAME_UNKNOWN', 'there is nothing at this path');
  const repository = repositoryIn(name);
  const last = rest.slice(rest.lastIndexOf('/') + 1);
  if (rest === 'tags/list') return { kind: 'tags', repository };
  if (rest.startsWith('manifests/')) return { kind: 'manifest', repository, reference: referenceIn(last) };
  if (rest.startsWith('referrers/')) return { kind: 'referrers', repository, digest: digestIn(last) };
  if (!rest.startsWith('blobs/uploads')) return { kind: 'blob', repository, digest: digestIn(last) };
  if (last === '' || last === 'uploads') return { kind: 'uploads', repository };
  if (!UPLOAD.test(last)) throw refusal('BLOB_UPLOAD_UNKNOWN', 'there is no such upload');
  return { kind: 'upload', repository, id: last };
}

/** @throws NAME_INVALID */
export function repositoryIn(name: string): string {
  if (name.length <= NAME_MAX_CHARACTERS && NAME.test(name)) return name;
  throw refusal('NAME_INVALID', `${JSON.stringify(name.slice(0, 100))} is not the name of a repository`);
}

/** @throws DIGEST_INVALID */
export function digestIn(text: string | null): Digest {
  if (isDigest(text)) return text;
  throw refusal('DIGEST_INVALID', `${JSON.stringify((text ?? '').slice(0, 100))} is not a sha256 digest`);
}

function referenceIn(text: string): string {
  if (text.includes(':')) return digestIn(text);
  if (TAG.test(text)) return text;
  throw refusal('MANIFEST_UNKNOWN', `${JSON.stringify(text.slice(0, 150))} is not a tag`);
}

/** @throws MANIFEST_INVALID */
export function tagIn(text: string): string {
  if (TAG.test(text)) return text;
  throw refusal('MANIFEST_INVALID', `${JSON.stringify(text.slice(0, 150))} is not a tag`);
}
