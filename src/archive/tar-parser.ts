import type { ByteString } from '../base/index.ts';
import type { EntryKind, ReadTarEntry, SparseExtent } from './entry.ts';
import { ENTRIES_MAX, LONG_NAME_BYTES_MAX, PATH_BYTES_MAX, PAX_HEADER_BYTES_MAX } from './limits.ts';
import { type PaxHeader, parsePax, type PaxSparse } from './pax.ts';
import {
  EXTENSION_SPARSE_FIELDS,
  GNU_SPARSE_FIELDS,
  readSparseSlots,
  SparseMapReader,
  sparseExtents,
  STAR_SPARSE_FIELDS,
} from './sparse.ts';
import { quoteName, tarError, type TarFail, type TarWarning } from './tar-errors.ts';
import {
  BLOCK_BYTES,
  hasValidChecksum,
  type HeaderFormat,
  headerFormat,
  isZeroBlock,
  nameField,
  numericField,
  paddingOf,
  stringField,
} from './tar-header.ts';
import { type DeviceNumbers, deviceNumbers, type PlainFields, plainFields } from './tar-fields.ts';
import { checkWhiteoutName, cleanPath } from './tar-path.ts';

/** Gets what a {@link TarParser} finds, in the order of the tar. What it throws ends the parsing. */
export interface TarHandler {
  entry(entry: ReadTarEntry): void;
  /**
   * Stored bytes of the entry last given, in order; for a sparse file the parts that the tar holds. A view of the
   * chunk that was written: copy it to keep it.
   */
  content?(chunk: Uint8Array): void;
  /** The content of the entry last given is complete. Called for every entry of kind `file`, also for empty ones. */
  contentEnd?(): void;
  warning?(warning: TarWarning): void;
}

export interface TarReadOptions {
  /** Refuse names that are invalid as whiteouts, as in a layer. Whiteouts themselves are ordinary entries. */
  readonly whiteouts?: boolean;
  /** Leave out a file that is named like the root, or not at all, with a warning: docker's ADD does. Refused otherwise. */
  readonly skipRootFiles?: boolean;
  /** Most headers to accept; {@link ENTRIES_MAX} by default. */
  readonly entriesMax?: number;
}

type State =
  | 'header'
  /** One zero block was seen: only another one, or the end, may follow. */
  | 'zero'
  | 'meta'
  | 'sparse-extension'
  | 'sparse-map'
  | 'content'
  | 'skip'
  | 'padding'
  | 'after-end';

/** What the headers said of an entry that cannot be handed on before its sparse map has been read. */
interface Draft {
  readonly path: ByteString;
  readonly fields: PlainFields;
  readonly sizeBytes: number;
  storedBytes: number;
  readonly numbers: number[];
}

/** The header block of an entry, and what it and the headers before it say of name and size. */
interface RawEntry {
  readonly name: ByteString;
  readonly block: Buffer;
  readonly at: number;
  readonly format: HeaderFormat;
  readonly storedBytes: number;
}

const NO_DEVICE: DeviceNumbers = { deviceMajor: 0, deviceMinor: 0 };

/**
 * Reads a tar that is pushed in, chunk by chunk of any size, and hands its entries on while it reads; synchronous, in
 * constant memory, and with the same result however the bytes are cut. It reads V7, ustar, PAX, GNU (long names,
 * base-256 numbers, sparse files of every version) and star.
 *
 * Every entry has a clean path (see {@link cleanPath}) or the tar is refused. Where readers differ, Go's archive/tar
 * is followed, because containerd and docker apply layers with it: PAX size wins over the header's; only files have
 * content, whatever size another type claims; global PAX headers change nothing; of several headers of a kind the
 * last counts; one zero block must be followed by another one or by the end; bytes after two are not looked at.
 *
 * Fails with the codes of {@link TarErrorCode}; after a failure every further call fails the same way.
 */
