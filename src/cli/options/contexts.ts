import { resolve } from 'node:path';
import type { BuildRequest, ContextSource } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';

const EXAMPLE = '--build-context data=../data';

/** True for what is fetched: an address of http, git or ssh, `user@host:path`, or `github.com/…` as docker takes it. */
export function isAddress(text: string): boolean {
  return /^(?:https?|git|ssh):\/\/|^[a-zA-Z0-9_][a-zA-Z0-9_-]*@[a-zA-Z0-9.-]+:|^github\.com\//.test(text);
}

/**
 * Reads `NAME=SOURCE` of --build-context: a folder, `docker-image://IMAGE`, `oci-layout://FOLDER[:TAG][@DIGEST]`, or an
 * address.
 * @throws USAGE
 */
export function parseBuildContexts(texts: readonly string[], cwd: string): Record<string, ContextSource> {
  const contexts: Record<string, ContextSource> = {};
  for (const text of texts) {
    const equals = text.indexOf('=');
    const name = text.slice(0, equals);
    const value = text.slice(equals + 1);
    if (equals <= 0 || value === '')
      throw new UsageError(`--build-context ${JSON.stringify(text)} is not NAME=SOURCE`, EXAMPLE);
    // Whoever names one twice means the later one, as with docker.
    Object.defineProperty(contexts, name, { value: sourceOf(value, cwd), enumerable: true, configurable: true });
  }
  return contexts;
}

function sourceOf(text: string, cwd: string): ContextSource {
  const image = /^docker-image:\/\/(.+)$/.exec(text)?.[1];
  if (image !== undefined) return { kind: 'image', reference: image };
  const layout = /^oci-layout:\/\/(.+)$/.exec(text)?.[1];
  if (layout !== undefined) return layoutOf(layout, cwd);
  if (text.startsWith('target:'))
    throw new UsageError(`${text} names a target of a bake file`, 'name a stage of the Dockerfile, or an image');
  if (isAddress(text)) return { kind: 'address', address: text };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  if (scheme !== undefined)
    throw new UsageError(
      `a build context cannot come from ${scheme}://`,
      'a folder, docker-image://, oci-layout://, https:// or git',
    );
  return { kind: 'directory', path: resolve(cwd, text) };
}

/** `FOLDER`, `FOLDER:TAG`, `FOLDER@sha256:…` or both; a digest wins over a tag. */
function layoutOf(text: string, cwd: string): ContextSource {
  const [, folder = '', tag, digest] =
    /^(.+?)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(text) ?? [];
  const name = digest ?? tag;
  return { kind: 'layout', path: resolve(cwd, folder), ...(name !== undefined && { name }) };
}

/** What -f means: a file here, or for a context that is elsewhere a file in it, when there is none here. */
export function dockerfileSource(
  file: string,
  cwd: string,
  isContextHere: boolean,
): NonNullable<BuildRequest['dockerfile']> {
  if (/^https?:\/\//.test(file)) return { kind: 'address', address: file };
  return isContextHere ? { kind: 'file', path: resolve(cwd, file) } : { kind: 'within', path: file };
}
