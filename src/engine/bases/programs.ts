import { closeSync, openSync, readSync } from 'node:fs';
import { type ByteString, isShaleError, toText } from '../../base/index.ts';
import { type ElfFile, readElf } from '../../elf/index.ts';
import type { ViewNode } from '../../erofs/index.ts';
import type { Stack } from '../../layers/index.ts';

/** Something that a program or library needs and an image lacks. */
export interface ProgramProblem {
  /** The program or library, with a leading slash. */
  readonly path: string;
  readonly kind: 'interpreter' | 'library' | 'version';
  /** `/lib64/ld-linux-x86-64.so.2`, `libssl.so.1.1`, `GLIBC_2.38 of libc.so.6`. */
  readonly missing: string;
}

/** Where programs look for libraries besides their own paths (ld.so(8), and musl's defaults). */
const FOLDERS = ['lib', 'usr/lib', 'lib64', 'usr/lib64', 'usr/local/lib', 'lib32', 'usr/lib32'];
const MULTIARCH = /-linux-(gnu|musl)/;
const SCAN_DEPTH_MAX = 40;
/** Smaller files are no ELF files. */
const ELF_BYTES_MIN = 52;

/** An ELF file of an image. */
export interface FoundProgram {
  /** With a leading slash. */
  readonly path: ByteString;
  readonly elf: ElfFile;
}

/** Reads ELF files of one image and looks for what they need in it. Nothing is mounted or run. */
export class ImagePrograms {
  readonly #stack: Stack;
  readonly #known = new Map<ByteString, ElfFile | undefined>();
  readonly #folders: readonly ByteString[];

  constructor(stack: Stack) {
    this.#stack = stack;
    const multiarch = ['lib', 'usr/lib'].flatMap((folder) =>
      [...this.#children(folder)].filter(([name]) => MULTIARCH.test(name)).map(([name]) => `${folder}/${name}`),
    );
    this.#folders = [...FOLDERS, ...multiarch];
  }

  /** Every ELF file of the image, in the order of paths. */
  *all(): Generator<FoundProgram> {
    yield* this.#below(this.#stack.view.root, '', 0);
  }

  /** The ELF file at a path, links followed; undefined when there is none. */
  at(path: ByteString): FoundProgram | undefined {
    const found = this.#resolve(path);
    if (found?.node?.kind !== 'file') return undefined;
    const elf = this.#read(found.path, found.node);
    return elf === undefined ? undefined : { path: `/${found.path}`, elf };
  }

  /** The names in a folder, links to it followed. */
  *names(folder: ByteString): Generator<ByteString> {
    for (const [name] of this.#children(folder)) yield name;
  }

  /** Where a library lies that a program needs; undefined when it is nowhere. */
  library(name: ByteString, by: FoundProgram): FoundProgram | undefined {
    if (name.includes('/')) return this.at(name);
    const origin = by.path.slice(1, Math.max(by.path.lastIndexOf('/'), 1));
    const own = by.elf.runPath.map((path) => path.replaceAll(/\$\{ORIGIN\}|\$ORIGIN/g, `/${origin}`));
    for (const folder of [...own, ...this.#folders]) {
      const found = this.at(`${folder}/${name}`);
      if (found !== undefined && found.elf.bits === by.elf.bits && found.elf.machine === by.elf.machine) return found;
    }
    return undefined;
  }

  /** What the image lacks of what a program or library needs itself. */
  problemsOf(program: FoundProgram): ProgramProblem[] {
    const path = toText(program.path);
    const { interpreter, needed, versions } = program.elf;
    const problems: ProgramProblem[] = [];
    if (interpreter !== undefined && this.at(interpreter) === undefined)
      problems.push({ path, kind: 'interpreter', missing: toText(interpreter) });
    for (const name of needed) {
      const library = this.library(name, program);
      if (library === undefined) problems.push({ path, kind: 'library', missing: toText(name) });
      else if (library.elf.defines.length > 0) {
        const lacking = (versions.get(name) ?? []).filter((version) => !library.elf.defines.includes(version));
        const [highest] = lacking.toReversed();
        if (highest !== undefined)
          problems.push({ path, kind: 'version', missing: `${toText(highest)} of ${toText(name)}` });
      }
    }
    return problems;
  }

  *#below(node: ViewNode, path: ByteString, depth: number): Generator<FoundProgram> {
    if (depth > SCAN_DEPTH_MAX) return;
    for (const [name, child] of node.children()) {
      const below = path === '' ? name : `${path}/${name}`;
      if (child.kind === 'directory') yield* this.#below(child, below, depth + 1);
      else if (child.kind === 'file') {
        const elf = this.#read(below, child);
        if (elf !== undefined) yield { path: `/${below}`, elf };
      }
    }
  }

  *#children(folder: ByteString): Generator<readonly [ByteString, ViewNode]> {
    const node = this.#resolve(folder)?.node;
    if (node?.kind === 'directory') yield* node.children();
  }

  #resolve(path: ByteString): ReturnType<Stack['view']['resolve']> | undefined {
    try {
      return this.#stack.view.resolve(path, { followLast: true });
    } catch (error) {
      if (!isShaleError(error, 'LINK_LOOP')) throw error;
      return undefined;
    }
  }

  #read(path: ByteString, node: ViewNode): ElfFile | undefined {
    if (node.sizeBytes < ELF_BYTES_MIN) return undefined;
    if (this.#known.has(path)) return this.#known.get(path);
    const { path: file, offset, sizeBytes } = this.#stack.locate(node);
    const fd = openSync(file, 'r');
    let elf: ElfFile | undefined;
    try {
      elf = readElf({
        sizeBytes,
        read: (range) => {
          const bytes = Buffer.alloc(range.lengthBytes);
          return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, offset + range.offset));
        },
      });
    } finally {
      closeSync(fd);
    }
    this.#known.set(path, elf);
    return elf;
  }
}
