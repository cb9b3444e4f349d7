import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { type ByteString, type ByteStream, fromText, isShaleError, ShaleError, toText } from '../../base/index.ts';
import type { EngineContext } from '../context.ts';
import { cleanPath, type ContainerRoot, type Located, openContainerRoot } from './container-root.ts';
import { eventAttributes, parseSetup } from './record.ts';
import { openInRoot, untarTree } from './tar-tree.ts';
import { tarOfTree } from './tree-tar.ts';
import type { CopyRequest, CopyPlace } from './types.ts';

/** A tree that is read: a held directory, and the name in it of what is copied (none: the directory itself). */
interface Source extends Disposable {
  readonly directory: number;
  readonly name: ByteString | undefined;
  readonly isDirectory: boolean;
  /** What the copy is called in a directory. */
  readonly baseName: ByteString;
}

/** `shale cp` between a container and this machine. @throws CONTAINER_NOT_FOUND, COPY_INVALID, COPY_NOT_FOUND */
export async function copy(context: EngineContext, request: CopyRequest): Promise<void> {
  const { from, to } = request;
  if (from.kind === to.kind)
    throw new ShaleError('COPY_INVALID', 'a copy goes from a container to this machine, or the other way');
  if (from.kind === 'container') {
    await using root = await openContainerRoot(context, from.container);
    using source = openSource(root, from.path, request.followLink);
    await toHost(source, from.path, to.path, request);
  } else if (to.kind === 'container') {
    await using root = await openContainerRoot(context, to.container);
    using source = openHostSource(from.path, request.followLink);
    await toContainer(source, from.path, { root, path: to.path }, request);
  }
  await tell(context, from, to);
}

async function tell(context: EngineContext, from: CopyPlace, to: CopyPlace): Promise<void> {
  const name = from.kind === 'container' ? from.container : to.kind === 'container' ? to.container : '';
  const record = await context.store.containers.get(name);
  await context.store.events.append({
    type: 'container',
    action: 'copy',
    subject: record.id,
    attributes: eventAttributes(record, parseSetup(record)),
  });
}

/** The tar of a path of a container, as `shale cp CONTAINER:PATH -` writes it. */
export async function* copyOut(
  context: EngineContext,
  from: { readonly container: string; readonly path: string; readonly followLink: boolean },
): AsyncGenerator<Uint8Array> {
  await using root = await openContainerRoot(context, from.container);
  using source = openSource(root, from.path, from.followLink);
  yield* tarOfTree(treeOf(source), namesContents(from.path) ? '' : source.baseName);
}

/** Unpacks a tar into a directory of a container, as `shale cp - CONTAINER:PATH` does. */
export async function copyIn(
  context: EngineContext,
  tar: ByteStream,
  to: { readonly container: string; readonly path: string; readonly keepOwners: boolean },
): Promise<void> {
  await using root = await openContainerRoot(context, to.container);
  const directory = root.locate(cleanPath(fromText(to.path)));
  requireWritable(directory, to.path);
  requireDirectory(directory, to.path);
  await untarTree(tar, {
    root: directory.root,
    directory: directory.path,
    links: 'in-root',
    owner: to.keepOwners ? 'kept' : ROOT,
  });
}

const ROOT = { uid: 0, gid: 0 };

function treeOf({ directory, name }: Source): { directory: number; name?: ByteString } {
  return name === undefined ? { directory } : { directory, name };
}

/** `DIR/.` means what is in the directory. */
function namesContents(path: string): boolean {
  return path.endsWith('/.') || path === '.';
}

/** The path must be a directory, and a link at its end is followed. */
function namesDirectory(path: string): boolean {
  return path.endsWith('/') || namesContents(path);
}

