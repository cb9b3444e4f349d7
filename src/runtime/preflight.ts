import { fstatSync } from 'node:fs';
import { type ByteString, fromText, isSystemError, ShaleError, toText } from '../base/index.ts';
import { setTimesAt } from '../sys/index.ts';
import { createAt, type Found, join, readFileInside, RootWalk, unsafe } from './rootfs-walk.ts';
import type { MountTrace, MountTraces, Rootfs } from './types.ts';
import { USER_DATABASE_BYTES_MAX, type UserDatabaseReader } from './users.ts';

/** A mount target as asked for. */
export interface TargetRequest {
  /** Absolute, as the user wrote it. */
  readonly target: string;
  readonly kind: 'file' | 'directory';
  /** Leave no trace: what is created for it is in MountTraces. */
  readonly traceless: boolean;
  /** Octal mode bits of the target when it has to be made; default 0755, and 0644 for a file. */
  readonly mode?: number;
  /** Allow a target below /sys: only for the same path of the host (cadvisor's `-v /sys:/sys`). */
  readonly allowSys?: boolean;
}

export interface PreflightRequest {
  readonly rootfs: Rootfs;
  readonly targets: readonly TargetRequest[];
  readonly cwd: string;
}

export interface Preflight {
  /** The targets' real places inside the rootfs, absolute and free of links, in the order of the request. */
  readonly targets: readonly string[];
  readonly traces: MountTraces;
}

/** Where the runtime itself mounts; each must be a real directory of the rootfs (CVE-2026-41579, CVE-2019-19921). */
const RUNTIME_TARGETS: readonly ByteString[] = ['dev', 'proc', 'sys'];

/** utimensat(2): an absolute path makes the directory meaningless. */
const AT_FDCWD = -100;

/** Deep enough for any image, and a bound on what a target may create. */
const CREATED_MAX = 64;

/**
 * Checks a rootfs before anything starts in it and creates the mount targets that are missing, so that the runtime
 * never has to follow a link of the image: installed runtimes lack the fixes for what images can do there.
 * Links inside the tree are followed as in a chroot, so that images with `/etc/resolv.conf -> ../run/x` work.
 * @throws ROOTFS_UNSAFE, MOUNT_TARGET_INVALID.
 */
export function preflight(request: PreflightRequest): Preflight {
  using walk = new RootWalk(request.rootfs.access);
  const maker = new TargetMaker(walk);
  for (const name of RUNTIME_TARGETS) {
    const stat = walk.statTop(name);
    if (stat === undefined) maker.create({ path: name, stat, missing: 1 }, { kind: 'directory', traceless: true });
    else if (!stat.isDirectory()) throw unsafe(name, 'it must be a real directory (or absent)');
  }
  checkCwd(walk, request.cwd);
  const targets: string[] = [];
  const mounted: ByteString[] = ['dev', 'proc', 'sys'];
  for (const target of request.targets) {
    const path = placeTarget(walk, maker, target, mounted);
    mounted.push(path);
    targets.push(toText(`/${path}`));
  }
  return { targets, traces: maker.traces() };
}

function placeTarget(
  walk: RootWalk,
  maker: TargetMaker,
  request: TargetRequest,
  mounted: readonly ByteString[],
): ByteString {
  const asked = fromText(normalTarget(request.target));
  const hidden = mounted.some((mount) => isBelow(asked, mount));
  // Below another mount the rootfs says nothing; the runtime makes and resolves it inside that mount.
  if (hidden) return allowed(request, asked);
  const found = walk.find(asked);
  const path = allowed(request, found.path);
  if (mounted.some((mount) => isBelow(path, mount))) return path;
  if (found.stat === undefined) maker.create(found, request);
  else checkKind(request, found);
  return path;
}

