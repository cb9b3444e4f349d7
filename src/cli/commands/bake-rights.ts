import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Fields } from '../../bake/index.ts';
import { isSystemError } from '../../base/index.ts';
import type { BuildRequest } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';

export interface Rights {
  /** `--allow`, of the person who bakes. */
  readonly allowed: readonly string[];
  readonly cwd: string;
  /** The definition comes from elsewhere: it may touch files below `cwd` only. */
  readonly isForeign: boolean;
}

/**
 * A bake file may not give itself what its user has not allowed: entitlements of steps, and where it comes from elsewhere keys
 * and files of this machine (`ssh`, `fs.read=PATH`, `fs.write=PATH`, `fs=PATH`; `*` is every path), as with docker buildx.
 * `request` is what `fields` come to: every path that they lead to stands there, however it was written.
 * @throws USAGE that says which --allow is missing
 */
export function refuseUnallowed(fields: Fields, request: BuildRequest, rights: Rights): void {
  const network = fields.get('text', 'network') === 'host' ? ['network.host'] : [];
  const wanted = new Set([...network, ...(fields.get('texts', 'entitlements') ?? [])]);
  const missing = [...wanted].filter((one) => !rights.allowed.includes(one));
  if (rights.isForeign) missing.push(...missingHere(request, rights));
  if (missing.length === 0) return;
  throw new UsageError(`it asks for ${missing.join(', ')}`, missing.map((one) => `--allow ${one}`).join(' '));
}

function missingHere(request: BuildRequest, rights: Rights): string[] {
  const needsSsh = (request.ssh ?? []).length > 0 && !rights.allowed.includes('ssh');
  const kinds = [
    ['fs.read', readsOf(request)],
    ['fs.write', writesOf(request)],
  ] as const;
  const paths = kinds.flatMap(([right, found]) =>
    found.filter((path) => !isAllowed(right, path, rights)).map((path) => `${right}=${path}`),
  );
  return [...(needsSsh ? ['ssh'] : []), ...new Set(paths)];
}

/** Files and folders of this machine that a build reads, absolute. */
function readsOf({ context, dockerfile, buildContexts = {}, secrets = [], cacheFrom = [] }: BuildRequest): string[] {
  return [
    ...(context.kind === 'directory' ? [context.path] : []),
    ...Object.values(buildContexts).flatMap((one) =>
      one.kind === 'directory' || one.kind === 'layout' ? [one.path] : [],
    ),
    ...(dockerfile?.kind === 'file' ? [dockerfile.path] : []),
    ...secrets.flatMap((secret) => (secret.kind === 'file' ? [secret.path] : [])),
    ...cacheFrom.flatMap((one) => (one.kind === 'local' ? [one.folder] : [])),
  ];
}

/** Those that it writes. */
function writesOf({ outputs = [], cacheTo = [] }: BuildRequest): string[] {
  return [
    ...outputs.flatMap((output) => {
      if (output.kind === 'local') return [output.folder];
      if (output.kind !== 'archive' && output.kind !== 'tar') return [];
      return output.to.kind === 'stream' ? [] : [output.to.path];
    }),
    ...cacheTo.flatMap((one) => (one.kind === 'local' ? [one.folder] : [])),
  ];
}

function isAllowed(right: 'fs.read' | 'fs.write', path: string, { allowed, cwd }: Rights): boolean {
  const places = allowed.flatMap((one) => {
    const [name, place] = one.split(/=(.*)/s);
    return (name === right || name === 'fs') && place !== undefined ? [place] : [];
  });
  if (places.includes('*')) return true;
  return [cwd, ...places].some((place) => isBelow(realPath(resolve(cwd, place)), realPath(path)));
}

function isBelow(folder: string, path: string): boolean {
  return !/^\.\.(?:\/|$)/.test(relative(folder, path));
}

/** Where a path leads, through all its links; what is not there yet comes to lie where its folder, or the link, leads. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR') || path === '/') throw error;
    const folder = realPath(dirname(path));
    return isLink(path) ? realPath(resolve(folder, readlinkSync(path))) : join(folder, basename(path));
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
