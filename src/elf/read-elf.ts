import { compareBytes } from '../base/index.ts';

/** Where the bytes of a file are read from: `read` gives what lies at an offset, shorter at the end of the file. */
export interface ElfSource {
  readonly sizeBytes: number;
  read(range: ByteRange): Uint8Array;
}

export interface ByteRange {
  readonly offset: number;
  readonly lengthBytes: number;
}

export interface ElfFile {
  readonly bits: 32 | 64;
  /** e_machine, by the names of OCI where it has one: `amd64`, `arm64`; else the number. */
  readonly machine: string;
  readonly kind: 'program' | 'library' | 'other';
  /** PT_INTERP: `/lib64/ld-linux-x86-64.so.2`; undefined for static programs and for libraries. */
  readonly interpreter: string | undefined;
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[];
  /** DT_SONAME. */
  readonly soname: string | undefined;
  /** DT_RUNPATH, else DT_RPATH; `$ORIGIN` as it stands. */
  readonly runPath: readonly string[];
  /** Versions of symbols that it needs, by library: `libc.so.6` → `GLIBC_2.2.5`, `GLIBC_2.34`, in order of version. */
  readonly versions: ReadonlyMap<string, readonly string[]>;
  /** Versions of symbols that a library has itself, in order of version. */
  readonly defines: readonly string[];
}

const HEADER_BYTES = 64;
const SEGMENTS_MAX = 512;
const DYNAMIC_BYTES_MAX: number = 256 * 1024;
const STRINGS_BYTES_MAX: number = 16 * 1024 * 1024;
const STRING_BYTES_MAX = 4096;
const VERSIONS_MAX = 4096;

// System V ABI, "ELF header" and "Program header".
const TYPE = { executable: 2, shared: 3 } as const;
const SEGMENT = { load: 1, dynamic: 2, interpreter: 3 } as const;
// "Dynamic section"; the tags about versions are GNU's.
const TAG = {
  end: 0,
  needed: 1,
  strings: 5,
  stringsSize: 10,
  soname: 14,
  rpath: 15,
  runPath: 29,
  flags1: 0x6ffffffb,
  versionsDefined: 0x6ffffffc,
  versionsDefinedCount: 0x6ffffffd,
  versionsNeeded: 0x6ffffffe,
  versionsNeededCount: 0x6fffffff,
} as const;
const FLAG_PIE = 0x08000000;

const MACHINES: Readonly<Record<number, string>> = {
  3: '386',
  8: 'mips',
  20: 'ppc',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'amd64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64',
};

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
}

