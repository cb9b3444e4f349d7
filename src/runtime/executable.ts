import { closeSync, constants, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { type ByteString, fromText, isShaleError, isSystemError, toBytes } from '../base/index.ts';
import { DEFAULT_PATH } from './spec.ts';
import { join, RootWalk } from './rootfs-walk.ts';
import type { ContainerExit } from './types.ts';

type NotStarted = Extract<ContainerExit, { readonly kind: 'not-started' }>;

export interface ProgramInRootfs {
  readonly access: string;
  readonly program: string;
  /** The container's variables, for PATH. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** Places that the container sees something else at. */
  readonly mountTargets: readonly string[];
}

/**
 * The runtime executes the program as its last act and cannot report a failure of that: it exits with 1, as a program
 * may do by itself. This looks at the file: undefined when it could have been executed (or cannot be told).
 */
export function executionFailure(program: ProgramInRootfs): NotStarted | undefined {
  try {
    using walk = new RootWalk(program.access);
    const path = locate(walk, program);
    return path === undefined ? undefined : judge(walk, path, program);
  } catch (error) {
    if (isShaleError(error) || isSystemError(error)) return undefined;
    throw error;
  }
}

function locate(walk: RootWalk, { program, env, cwd, mountTargets }: ProgramInRootfs): ByteString | undefined {
  const path = env.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? DEFAULT_PATH;
  const places = program.includes('/') ? [program.startsWith('/') ? '' : cwd] : path.split(':');
  for (const place of places) {
    const found = walk.find(fromText(`${place}/${program}`));
    if (mountTargets.some((target) => `/${found.path}/`.startsWith(`${target}/`))) return undefined;
    if (found.stat?.isFile() === true && (found.stat.mode & 0o111n) !== 0n) return found.path;
  }
  return undefined;
}

const HEAD_BYTES = 4096;

function judge(walk: RootWalk, path: ByteString, program: ProgramInRootfs): NotStarted | undefined {
  const head = readHead(walk, path);
  const shown = program.program;
  if (head.length === 0) return undefined;
  if (head[0] === 0x23 && head[1] === 0x21) {
    const line = head.toString('latin1', 2).split('\n', 1)[0] ?? '';
    const interpreter = line.replace(/^[ \t]+/, '').split(/[ \t]/, 1)[0] ?? '';
    return missing(walk, interpreter)
      ? failed(127, `exec ${shown}: its interpreter ${interpreter.replace(/\r$/, '\\r')} does not exist`)
      : undefined;
  }
  if (hasForeignFormats()) return undefined;
  if (head.readUInt32BE(0) !== ELF) return failed(126, `exec ${shown}: exec format error (no #! line, not a program)`);
  if (!MACHINES[process.arch]?.includes(machineOf(head))) {
    return failed(126, `exec ${shown}: exec format error (a program for another machine type)`);
  }
  const loader = loaderOf(head);
  return loader !== undefined && missing(walk, loader)
    ? failed(127, `exec ${shown}: its loader ${loader} does not exist`)
    : undefined;
}

function failed(code: 126 | 127, reason: string): NotStarted {
  return { kind: 'not-started', code, reason };
}

function missing(walk: RootWalk, path: string): boolean {
  return path.startsWith('/') && walk.find(path).stat === undefined;
}

function readHead(walk: RootWalk, path: ByteString): Buffer {
  const slash = path.lastIndexOf('/');
  return walk.inside(path.slice(0, Math.max(0, slash)), (directory) => {
    const entry = toBytes(`/proc/self/fd/${directory}/${join(path.slice(slash + 1))}`);
    const descriptor = openSync(entry, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const head = Buffer.alloc(HEAD_BYTES);
      return head.subarray(0, readSync(descriptor, head, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(descriptor);
    }
  });
}

// elf(5).
const ELF = 0x7f454c46;
const PT_INTERP = 3;
const MACHINES: Readonly<Record<string, readonly number[]>> = {
  x64: [62, 3],
  arm64: [183, 40],
  arm: [40],
  ia32: [3],
  riscv64: [243],
  s390x: [22],
  ppc64: [21],
  loong64: [258],
};

function machineOf(head: Buffer): number {
  if (head.length < 20) return 0;
  return head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18);
}

/** The path in PT_INTERP of a 64-bit little-endian program, when it lies in the first 4 KiB (it does). */
function loaderOf(head: Buffer): string | undefined {
  if (head.length < 64 || head[4] !== 2 || head[5] !== 1) return undefined;
  const start = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  for (let index = 0; index < count; index++) {
    const at = start + index * size;
    if (at + 56 > head.length) return undefined;
    if (head.readUInt32LE(at) !== PT_INTERP) continue;
    const offset = Number(head.readBigUInt64LE(at + 8));
    const end = offset + Number(head.readBigUInt64LE(at + 32));
    return end > head.length ? undefined : head.toString('latin1', offset, end).replace(/\0.*$/s, '');
  }
  return undefined;
}

/** True when the kernel runs further formats (binfmt_misc: emulators): then any file may be a program. */
function hasForeignFormats(): boolean {
  const folder = '/proc/sys/fs/binfmt_misc';
  return existsSync(`${folder}/status`) && readdirSync(folder).length > 2;
}
