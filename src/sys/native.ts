import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';
import { ShaleError, toBytes, type ByteString } from '../base/index.ts';

/** A path for the kernel: text as in `node:fs`, or the bytes themselves without a NUL at the end. */
export type SysPath = string | Uint8Array;

type NativeArgument = string | number | bigint | Uint8Array | null;
/** A C function; the result is a number, or a bigint where it does not fit into one. */
export type NativeFunction = (...args: NativeArgument[]) => number | bigint;

interface Library {
  func(definition: string): NativeFunction;
}

/** The part of koffi (an FFI: Node has no mount, xattrs or *at calls, and no compiler may be needed) that shale uses. */
interface Koffi {
  load(path: null): Library;
  errno(): number;
}

let koffi: Koffi | undefined;
let libc: Library | undefined;
const functions = new Map<string, NativeFunction>();

/** The C function of `definition` (`int umount2(const char *target, int flags)`); koffi is loaded by the first call. */
export function native(definition: string): NativeFunction {
  let found = functions.get(definition);
  if (found === undefined) {
    koffi ??= loadKoffi();
    libc ??= koffi.load(null);
    found = libc.func(definition);
    functions.set(definition, found);
  }
  return found;
}

/** True once koffi is in the process. */
export function isNativeLoaded(): boolean {
  return koffi !== undefined;
}

/**
 * The prebuilt addon is opened directly where it lies, in under 1 ms; koffi's own loader takes 8 to 20 ms to find the
 * same file and is the way for every other platform and layout.
 */
function loadKoffi(): Koffi {
  const require = createRequire(import.meta.url);
  try {
    const folder = dirname(require.resolve(`@koromix/koffi-linux-${process.arch}/package.json`));
    const file = join(folder, `linux_${process.arch}`, 'koffi.node');
    const addon: { exports: unknown } = { exports: {} };
    process.dlopen(addon, file);
    if (isKoffi(addon.exports)) return addon.exports;
  } catch {
    // Packed otherwise, or another C library (musl): koffi knows the other files.
  }
  return loadByPackage(require);
}

function loadByPackage(require: NodeJS.Require): Koffi {
  try {
    const loaded: unknown = require('koffi');
    if (isKoffi(loaded)) return loaded;
    throw new TypeError('the package has neither load nor errno');
  } catch (cause) {
    throw new ShaleError(
      'SYS_UNAVAILABLE',
      `cannot load koffi for system calls on ${process.platform}-${process.arch}`,
      {
        cause,
        hint: 'install the dependencies of shale with optional packages (npm install --include=optional)',
      },
    );
  }
}

function isKoffi(value: unknown): value is Koffi {
  return typeof value === 'object' && value !== null && 'load' in value && 'errno' in value;
}

const EXTRA_NAMES: Readonly<Record<number, string>> = { 117: 'EUCLEAN', 122: 'EDQUOT', 123: 'ENOMEDIUM' };
let names: Map<number, string> | undefined;

/** The name of an errno (`EPERM`); of several names of one number the one that Node's fs uses. */
export function errnoName(errno: number): string {
  if (names === undefined) {
    names = new Map();
    for (const [name, value] of Object.entries(constants.errno)) if (!names.has(value)) names.set(value, name);
    names.set(constants.errno.ENOTSUP, 'ENOTSUP').set(constants.errno.EAGAIN, 'EAGAIN');
  }
  return names.get(errno) ?? EXTRA_NAMES[errno] ?? `ERRNO_${errno}`;
}

/** The errno of the last native call of this thread; look at it at once after the call that failed. */
export function lastErrno(): number {
  return koffi?.errno() ?? 0;
}

/** The error for a call that just returned -1: code = name of errno, `attempt` = what was tried on what. */
export function failure(call: string, attempt: string, errno: number = lastErrno()): ShaleError {
  const text = getSystemErrorMessage(-errno) ?? `error ${errno}`;
  return new ShaleError(errnoName(errno), `${attempt}: ${text}`, { data: { call, errno } });
}

/** The bytes of a path as C wants them. Refuses a NUL inside: the kernel would see another, shorter path. */
export function cPath(path: SysPath): string | Uint8Array {
  if (typeof path === 'string') {
    if (path.includes('\0')) throw nulInside(path);
    return path;
  }
  if (path.includes(0)) throw nulInside(shown(path));
  const ended = new Uint8Array(path.byteLength + 1);
  ended.set(path);
  return ended;
}

/** A byte string as the path that names the same bytes. */
export function bytePath(path: ByteString): SysPath {
  for (let i = 0; i < path.length; i++) if (path.charCodeAt(i) > 0x7f) return toBytes(path);
  return path;
}

function nulInside(path: string): ShaleError {
  return new ShaleError('EINVAL', `the path ${JSON.stringify(path)} has a NUL inside`);
}

/** A path as an error message shows it. */
export function shown(path: SysPath): string {
  return typeof path === 'string' ? path : Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString();
}
