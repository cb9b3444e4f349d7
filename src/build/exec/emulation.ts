import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, ShaleError } from '../../base/index.ts';
import { formatPlatform, type Platform } from '../../oci/index.ts';

/** Where the kernel shows the interpreters that are registered for programs of other machines. */
const BINFMT_FOLDER = '/proc/sys/fs/binfmt_misc';

/** What a processor runs by itself, beside its own architecture. */
const ALSO_NATIVE: Readonly<Record<string, readonly string[]>> = { amd64: ['386'], arm64: ['arm'] };

/** ELF: class (1: 32 bits, 2: 64 bits), byte order (1: little, 2: big), machine. */
const ELF: Readonly<Record<string, readonly [bits: 1 | 2, order: 1 | 2, machine: number]>> = {
  '386': [1, 1, 3],
  amd64: [2, 1, 62],
  arm: [1, 1, 40],
  arm64: [2, 1, 183],
  loong64: [2, 1, 258],
  mips64: [2, 2, 8],
  mips64le: [2, 1, 8],
  ppc64: [2, 2, 21],
  ppc64le: [2, 1, 21],
  riscv64: [2, 1, 243],
  s390x: [2, 2, 22],
};

/**
 * Sees to it that programs of a platform can run on this machine: natively, or through an interpreter that the kernel was
 * told of (binfmt_misc) and that it keeps open itself (flag F), since no image holds one.
 * @throws PLATFORM_NOT_RUNNABLE
 */
export function requireRunnable(platform: Platform, host: Platform, binfmtFolder: string = BINFMT_FOLDER): void {
  const { os, architecture } = platform;
  const isNative =
    architecture === host.architecture || ALSO_NATIVE[host.architecture]?.includes(architecture) === true;
  if (os === host.os && isNative) return;
  const found = os === 'linux' ? findInterpreter(architecture, binfmtFolder) : undefined;
  if (found?.keptOpen === true) return;
  const why =
    found === undefined
      ? ''
      : `; ${found.path} is registered for it, but without the flag F, so it would have to be in the image`;
  throw new ShaleError(
    'PLATFORM_NOT_RUNNABLE',
    `RUN needs to run programs for ${formatPlatform(platform)}, and this machine runs ${formatPlatform(host)}${why}`,
    {
      data: { platform: formatPlatform(platform) },
      hint: `register an emulator: on Debian "apt-get install qemu-user-static"; stages that only copy need none`,
    },
  );
}

interface Interpreter {
  readonly path: string;
  readonly keptOpen: boolean;
}

/** Linux Documentation/admin-guide/binfmt-misc.rst. */
function findInterpreter(architecture: string, folder: string): Interpreter | undefined {
  const header = elfHeader(architecture);
  if (header === undefined) return undefined;
  const found: Interpreter[] = [];
  for (const name of entriesOf(folder)) {
    const lines = readFileSync(join(folder, name), 'latin1').split('\n');
    const field = (key: string): string | undefined =>
      lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
    const magic = field('magic');
    if (lines[0] !== 'enabled' || magic === undefined) continue;
    if (!matches(header, Number(field('offset') ?? 0), magic, field('mask'))) continue;
    found.push({ path: field('interpreter') ?? name, keptOpen: field('flags:')?.includes('F') === true });
  }
  return found.find(({ keptOpen }) => keptOpen) ?? found[0];
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name !== 'register' && name !== 'status');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

/** The first bytes of a program of an architecture. */
function elfHeader(architecture: string): Buffer | undefined {
  const elf = ELF[architecture];
  if (elf === undefined) return undefined;
  const [bits, order, machine] = elf;
  const header = Buffer.alloc(64);
  header.write('\x7fELF', 0, 'latin1');
  header.set([bits, order, 1], 4);
  const EXECUTABLE = 2;
  if (order === 1) {
    header.writeUInt16LE(EXECUTABLE, 16);
    header.writeUInt16LE(machine, 18);
  } else {
    header.writeUInt16BE(EXECUTABLE, 16);
    header.writeUInt16BE(machine, 18);
  }
  return header;
}

function matches(header: Buffer, offset: number, magicHex: string, maskHex: string | undefined): boolean {
  const magic = Buffer.from(magicHex, 'hex');
  const mask = maskHex === undefined ? Buffer.alloc(magic.length, 0xff) : Buffer.from(maskHex, 'hex');
  return magic.every((byte, i) => ((header[offset + i] ?? 0) & (mask[i] ?? 0xff)) === (byte & (mask[i] ?? 0xff)));
}
