import { ShaleError } from '../base/index.ts';
import { isDigest, type Digest } from './digest.ts';

/**
 * A name of an image in full: `docker.io/library/debian:stable-slim`. A reference with neither tag nor digest means the
 * tag `latest`; with both, the digest decides (distribution reference grammar).
 */
export interface Reference {
  /** Host and port of the registry, `docker.io` by default. */
  readonly registry: string;
  /** Path below the registry, with `library/` where Docker Hub's official images leave it out. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const DEFAULT_REGISTRY = 'docker.io';
const NAME_MAX_CHARACTERS = 255;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;

/**
 * Reads an image name as docker does: the first component is a registry when it has a dot or a colon or is
 * `localhost`; a lone name is Docker Hub's `library/`.
 * @throws REFERENCE_INVALID
 */
export function parseReference(text: string): Reference {
  const refuse = (why: string): never => {
    throw new ShaleError('REFERENCE_INVALID', `${JSON.stringify(text.slice(0, 300))} is not an image name: ${why}`, {
      data: { reference: text.slice(0, 300) },
    });
  };
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest))
    return refuse('the digest must be "sha256:" and 64 lower-case hex digits');
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) return refuse(`${JSON.stringify(tag)} is not a tag`);
  const name = hasTag ? named.slice(0, colon) : named;
  if (/^[0-9a-f]{64}$/.test(name)) return refuse('64 hex digits are an image id');

  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const hasHost = isHost(first);
  const registry = hasHost ? canonicalRegistry(first) : DEFAULT_REGISTRY;
  const path = hasHost ? name.slice(slash + 1) : name;
  const repository = registry === DEFAULT_REGISTRY && !path.includes('/') ? `library/${path}` : path;
  if (hasHost && !HOST.test(first)) return refuse(`${JSON.stringify(first)} is not a registry host`);
  if (path !== path.toLowerCase()) return refuse('the repository must be lower case');
  if (!repository.split('/').every((part) => COMPONENT.test(part)))
    return refuse(`${JSON.stringify(path)} is not a repository`);
  if (registry.length + repository.length + 1 > NAME_MAX_CHARACTERS)
    return refuse(`it is longer than ${NAME_MAX_CHARACTERS} characters`);
  return { registry, repository, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest };
}

/** Whether the first component of a name with several is a registry. */
function isHost(first: string): boolean {
  return /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
}

function canonicalRegistry(host: string): string {
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? DEFAULT_REGISTRY : host;
}

/** The inverse of `parseReference`: the name in full, as tags are stored. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** The name as people write it: without Docker Hub's host and its `library/`, where that is read as the same name. */
export function familiarName(reference: Reference): string {
  const full = formatReference(reference);
  const { registry, repository } = reference;
  const [first = '', second, ...more] = repository.split('/');
  // A path that begins as a host does needs its own before it.
  if (registry !== DEFAULT_REGISTRY || isHost(first)) return full;
  const short = full.slice(DEFAULT_REGISTRY.length + 1);
  return first === 'library' && second !== undefined && more.length === 0 ? short.slice('library/'.length) : short;
}

/** The repository as people write it, without tag and digest. */
export function familiarRepository(reference: Reference): string {
  return familiarName({ ...reference, tag: undefined, digest: undefined });
}
