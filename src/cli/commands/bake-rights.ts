import { realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Fields } from '../../bake/index.ts';
import { isSystemError } from '../../base/index.ts';
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
 * @throws USAGE that says which --allow is missing
 */
export function refuseUnallowed(fields: Fields, rights: Rights): void {
  const network = fields.get('text', 'network') === 'host' ? ['network.host'] : [];
  const wanted = new Set([...network, ...(fields.get('texts', 'entitlements') ?? [])]);
  const missing = [...wanted].filter((one) => !rights.allowed.includes(one));
  if (rights.isForeign) missing.push(...missingHere(fields, rights));
  if (missing.length === 0) return;
  throw new UsageError(`it asks for ${missing.join(', ')}`, missing.map((one) => `--allow ${one}`).join(' '));
}

function missingHere(fields: Fields, rights: Rights): string[] {
  const needsSsh = (fields.get('entries', 'ssh') ?? []).length > 0 && !rights.allowed.includes('ssh');
  const kinds = [
    ['fs.read', readsOf(fields)],
    ['fs.write', writesOf(fields)],
  ] as const;
  const paths = kinds.flatMap(([right, found]) =>
    found
      .map((path) => resolve(rights.cwd, path))
      .filter((path) => !isAllowed(right, path, rights))
      .map((path) => `${right}=${path}`),
  );
  return [...(needsSsh ? ['ssh'] : []), ...new Set(paths)];
}

/** Files and folders of this machine that a target reads. */
function readsOf(fields: Fields): string[] {
  const contexts = [fields.get('text', 'context') ?? '', ...(fields.get('map', 'contexts')?.values() ?? [])];
  const dockerfile = fields.get('text', 'dockerfile') ?? '';
  const isHere = contexts[0]?.startsWith(HERE) === true;
  return [
    ...contexts.flatMap((context) => pathOf(context ?? '')),
    ...(dockerfile.startsWith(HERE) || (isHere && dockerfile.startsWith('/')) ? [pathHere(dockerfile)] : []),
    ...valuesOf(fields, 'secret', 'src'),
    ...valuesOf(fields, 'cache-from', 'src'),
  ];
}

function writesOf(fields: Fields): string[] {
  return [...valuesOf(fields, 'output', 'dest'), ...valuesOf(fields, 'cache-to', 'dest')].filter(
    (path) => path !== '-',
  );
}

const HERE = 'cwd://';

function pathHere(text: string): string {
  return text.startsWith(HERE) ? text.slice(HERE.length) : text;
}

function pathOf(context: string): string[] {
  if (context.startsWith(HERE)) return [pathHere(context)];
  const layout = /^oci-layout:\/\/(.+?)(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?$/.exec(context)?.[1];
  return layout === undefined ? [] : [layout];
}

function valuesOf(fields: Fields, field: string, key: string): string[] {
  return (fields.get('entries', field) ?? []).flatMap((entry) => entry.get(key) ?? []);
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

/** Where a path leads, through all its links; what is not there yet comes to lie where its folder leads. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT') || path === '/') throw error;
    return join(realPath(dirname(path)), basename(path));
  }
}
