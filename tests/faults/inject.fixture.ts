/**
 * `node --import …/inject.fixture.ts`: every call of Node's that changes something below SHALE_FAULT_UNDER, or reads a file there,
 * every COMMIT and every start of a program is a point that can fail. The program arms it (`globalThis.shaleFaults`), and the
 * n-th point from there on fails with EIO or ENOSPC, or the process is killed right before it. What is called is what is
 * counted: no point can be forgotten in the code, and there is nothing in it. Threads of the program are left alone.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import { isMainThread } from 'node:worker_threads';

export type Fault = 'none' | 'EIO' | 'ENOSPC' | 'kill';

export interface Faults {
  /** From now on points are counted, and the `at`-th is hit. */
  readonly arm: (fault: Fault, at: number) => void;
  /** Ends the counting; the points that were passed, in order, as far as this fault can hit them. */
  readonly disarm: () => readonly string[];
}

declare global {
  var shaleFaults: Faults | undefined;
}

const UNDER = process.env['SHALE_FAULT_UNDER'] ?? '';
const ERRNO = { EIO: -5, ENOSPC: -28 } as const;
const SQLITE = { EIO: 10, ENOSPC: 13 } as const;
const { readlinkSync } = fs;

/** What each call does: a full disk fails only what needs room. */
const CALLS: Readonly<Record<string, 'needs room' | 'changes' | 'reads'>> = {
  write: 'needs room',
  writev: 'needs room',
  writeFile: 'needs room',
  appendFile: 'needs room',
  copyFile: 'needs room',
  mkdir: 'needs room',
  symlink: 'needs room',
  link: 'needs room',
  rename: 'needs room',
  fsync: 'needs room',
  fdatasync: 'needs room',
  sync: 'needs room',
  datasync: 'needs room',
  truncate: 'changes',
  ftruncate: 'changes',
  unlink: 'changes',
  rmdir: 'changes',
  chmod: 'changes',
  utimes: 'changes',
  open: 'reads',
  read: 'reads',
  readFile: 'reads',
};

let fault: Fault = 'none';
let left = 0;
let armed = false;
let passed: string[] = [];

globalThis.shaleFaults = {
  arm: (kind, at) => {
    [fault, left, armed, passed] = [kind, at, true, []];
  },
  disarm: () => {
    armed = false;
    return passed;
  },
};

/** Counts a point. True when it is to fail now; does not return when it kills. */
function hit(name: string, effect: 'needs room' | 'changes' | 'reads'): boolean {
  if (!armed || (fault === 'ENOSPC' && effect !== 'needs room') || (fault === 'kill' && effect === 'reads'))
    return false;
  passed.push(name);
  if (fault === 'none' || --left !== 0) return false;
  if (fault === 'kill') process.kill(process.pid, 'SIGKILL');
  return true;
}

function systemError(call: string): Error {
  const code = fault === 'ENOSPC' ? 'ENOSPC' : 'EIO';
  return Object.assign(new Error(`${code}: injected, ${call}`), { code, errno: ERRNO[code], syscall: call });
}

function isUnder(target: unknown): boolean {
  if (typeof target === 'number') return isUnder(pathOf(target));
  return (
    (typeof target === 'string' || target instanceof Uint8Array || target instanceof URL) &&
    String(target).includes(UNDER)
  );
}

function pathOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

type Callable = (this: unknown, ...args: unknown[]) => unknown;
type Module = Record<string, unknown>;

/** Puts a function in the place of another one, which it is given; it keeps what promisify looks at. */
function replace(holder: Module, name: string, wrap: (original: Callable) => Callable): void {
  const original = holder[name];
  if (typeof original !== 'function') return;
  holder[name] = Object.defineProperties(
    wrap(original as Callable),
    Object.getOwnPropertyDescriptors(original as Callable),
  );
}

if (isMainThread && UNDER !== '') {
  const files = fs as unknown as Module;
  const { FileHandle } = await fileHandle();
  for (const [call, effect] of Object.entries(CALLS)) {
    const fails = (target: unknown): boolean => armed && isUnder(target) && hit(`${call} ${describe(target)}`, effect);
    replace(
      files,
      `${call}Sync`,
      (original) =>
        function (...args) {
          if (fails(args[0])) throw systemError(call);
          return original.apply(this, args);
        },
    );
    replace(
      files,
      call,
      (original) =>
        function (...args) {
          const done = args.at(-1);
          if (!fails(args[0]) || typeof done !== 'function') return original.apply(this, args);
          process.nextTick(done as Callable, systemError(call)); // Checked above.
          return undefined;
        },
    );
    replace(
      fs.promises as unknown as Module,
      call,
      (original) =>
        async function (...args) {
          if (fails(args[0])) throw systemError(call);
          return await original.apply(this, args);
        },
    );
    replace(
      FileHandle,
      call,
      (original) =>
        async function (...args) {
          if (fails((this as fs.promises.FileHandle).fd)) throw systemError(call);
          return await original.apply(this, args);
        },
    );
  }
  replace(
    DatabaseSync.prototype as unknown as Module,
    'exec',
    (original) =>
      function (...args) {
        if (args[0] === 'COMMIT' && hit('COMMIT', 'needs room')) {
          const code = fault === 'ENOSPC' ? 'ENOSPC' : 'EIO';
          const errstr = code === 'ENOSPC' ? 'database or disk is full' : 'disk I/O error';
          throw Object.assign(new Error(errstr), { code: 'ERR_SQLITE_ERROR', errcode: SQLITE[code], errstr });
        }
        return original.apply(this, args);
      },
  );
  for (const call of ['spawn', 'spawnSync']) {
    replace(
      childProcess as unknown as Module,
      call,
      (original) =>
        function (program, ...args) {
          return original.apply(this, [
            hit(`${call} ${String(program)}`, 'changes') ? '/nonexistent' : program,
            ...args,
          ]);
        },
    );
  }
  syncBuiltinESMExports();
}

function describe(target: unknown): string {
  return (typeof target === 'number' ? pathOf(target) : String(target)).replace(UNDER, '');
}

/** The class of what `fs.promises.open` gives: it has no name of its own. */
async function fileHandle(): Promise<{ FileHandle: Module }> {
  await using handle = await fs.promises.open('/dev/null');
  return { FileHandle: Object.getPrototypeOf(handle) as Module };
}