/** Reads what a file needs; undefined when it is no ELF file, or so damaged that its header cannot be read. */
export function readElf(source: ElfSource): ElfFile | undefined {
  const header = bufferOf(source, { offset: 0, lengthBytes: HEADER_BYTES });
  if (header.length < 52 || header.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const bits = header[4] === 2 ? 64 : header[4] === 1 ? 32 : undefined;
  const isLittle = header[5] === 1;
  if (bits === undefined || (header[5] !== 1 && header[5] !== 2) || (bits === 64 && header.length < 64))
    return undefined;
  const words = new Words(bits, isLittle);
  const segments = readSegments(source, header, words);
  const machineNumber = words.half(header, 18);
  const type = words.half(header, 16);
  const interpreter = readInterpreter(source, segments);
  const dynamic = readDynamic(source, segments, words);
  return {
    bits,
    machine: MACHINES[machineNumber] ?? String(machineNumber),
    kind: kindOf(type, interpreter, dynamic),
    interpreter,
    needed: dynamic.needed,
    soname: dynamic.soname,
    runPath: dynamic.runPath,
    versions: dynamic.versions,
    defines: dynamic.defines,
  };
}

function kindOf(type: number, interpreter: string | undefined, { isPie }: Dynamic): ElfFile['kind'] {
  if (type === TYPE.executable) return 'program';
  if (type !== TYPE.shared) return 'other';
  return interpreter !== undefined || isPie ? 'program' : 'library';
}

/** Numbers of the file's class and byte order. */
class Words {
  readonly bits: 32 | 64;
  readonly #isLittle: boolean;

  constructor(bits: 32 | 64, isLittle: boolean) {
    this.bits = bits;
    this.#isLittle = isLittle;
  }

  half(bytes: Buffer, at: number): number {
    return this.#isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }

  word(bytes: Buffer, at: number): number {
    return this.#isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }

  /** An address, an offset or a size; beyond what files have it is not exact, and out of every range. */
  long(bytes: Buffer, at: number): number {
    if (this.bits === 32) return this.word(bytes, at);
    return Number(this.#isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  }
}

function readSegments(source: ElfSource, header: Buffer, words: Words): Segment[] {
  const wide = words.bits === 64;
  const offset = words.long(header, wide ? 32 : 28);
  const size = words.half(header, wide ? 54 : 42);
  const count = Math.min(words.half(header, wide ? 56 : 44), SEGMENTS_MAX);
  if (size < (wide ? 56 : 32)) return [];
  const table = bufferOf(source, { offset, lengthBytes: size * count });
  const segments: Segment[] = [];
  for (let at = 0; at + size <= table.length; at += size) {
    segments.push({
      type: words.word(table, at),
      offset: words.long(table, at + (wide ? 8 : 4)),
      address: words.long(table, at + (wide ? 16 : 8)),
      fileBytes: words.long(table, at + (wide ? 32 : 16)),
    });
  }
  return segments;
}

function readInterpreter(source: ElfSource, segments: readonly Segment[]): string | undefined {
  const segment = segments.find(({ type }) => type === SEGMENT.interpreter);
  if (segment === undefined) return undefined;
  const lengthBytes = Math.min(segment.fileBytes, STRING_BYTES_MAX);
  return stringAt(bufferOf(source, { offset: segment.offset, lengthBytes }), 0);
}

interface Dynamic extends Pick<ElfFile, 'needed' | 'soname' | 'runPath' | 'versions' | 'defines'> {
  readonly isPie: boolean;
}

const STATIC: Dynamic = {
  needed: [],
  soname: undefined,
  runPath: [],
  versions: new Map(),
  defines: [],
  isPie: false,
};

function readDynamic(source: ElfSource, segments: readonly Segment[], words: Words): Dynamic {
  const segment = segments.find(({ type }) => type === SEGMENT.dynamic);
  if (segment === undefined) return STATIC;
  const lengthBytes = Math.min(segment.fileBytes, DYNAMIC_BYTES_MAX);
  const table = bufferOf(source, { offset: segment.offset, lengthBytes });
  const step = words.bits / 4;
  const values: (readonly [tag: number, value: number])[] = [];
  for (let at = 0; at + step <= table.length; at += step) {
    const tag = words.long(table, at);
    if (tag === TAG.end) break;
    values.push([tag, words.long(table, at + step / 2)]);
  }
  const one = (wanted: number): number | undefined => values.find(([tag]) => tag === wanted)?.[1];
  const load = (address: number | undefined, most: number): Buffer =>
    address === undefined ? Buffer.alloc(0) : loaded(source, segments, address, most);
  const strings = load(one(TAG.strings), Math.min(one(TAG.stringsSize) ?? 0, STRINGS_BYTES_MAX));
  const text = (offset: number | undefined): string | undefined =>
    offset === undefined ? undefined : stringAt(strings, offset);
  return {
    needed: values.flatMap(([tag, value]) => (tag === TAG.needed ? (text(value) ?? []) : [])),
    soname: text(one(TAG.soname)),
    runPath: (text(one(TAG.runPath) ?? one(TAG.rpath)) ?? '').split(':').filter((each) => each !== ''),
    versions: readVersions(load(one(TAG.versionsNeeded), STRINGS_BYTES_MAX), words, {
      text,
      count: Math.min(one(TAG.versionsNeededCount) ?? 0, VERSIONS_MAX),
    }),
    defines: readDefinitions(load(one(TAG.versionsDefined), STRINGS_BYTES_MAX), words, {
      text,
      count: Math.min(one(TAG.versionsDefinedCount) ?? 0, VERSIONS_MAX),
    }),
    isPie: ((one(TAG.flags1) ?? 0) & FLAG_PIE) !== 0,
  };
}

/** The bytes that are loaded at an address, as far as their segment goes in the file. */
function loaded(source: ElfSource, segments: readonly Segment[], address: number, most: number): Buffer {
  const segment = segments.find(
    (each) => each.type === SEGMENT.load && address >= each.address && address < each.address + each.fileBytes,
  );
  if (segment === undefined) return Buffer.alloc(0);
  const skipped = address - segment.address;
  return bufferOf(source, {
    offset: segment.offset + skipped,
    lengthBytes: Math.min(most, segment.fileBytes - skipped),
  });
}

/** Elf64_Verneed and Elf64_Vernaux (LSB core, "Version requirements"): lists that are linked by offsets. */
function readVersions(
  bytes: Buffer,
  words: Words,
  options: { readonly count: number; readonly text: (offset: number) => string | undefined },
): ReadonlyMap<string, readonly string[]> {
  const versions = new Map<string, string[]>();
  let left = VERSIONS_MAX;
  for (let at = 0, i = 0; i < options.count && at + 16 <= bytes.length; i++) {
    const library = options.text(words.word(bytes, at + 4)) ?? '';
    const names = versions.get(library) ?? [];
    let entry = at + words.word(bytes, at + 8);
    for (let k = words.half(bytes, at + 2); k > 0 && left-- > 0 && entry + 16 <= bytes.length; k--) {
      const name = options.text(words.word(bytes, entry + 8));
      if (name !== undefined && name !== '') names.push(name);
      const next = words.word(bytes, entry + 12);
      if (next === 0) break;
      entry += next;
    }
    versions.set(library, names.toSorted(compareSymbolVersions));
    const next = words.word(bytes, at + 12);
    if (next === 0) break;
    at += next;
  }
  return versions;
}

/** Elf64_Verdef and Elf64_Verdaux (LSB core, "Version definitions"); the first name of each is its own. */
function readDefinitions(
  bytes: Buffer,
  words: Words,
  options: { readonly count: number; readonly text: (offset: number) => string | undefined },
): string[] {
  const names: string[] = [];
  for (let at = 0, i = 0; i < options.count && at + 20 <= bytes.length; i++) {
    const entry = at + words.word(bytes, at + 12);
    const name = entry + 8 <= bytes.length ? options.text(words.word(bytes, entry)) : undefined;
    if (name !== undefined && name !== '') names.push(name);
    const next = words.word(bytes, at + 16);
    if (next === 0) break;
    at += next;
  }
  return names.toSorted(compareSymbolVersions);
}

/** `GLIBC_2.9` before `GLIBC_2.34`: the numbers in a name count as numbers. */
export function compareSymbolVersions(a: string, b: string): number {
  const [partsA, partsB] = [a.split(/(\d+)/), b.split(/(\d+)/)];
  for (let i = 0; i < Math.min(partsA.length, partsB.length); i++) {
    const [ours = '', theirs = ''] = [partsA[i], partsB[i]];
    if (ours === theirs) continue;
    return i % 2 === 1 ? Number(ours) - Number(theirs) || compareBytes(ours, theirs) : compareBytes(ours, theirs);
  }
  return partsA.length - partsB.length;
}

/** The text up to the next zero byte; undefined when there is none, or it is too long for any name. */
function stringAt(bytes: Buffer, offset: number): string | undefined {
  if (!Number.isSafeInteger(offset) || offset >= bytes.length) return undefined;
  const end = bytes.indexOf(0, offset);
  if (end < 0 || end - offset > STRING_BYTES_MAX) return undefined;
  return bytes.toString('latin1', offset, end);
}

function bufferOf(source: ElfSource, { offset, lengthBytes }: ByteRange): Buffer {
  if (!(offset >= 0 && offset < source.sizeBytes && lengthBytes > 0)) return Buffer.alloc(0);
  const bytes = source.read({ offset, lengthBytes: Math.min(lengthBytes, source.sizeBytes - offset) });
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