/** Lexically clean, as docker: `/a/../b` is `/b`. Without leading slash. */
function normalTarget(target: string): string {
  if (!target.startsWith('/')) throw badTarget(target, 'it must be absolute');
  if (target.includes('\0')) throw badTarget(target, 'it has a zero byte');
  const names: string[] = [];
  for (const name of target.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names.join('/');
}

function allowed(request: TargetRequest, path: ByteString): ByteString {
  if (path === '') throw badTarget(request.target, 'it is the root itself');
  if (isAtOrBelow(path, 'proc')) throw badTarget(request.target, 'nothing can be mounted over /proc');
  if (isAtOrBelow(path, 'sys') && request.allowSys !== true) {
    throw badTarget(request.target, 'nothing can be mounted over /sys, except the same path of the host');
  }
  if (path === 'dev') throw badTarget(request.target, '/dev is made by the runtime');
  return path;
}

function checkKind(request: TargetRequest, found: Found): void {
  const isDirectory = found.stat?.isDirectory() === true;
  if (isDirectory === (request.kind === 'directory')) return;
  const what = isDirectory ? 'a directory' : 'not a directory';
  throw badTarget(request.target, `it is ${what} in the root filesystem, and a ${request.kind} is to be mounted there`);
}

/** A working directory below /proc could be a descriptor of the host (CVE-2024-21626). */
function checkCwd(walk: RootWalk, cwd: string): void {
  if (!cwd.startsWith('/')) throw unsafe(fromText(cwd), 'a working directory must be absolute');
  const found = walk.find(fromText(cwd));
  if (isBelow(found.path, 'proc')) throw unsafe(fromText(cwd), 'a working directory below /proc is not allowed');
  if (found.stat !== undefined && !found.stat.isDirectory()) {
    throw unsafe(fromText(cwd), 'the working directory is not a directory');
  }
}

/** Creates what is missing and remembers it. */
class TargetMaker {
  readonly #walk: RootWalk;
  readonly #created: MountTrace[] = [];
  readonly #touched = new Map<ByteString, bigint>();

  constructor(walk: RootWalk) {
    this.#walk = walk;
  }

  create(found: Found, { kind, traceless, mode }: Pick<TargetRequest, 'kind' | 'traceless' | 'mode'>): void {
    if (found.missing > CREATED_MAX) throw unsafe(found.path, `more than ${CREATED_MAX} directories are missing`);
    const names = found.path.split('/');
    for (let at = names.length - found.missing; at < names.length; at++) {
      const parent = names.slice(0, at).join('/');
      const last = at === names.length - 1;
      const own = last ? { kind, mode } : { kind: 'directory' as const };
      this.#createOne(parent, names[at] ?? '', { traceless, ...own });
    }
  }

  #createOne(
    parent: ByteString,
    name: ByteString,
    { kind, traceless, mode }: { kind: 'file' | 'directory'; traceless: boolean; mode?: number | undefined },
  ): void {
    this.#walk.inside(parent, (directory) => {
      const { atimeNs, mtimeNs } = fstatSync(directory, { bigint: true });
      try {
        createAt(directory, name, kind, mode ?? (kind === 'file' ? 0o644 : 0o755));
      } catch (error) {
        if (!isSystemError(error, 'EROFS')) throw error;
        throw unsafe(
          join(parent, name),
          'it is needed as a mount target and does not exist, and nothing can be written',
        );
      }
      if (!traceless) return;
      setTimesAt(AT_FDCWD, `/proc/self/fd/${directory}/.`, atimeNs, mtimeNs);
      const isOurs = this.#created.some((trace) => trace.path === parent);
      if (!isOurs && !this.#touched.has(parent)) this.#touched.set(parent, mtimeNs);
      this.#created.push({ path: join(parent, name), kind });
    });
  }

  traces(): MountTraces {
    return {
      created: this.#created,
      touched: [...this.#touched].map(([path, mtimeNs]) => ({ path, mtimeNs })),
    };
  }
}

/** Reads the user databases of a rootfs that is mounted. */
export function rootfsUserDatabase(rootfs: Rootfs): UserDatabaseReader {
  return async (path) => {
    using walk = new RootWalk(rootfs.access);
    return readFileInside(walk, fromText(path), USER_DATABASE_BYTES_MAX);
  };
}

function isBelow(path: ByteString, folder: ByteString): boolean {
  return path.startsWith(`${folder}/`);
}

function isAtOrBelow(path: ByteString, folder: ByteString): boolean {
  return path === folder || isBelow(path, folder);
}

function badTarget(target: string, why: string): ShaleError {
  return new ShaleError('MOUNT_TARGET_INVALID', `cannot mount at ${target}: ${why}`, { data: { target, why } });
}