/** @throws COPY_NOT_FOUND */
function openSource(root: ContainerRoot, path: string, followLink: boolean): Source {
  const clean = cleanPath(fromText(path));
  const located = root.locate(clean);
  const follow = followLink || namesDirectory(path);
  const fd = openLocated(located, path, follow);
  try {
    const isDirectory = fstatSync(fd).isDirectory();
    if (namesDirectory(path) && !isDirectory) throw new ShaleError('COPY_INVALID', `${path} is not a directory`);
    const baseName = clean.slice(clean.lastIndexOf('/') + 1) || '/';
    if (isDirectory) {
      const directory = openSync(`/proc/self/fd/${fd}/.`, constants.O_RDONLY | constants.O_DIRECTORY);
      return { directory, name: undefined, isDirectory, baseName, [Symbol.dispose]: () => closeSync(directory) };
    }
    return fileIn(located, baseName, follow ? fd : undefined);
  } finally {
    closeSync(fd);
  }
}

/** A single file: its folder is held, and its name looked up in that. */
function fileIn(located: Located, baseName: ByteString, followed: number | undefined): Source {
  let path = located.path;
  // The kernel has followed the links: the file is where it says, below the same root.
  if (followed !== undefined) {
    const [base, real] = [located.root, followed].map((fd) =>
      readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).toString('latin1'),
    );
    path = cleanPath(base === '/' ? (real ?? '') : (real ?? '').slice(base?.length ?? 0)).slice(1);
  }
  const slash = path.lastIndexOf('/');
  const folder = openInRoot(located.root, path.slice(0, Math.max(0, slash)), true);
  try {
    const directory = openSync(`/proc/self/fd/${folder}/.`, constants.O_RDONLY | constants.O_DIRECTORY);
    return {
      directory,
      name: path.slice(slash + 1),
      isDirectory: false,
      baseName,
      [Symbol.dispose]: () => closeSync(directory),
    };
  } finally {
    closeSync(folder);
  }
}