export class TarParser {
  readonly #handler: TarHandler;
  readonly #whiteouts: boolean;
  readonly #skipRootFiles: boolean;
  readonly #entriesMax: number;
  readonly #carry: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #carried = 0;
  #state: State = 'header';
  #failure: unknown;
  #ended = false;
  /** Bytes consumed so far. */
  #offset = 0;
  #headers = 0;
  /** Bytes left of what the state is about, and the padding after it. */
  #remaining = 0;
  #padding = 0;

  #metaType = '';
  #meta: Buffer = Buffer.alloc(0);
  #metaFilled = 0;
  #pax: PaxHeader | undefined;
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;

  #entryAt = 0;
  #hasGroup = false;
  #entryName: ByteString | undefined;
  #draft: Draft | undefined;
  #mapReader: SparseMapReader | undefined;

  constructor(handler: TarHandler, options: TarReadOptions = {}) {
    this.#handler = handler;
    this.#whiteouts = options.whiteouts ?? false;
    this.#skipRootFiles = options.skipRootFiles ?? false;
    this.#entriesMax = options.entriesMax ?? ENTRIES_MAX;
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#offset;
  }

  /** Takes the next bytes of the tar. */
  write(chunk: Uint8Array): void {
    this.#guarded(() => {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      this.#consume(bytes);
    });
  }

  /** Says that the tar has ended. Padding of the last file and the closing zero blocks may be missing, as with Go. */
  end(): void {
    this.#guarded(() => {
      if (this.#ended) return;
      this.#ended = true;
      this.#checkEnd();
    });
  }

  #guarded(work: () => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      work();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  readonly #fail: TarFail = (code, problem) => {
    throw tarError(code, problem, this.#entryAt, this.#entryName);
  };

  readonly #warn = (code: TarWarning['code'], problem: string): void => {
    const entry = this.#entryName;
    const offset = this.#entryAt;
    const subject = entry === undefined ? 'tar' : `tar entry ${quoteName(entry)}`;
    this.#handler.warning?.({ code, message: `${subject} at byte ${offset}: ${problem}`, offset, entry });
  };

  #checkEnd(): void {
    const atEnd = `unexpected end of archive after ${this.#offset} bytes`;
    if (this.#carried > 0 && this.#state === 'header') {
      throw tarError('TAR_TRUNCATED', `${atEnd}, in a header`, this.#offset - this.#carried, undefined);
    }
    switch (this.#state) {
      case 'content':
      case 'skip':
        return this.#fail('TAR_TRUNCATED', `${atEnd}, ${this.#remaining} bytes of content are missing`);
      case 'meta':
      case 'sparse-extension':
      case 'sparse-map':
        return this.#fail('TAR_TRUNCATED', `${atEnd}, in an extended header`);
      case 'header':
      case 'zero':
      case 'padding':
      case 'after-end':
        this.#noteDangling();
    }
  }

  #noteDangling(): void {
    if (this.#hasGroup) this.#warn('TAR_DANGLING_HEADER', 'extended header without an entry after it');
  }

  #consume(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#state) {
        case 'header':
        case 'zero':
        case 'sparse-extension':
        case 'sparse-map':
          at = this.#consumeBlock(chunk, at);
          break;
        case 'content':
        case 'meta':
          at = this.#consumeBody(chunk, at);
          break;
        case 'skip':
        case 'padding': {
          const taken = Math.min(this.#remaining, chunk.length - at);
          at += taken;
          this.#offset += taken;
          this.#remaining -= taken;
          if (this.#remaining === 0) this.#bodyEnded();
          break;
        }
        case 'after-end':
          this.#offset += chunk.length - at;
          at = chunk.length;
          break;
      }
    }
  }

  /** Looks at a whole block in place where it can; a block that is cut by the end of a chunk is gathered first. */
  #consumeBlock(chunk: Buffer, at: number): number {
    if (this.#carried === 0 && chunk.length - at >= BLOCK_BYTES) {
      this.#offset += BLOCK_BYTES;
      this.#takeBlock(chunk, at);
      return at + BLOCK_BYTES;
    }
    const taken = Math.min(BLOCK_BYTES - this.#carried, chunk.length - at);
    chunk.copy(this.#carry, this.#carried, at, at + taken);
    this.#carried += taken;
    this.#offset += taken;
    if (this.#carried === BLOCK_BYTES) {
      this.#carried = 0;
      this.#takeBlock(this.#carry, 0);
    }
    return at + taken;
  }

  #consumeBody(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.#remaining, chunk.length);
    this.#offset += end - at;
    this.#remaining -= end - at;
    if (this.#state === 'content') {
      this.#handler.content?.(chunk.subarray(at, end));
      if (this.#remaining === 0) this.#contentEnded();
    } else {
      this.#gatherMeta(chunk, at, end);
    }
    return end;
  }

  #contentEnded(): void {
    this.#handler.contentEnd?.();
    this.#bodyEnded();
  }

  #bodyEnded(): void {
    if (this.#padding > 0) {
      this.#state = 'padding';
      this.#remaining = this.#padding;
      this.#padding = 0;
    } else this.#state = 'header';
  }

  #startBody(state: State, sizeBytes: number): void {
    this.#remaining = sizeBytes;
    this.#padding = paddingOf(sizeBytes);
    this.#state = state;
    if (sizeBytes === 0) this.#bodyEnded();
  }

  #takeBlock(block: Buffer, at: number): void {
    const draft = this.#draft;
    if (draft === undefined) return this.#takeHeaderBlock(block, at);
    if (this.#mapReader === undefined) return this.#takeSparseExtension(draft, block, at);
    return this.#takeSparseMap(draft, this.#mapReader, block, at);
  }

  #takeHeaderBlock(block: Buffer, at: number): void {
    const headerAt = this.#offset - BLOCK_BYTES;
    if (block[at] === 0 && isZeroBlock(block, at)) {
      this.#state = this.#state === 'zero' ? 'after-end' : 'zero';
      return;
    }
    if (!this.#hasGroup) {
      this.#entryAt = headerAt;
      this.#entryName = undefined;
    }
    if (this.#state === 'zero') {
      throw tarError('TAR_HEADER', 'a single zero block is followed by more', headerAt, undefined);
    }
    if (!hasValidChecksum(block, at)) {
      throw tarError('TAR_CHECKSUM', 'header checksum is wrong', headerAt, this.#entryName);
    }
    if (++this.#headers > this.#entriesMax) {
      return this.#fail('TAR_LIMIT', `tar has more than ${this.#entriesMax} headers`);
    }
    this.#takeHeader(block, at);
  }

  #takeHeader(block: Buffer, at: number): void {
    const type = String.fromCharCode(block[at + 156] ?? 0);
    switch (type) {
      case 'x':
      // Solaris writes its extended headers, in the same form, as X.
      case 'X':
      case 'g':
      case 'L':
      case 'K':
        return this.#startMeta(type, block, at);
      default:
        return this.#takeEntry(type, block, at);
    }
  }

  #startMeta(type: string, block: Buffer, at: number): void {
    const sizeBytes = this.#headerSize(block, at);
    const sizeMax = type === 'L' || type === 'K' ? LONG_NAME_BYTES_MAX : PAX_HEADER_BYTES_MAX;
    if (sizeBytes > sizeMax) {
      return this.#fail('TAR_LIMIT', `extended header has ${sizeBytes} bytes, more than ${sizeMax}`);
    }
    // A global header belongs to no entry.
    this.#hasGroup ||= type !== 'g';
    this.#metaType = type;
    this.#metaFilled = 0;
    this.#startBody('meta', sizeBytes);
    if (sizeBytes === 0) this.#takeMeta(Buffer.alloc(0));
  }

  #gatherMeta(chunk: Buffer, at: number, end: number): void {
    if (this.#metaFilled === 0 && this.#remaining === 0) {
      this.#takeMeta(chunk.subarray(at, end));
      return this.#bodyEnded();
    }
    const sizeBytes = this.#metaFilled + (end - at) + this.#remaining;
    if (this.#meta.length < sizeBytes) this.#meta = Buffer.allocUnsafeSlow(sizeBytes);
    chunk.copy(this.#meta, this.#metaFilled, at, end);
    this.#metaFilled += end - at;
    if (this.#remaining > 0) return;
    const body = this.#meta.subarray(0, sizeBytes);
    this.#meta = Buffer.alloc(0);
    this.#takeMeta(body);
    this.#bodyEnded();
  }

  #takeMeta(body: Buffer): void {
    switch (this.#metaType) {
      case 'L':
        this.#longName = stringField(body, 0, body.length);
        this.#entryName = this.#longName;
        return;
      case 'K':
        this.#longLink = stringField(body, 0, body.length);
        return;
      case 'g':
        return this.#noteGlobal(parsePax(body, this.#fail));
      default:
        this.#pax = parsePax(body, this.#fail);
        this.#entryName = this.#pax.sparse?.name ?? this.#pax.path ?? this.#entryName;
    }
  }

  #noteGlobal(pax: PaxHeader): void {
    const { path, linkPath, sizeBytes, uid, gid, mtimeNs, xattrs, sparse } = pax;
    const values = { path, linkpath: linkPath, size: sizeBytes, uid, gid, mtime: mtimeNs, xattrs, sparse };
    const ignored = Object.entries(values).filter(([, value]) => value !== undefined);
    if (ignored.length === 0) return;
    const keywords = ignored.map(([keyword]) => keyword).join(', ');
    this.#warn('TAR_RECORD_IGNORED', `global extended header sets ${keywords}, which is not applied`);
  }

  #headerSize(block: Buffer, at: number): number {
    const sizeBytes = numericField(block, at + 124, 12);
    if (Number.isNaN(sizeBytes) || sizeBytes < 0) return this.#fail('TAR_NUMBER', 'size is malformed or negative');
    return sizeBytes;
  }

  #takeEntry(type: string, block: Buffer, at: number): void {
    const format = headerFormat(block, at);
    this.#entryName = nameField(block, at, format);
    this.#entryName = this.#overridden(
      'name',
      this.#longName,
      this.#pax?.sparse?.name ?? this.#pax?.path,
      this.#entryName,
    );
    const sizeInHeader = this.#headerSize(block, at);
    const raw: RawEntry = {
      name: this.#entryName,
      block,
      at,
      format,
      storedBytes: this.#pax?.sizeBytes ?? sizeInHeader,
    };
    this.#takeKind(type, raw);
    if (this.#draft === undefined) this.#forgetGroup();
  }

  #takeKind(type: string, raw: RawEntry): void {
    switch (type) {
      case '0':
      case '\0':
      case '7':
      case 'S':
        return this.#takeFile(type, raw);
      case '1':
        return this.#emit('hardlink', raw, this.#hardlinkTarget(raw), NO_DEVICE);
      case '2':
        return this.#emit('symlink', raw, this.#symlinkTarget(raw), NO_DEVICE);
      case '3':
        return this.#emit('character', raw, '', this.#device(raw));
      case '4':
        return this.#emit('block', raw, '', this.#device(raw));
      case '5':
        return this.#emit('directory', raw, '', NO_DEVICE);
      case '6':
        return this.#emit('fifo', raw, '', NO_DEVICE);
      case 'D':
        // GNU's incremental dumps: the content is a list of the names that the directory had.
        this.#emit('directory', raw, '', NO_DEVICE);
        return this.#startBody('skip', raw.storedBytes);
      default:
        this.#warn('TAR_TYPE_SKIPPED', `entry of type ${JSON.stringify(type)} was left out`);
        return this.#startBody('skip', raw.storedBytes);
    }
  }

  #forgetGroup(): void {
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#hasGroup = false;
  }

  /** Readers disagree which of two extended headers counts, so the two must say the same. */
  #overridden(
    what: string,
    gnu: ByteString | undefined,
    pax: ByteString | undefined,
    inHeader: ByteString,
  ): ByteString {
    if (gnu !== undefined && pax !== undefined && gnu !== pax) {
      return this.#fail('TAR_HEADER', `a PAX and a GNU header give the entry two different ${what}s`);
    }
    return gnu ?? pax ?? inHeader;
  }

  #linkTarget(raw: RawEntry): ByteString {
    const inHeader = stringField(raw.block, raw.at + 157, 100);
    return this.#overridden('link target', this.#longLink, this.#pax?.linkPath, inHeader);
  }

  #hardlinkTarget(raw: RawEntry): ByteString {
    const target = cleanPath(this.#linkTarget(raw), 'target of the hard link', this.#fail);
    if (target === '') return this.#fail('TAR_PATH', 'target of the hard link is the root directory');
    return target;
  }

  #symlinkTarget(raw: RawEntry): ByteString {
    const target = this.#linkTarget(raw);
    if (target === '') return this.#fail('TAR_PATH', 'target of the symbolic link is empty');
    if (target.length > PATH_BYTES_MAX) {
      return this.#fail('TAR_PATH', `target of the symbolic link has ${target.length} bytes (ENAMETOOLONG)`);
    }
    return target;
  }

  #device(raw: RawEntry): DeviceNumbers {
    return deviceNumbers(raw.block, raw.at, raw.format, this.#pax, this.#fail);
  }

  #takeFile(type: string, raw: RawEntry): void {
    if (raw.name.endsWith('/')) {
      // Tars older than POSIX mark directories by the slash alone, and their size means nothing. With a type flag that
      // says file, readers disagree whether there is content.
      if (type !== '\0' && raw.storedBytes > 0) return this.#fail('TAR_HEADER', 'a directory cannot have content');
      return this.#emit('directory', raw, '', NO_DEVICE);
    }
    if (this.#skipRootFiles && (raw.name === '' || cleanPath(raw.name, 'name', this.#fail) === '')) {
      this.#warn('TAR_TYPE_SKIPPED', 'a file that is named like the root was left out');
      return this.#startBody('skip', raw.storedBytes);
    }
    if (type === 'S') return this.#startHeaderSparse(raw);
    if (this.#pax?.sparse !== undefined) return this.#startPaxSparse(raw, this.#pax.sparse);
    const { path, fields } = this.#identity(raw, 'file');
    return this.#emitFile(path, fields, raw.storedBytes, raw.storedBytes, undefined);
  }

  #identity(raw: RawEntry, kind: EntryKind): { readonly path: ByteString; readonly fields: PlainFields } {
    const path = cleanPath(raw.name, 'name', this.#fail);
    // CVE-2021-29136: a layer whose root entry is a link replaced the root file system itself.
    if (path === '' && kind !== 'directory') {
      return this.#fail('TAR_PATH', `the root of the tar is a ${kind}, not a directory`);
    }
    if (this.#whiteouts) checkWhiteoutName(path, this.#fail);
    return { path, fields: plainFields(raw.block, raw.at, this.#pax, this.#fail, this.#warn) };
  }

  #startHeaderSparse(raw: RawEntry): void {
    if (raw.format !== 'gnu' && raw.format !== 'star') {
      return this.#fail('TAR_HEADER', `a sparse entry cannot stand in a tar of format ${raw.format}`);
    }
    const isGnu = raw.format === 'gnu';
    const sizeBytes = numericField(raw.block, raw.at + (isGnu ? 483 : 452), 12);
    const draft = this.#startDraft(raw, sizeBytes, []);
    const fields = isGnu ? GNU_SPARSE_FIELDS : STAR_SPARSE_FIELDS;
    const continues = readSparseSlots(raw.block, raw.at, fields, draft.numbers, this.#fail);
    if (continues) this.#state = 'sparse-extension';
    else this.#finishDraft(draft);
  }

  #startPaxSparse(raw: RawEntry, sparse: PaxSparse): void {
    if (sparse.sizeBytes === undefined) return this.#fail('TAR_HEADER', 'sparse file without its size');
    const version = `${sparse.major ?? '0'}.${sparse.minor ?? '0'}`;
    switch (version) {
      case '0.0':
      case '0.1':
        if (sparse.extentCount !== undefined && sparse.extentCount * 2 !== sparse.numbers.length) {
          return this.#fail('TAR_HEADER', `sparse map has not the ${sparse.extentCount} parts that it claims`);
        }
        return this.#finishDraft(this.#startDraft(raw, sparse.sizeBytes, sparse.numbers));
      case '1.0':
        if (raw.storedBytes < BLOCK_BYTES) return this.#fail('TAR_HEADER', 'sparse map is missing');
        this.#mapReader = new SparseMapReader(this.#fail);
        this.#startDraft(raw, sparse.sizeBytes, this.#mapReader.numbers);
        this.#state = 'sparse-map';
        return;
      default:
        return this.#fail('TAR_HEADER', `sparse format ${JSON.stringify(version.slice(0, 40))} is not known`);
    }
  }

  #startDraft(raw: RawEntry, sizeBytes: number, numbers: number[]): Draft {
    if (Number.isNaN(sizeBytes) || sizeBytes < 0) {
      return this.#fail('TAR_NUMBER', 'size of the sparse file is malformed or negative');
    }
    const { path, fields } = this.#identity(raw, 'file');
    const draft: Draft = { path, fields, sizeBytes, storedBytes: raw.storedBytes, numbers };
    this.#draft = draft;
    return draft;
  }

  #takeSparseExtension(draft: Draft, block: Buffer, at: number): void {
    if (!readSparseSlots(block, at, EXTENSION_SPARSE_FIELDS, draft.numbers, this.#fail)) this.#finishDraft(draft);
  }

  #takeSparseMap(draft: Draft, map: SparseMapReader, block: Buffer, at: number): void {
    const isWhole = map.push(block, at);
    draft.storedBytes -= BLOCK_BYTES;
    if (isWhole) this.#finishDraft(draft);
    else if (draft.storedBytes < BLOCK_BYTES) this.#fail('TAR_HEADER', 'sparse map is longer than the content');
  }

  #finishDraft(draft: Draft): void {
    const extents = sparseExtents(draft.numbers, draft.sizeBytes, draft.storedBytes, this.#fail);
    this.#draft = undefined;
    this.#mapReader = undefined;
    this.#emitFile(draft.path, draft.fields, draft.sizeBytes, draft.storedBytes, extents);
    this.#forgetGroup();
  }

  #emitFile(
    path: ByteString,
    fields: PlainFields,
    sizeBytes: number,
    storedBytes: number,
    sparse: readonly SparseExtent[] | undefined,
  ): void {
    this.#handler.entry({
      path,
      kind: 'file',
      mode: fields.mode,
      uid: fields.uid,
      gid: fields.gid,
      mtimeNs: fields.mtimeNs,
      sizeBytes,
      linkTarget: '',
      deviceMajor: 0,
      deviceMinor: 0,
      xattrs: fields.xattrs,
      headerOffset: this.#entryAt,
      dataOffset: this.#offset,
      storedBytes,
      sparse,
    });
    this.#startBody('content', storedBytes);
    if (storedBytes === 0) this.#handler.contentEnd?.();
  }

  #emit(kind: Exclude<EntryKind, 'file'>, raw: RawEntry, linkTarget: ByteString, device: DeviceNumbers): void {
    const { path, fields } = this.#identity(raw, kind);
    this.#state = 'header';
    this.#handler.entry({
      path,
      kind,
      mode: fields.mode,
      uid: fields.uid,
      gid: fields.gid,
      mtimeNs: fields.mtimeNs,
      sizeBytes: 0,
      linkTarget,
      deviceMajor: device.deviceMajor,
      deviceMinor: device.deviceMinor,
      xattrs: fields.xattrs,
      headerOffset: this.#entryAt,
      dataOffset: this.#offset,
      storedBytes: 0,
      sparse: undefined,
    });
  }
}