/** @throws COPY_NOT_FOUND */
function openLocated(located: Located, shown: string, follow: boolean): number {
  try {
    return openInRoot(located.root, located.path, follow);
  } catch (cause) {
    if (!isShaleError(cause, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw cause;
    throw new ShaleError('COPY_NOT_FOUND', `there is no ${shown} in the container`, { cause });
  }
}

/** @throws COPY_NOT_FOUND */
function openHostSource(path: string, followLink: boolean): Source {
  const absolute = resolve(path);
  const follow = followLink || namesDirectory(path);
  const stat = lstatSync(absolute, { throwIfNoEntry: false });
  if (stat === undefined) throw new ShaleError('COPY_NOT_FOUND', `there is no ${path} on this machine`);
  const opened = follow || !stat.isSymbolicLink() ? openPath(absolute) : undefined;
  const isDirectory = opened !== undefined && fstatSync(opened).isDirectory();
  if (opened !== undefined) closeSync(opened);
  if (namesDirectory(path) && !isDirectory) throw new ShaleError('COPY_INVALID', `${path} is not a directory`);
  const baseName = fromText(basename(absolute));
  if (isDirectory) {
    const directory = openSync(absolute, constants.O_RDONLY | constants.O_DIRECTORY);
    return { directory, name: undefined, isDirectory, baseName, [Symbol.dispose]: () => closeSync(directory) };
  }
  const real = follow && stat.isSymbolicLink() ? resolve(dirname(absolute), readlinkSync(absolute)) : absolute;
  const directory = openSync(dirname(real), constants.O_RDONLY | constants.O_DIRECTORY);
  return {
    directory,
    name: fromText(basename(real)),
    isDirectory,
    baseName,
    [Symbol.dispose]: () => closeSync(directory),
  };
}

/** Without waiting for the other end of a pipe. @throws COPY_NOT_FOUND */
function openPath(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** What docker's rules make of a copy: the directory that is unpacked into, and what the top entry is called. */
interface Placement {
  readonly directory: string;
  readonly as: ByteString;
}

/** docker cp's table: what is there at the destination decides what the copy is called. @throws COPY_INVALID */
function place(
  source: Source,
  sourcePath: string,
  to: { readonly path: string; readonly kind: 'absent' | 'directory' | 'other'; readonly parentIsDirectory: boolean },
): Placement {
  if (to.kind === 'directory') {
    const contents = source.isDirectory && namesContents(sourcePath);
    return { directory: to.path, as: contents ? '' : source.baseName };
  }
  if (to.kind === 'other' && source.isDirectory)
    throw new ShaleError('COPY_INVALID', `cannot copy a directory to ${to.path}, which is none`);
  if (namesDirectory(to.path) && (to.kind === 'other' || !source.isDirectory))
    throw new ShaleError('COPY_INVALID', `there is no directory ${to.path}`, { hint: 'make it first' });
  if (!to.parentIsDirectory)
    throw new ShaleError('COPY_NOT_FOUND', `there is no directory ${dirname(to.path)} to copy into`);
  const clean = to.path.replace(/\/+$/, '');
  return { directory: dirname(clean), as: fromText(basename(clean)) };
}

async function toHost(source: Source, sourcePath: string, asked: string, request: CopyRequest): Promise<void> {
  const kindOf = (at: string): 'absent' | 'directory' | 'other' => {
    try {
      const fd = openPath(at);
      try {
        return fstatSync(fd).isDirectory() ? 'directory' : 'other';
      } finally {
        closeSync(fd);
      }
    } catch {
      return lstatSync(at, { throwIfNoEntry: false }) === undefined ? 'absent' : 'other';
    }
  };
  const kind = kindOf(resolve(asked));
  const path = kind === 'other' && !namesDirectory(asked) ? realpathSync(asked) : asked;
  const parent = dirname(resolve(path));
  const { directory, as } = place(source, sourcePath, {
    path,
    kind,
    parentIsDirectory: kindOf(parent) === 'directory',
  });
  const root = openSync(resolve(directory), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const owner = request.keepOwners ? 'kept' : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    await untarTree(tarOfTree(treeOf(source), as), { root, directory: '', links: 'beneath', owner });
  } finally {
    closeSync(root);
  }
}

async function toContainer(
  source: Source,
  sourcePath: string,
  to: { readonly root: ContainerRoot; readonly path: string },
  request: CopyRequest,
): Promise<void> {
  const asked = to.path.startsWith('/') ? to.path : `/${to.path}`;
  const clean = cleanPath(fromText(asked));
  const kind = kindIn(to.root.locate(clean));
  // A link to a file is followed: what it leads to is written.
  const path = kind === 'other' && !namesDirectory(asked) ? toText(to.root.realPath(clean)) : asked;
  const parent = to.root.locate(cleanPath(fromText(dirname(path.replace(/\/+$/, '') || '/'))));
  const { directory, as } = place(source, sourcePath, {
    path,
    kind,
    parentIsDirectory: kindIn(parent) === 'directory',
  });
  const located = to.root.locate(cleanPath(fromText(directory)));
  requireWritable(located, path);
  await untarTree(tarOfTree(treeOf(source), as), {
    root: located.root,
    directory: located.path,
    links: 'in-root',
    owner: request.keepOwners ? 'kept' : ROOT,
  });
}

function kindIn(located: Located): 'absent' | 'directory' | 'other' {
  let fd: number;
  try {
    fd = openInRoot(located.root, located.path, true);
  } catch (error) {
    if (isShaleError(error, 'ENOENT', 'ENOTDIR')) return 'absent';
    throw error;
  }
  try {
    return fstatSync(fd).isDirectory() ? 'directory' : 'other';
  } finally {
    closeSync(fd);
  }
}

/** @throws COPY_INVALID, COPY_NOT_FOUND */
function requireDirectory(located: Located, shown: string): void {
  const kind = kindIn(located);
  if (kind === 'absent') throw new ShaleError('COPY_NOT_FOUND', `there is no ${shown} in the container`);
  if (kind !== 'directory') throw new ShaleError('COPY_INVALID', `${shown} is not a directory`);
}

/** @throws COPY_READ_ONLY */
function requireWritable(located: Located, shown: string): void {
  if (located.readOnly)
    throw new ShaleError('COPY_READ_ONLY', `cannot write to ${toText(shown)}: it is mounted read-only`);
}
