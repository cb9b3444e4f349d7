import type { ByteString } from '../base/index.ts';
import { HeaderGroup } from './header-group.ts';
import type { EntryKind, EntryRecords, ReadTarEntry } from './entry.ts';
import { ENTRIES_MAX, LONG_NAME_BYTES_MAX, PAX_HEADER_BYTES_MAX } from './limits.ts';
import { appliedKeywords, parsePax } from './pax.ts';
import { SparseEntry } from './sparse-entry.ts';
import type { TarHandler, TarReadOptions } from './tar-handler.ts';
import { quoteName, tarError, type TarFail, type TarWarning } from './tar-errors.ts';
import {
  BLOCK_BYTES,
  hasValidChecksum,
  headerFormat,
  isZeroBlock,
  nameField,
  numericField,
  paddingOf,
} from './tar-header.ts';
import {
  type DeviceNumbers,
  deviceNumbers,
  linkField,
  type PlainFields,
  plainFields,
  type RawEntry,
  recordsOf,
} from './tar-fields.ts';
import { checkWhiteoutName, cleanPath } from './tar-path.ts';

type State =
  | 'header'
  /** One zero block was seen: only another one, or the end, may follow. */
  | 'zero'
  | 'meta'
  | 'sparse-map'
  | 'content'
  | 'skip'
  | 'padding'
  | 'after-end';

/** What an entry is, apart from its content. */
interface Identity {
  readonly path: ByteString;
  readonly fields: PlainFields;
  readonly records: EntryRecords | undefined;
}

type Content = Pick<ReadTarEntry, 'sizeBytes' | 'storedBytes' | 'sparse'>;

const NO_DEVICE: DeviceNumbers = { deviceMajor: 0, deviceMinor: 0 };
const NO_CONTENT: Content = plainContent(0);

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
  readonly #records: boolean;
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

  /** Where the first header of the entry begins, and whether an extended header has already been read for it. */
  #entryAt = 0;
  #hasGroup = false;
  #entryName: ByteString | undefined;
  /** A sparse file whose map goes on in the blocks after its header. */
  #sparse: (Identity & { readonly entry: SparseEntry }) | undefined;

  constructor(handler: TarHandler, options: TarReadOptions = {}) {
    this.#handler = handler;
    this.#whiteouts = options.whiteouts ?? false;
    this.#skipRootFiles = options.skipRootFiles ?? false;
    this.#records = options.records ?? false;
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

  /** Passes over content that the handler does not take, up to `bytesMax`, unseen. Says how many bytes that is. */
  skip(bytesMax: number): number {
    const isUnseen = this.#state === 'content' && this.#handler.content === undefined;
    const skipped = isUnseen ? Math.min(bytesMax, this.#remaining) : 0;
    this.#offset += skipped;
    this.#remaining -= skipped;
    if (skipped > 0 && this.#remaining === 0) this.#contentEnded();
    return skipped;
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

  readonly #group: HeaderGroup = new HeaderGroup(this.#fail);

  #checkEnd(): void {
    const atEnd = `unexpected end of archive after ${this.#offset} bytes`;
    if (this.#carried > 0 && (this.#state === 'header' || this.#state === 'zero')) {
      throw tarError('TAR_TRUNCATED', `${atEnd}, in a header`, this.#offset - this.#carried, undefined);
    }
    switch (this.#state) {
      case 'content':
      case 'skip':
        return this.#fail('TAR_TRUNCATED', `${atEnd}, ${this.#remaining} bytes of content are missing`);
      case 'meta':
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
    const sparse = this.#sparse;
    if (sparse === undefined) return this.#takeHeaderBlock(block, at);
    sparse.entry.take(block, at);
    if (!sparse.entry.isWhole) return;
    this.#sparse = undefined;
    this.#emitSparse(sparse, sparse.entry);
    this.#forgetGroup();
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
    if (this.#metaType !== 'g') {
      this.#group.take(this.#metaType, body);
      this.#entryName = this.#group.nameSoFar;
      return;
    }
    const ignored = appliedKeywords(parsePax(body, this.#fail));
    if (ignored.length === 0) return;
    this.#warn('TAR_RECORD_IGNORED', `global extended header sets ${ignored.join(', ')}, which is not applied`);
  }

  #headerSize(block: Buffer, at: number): number {
    const sizeBytes = numericField(block, at + 124, 12);
    if (Number.isNaN(sizeBytes) || sizeBytes < 0) return this.#fail('TAR_NUMBER', 'size is malformed or negative');
    return sizeBytes;
  }

  #takeEntry(type: string, block: Buffer, at: number): void {
    const format = headerFormat(block, at);
    this.#entryName = nameField(block, at, format);
    this.#entryName = this.#group.name(this.#entryName);
    const sizeInHeader = this.#headerSize(block, at);
    const raw: RawEntry = {
      name: this.#entryName,
      block,
      at,
      format,
      storedBytes: this.#group.pax?.sizeBytes ?? sizeInHeader,
    };
    this.#takeKind(type, raw);
    if (this.#sparse === undefined) this.#forgetGroup();
  }

  #takeKind(type: string, raw: RawEntry): void {
    switch (type) {
      case '0':
      case '\0':
      case '7':
      case 'S':
        return this.#takeFile(type, raw);
      case '1':
        return this.#emit('hardlink', raw, this.#group.hardlinkTarget(linkField(raw)), NO_DEVICE);
      case '2':
        return this.#emit('symlink', raw, this.#group.symlinkTarget(linkField(raw)), NO_DEVICE);
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
    this.#group.clear();
    this.#hasGroup = false;
  }

  #device(raw: RawEntry): DeviceNumbers {
    return deviceNumbers(raw.block, raw.at, raw.format, this.#group.pax, this.#fail);
  }

  #takeFile(type: string, raw: RawEntry): void {
    if (raw.name.endsWith('/')) {
      // Tars older than POSIX mark directories by the slash alone, and their size means nothing. With a type flag that
      // says file, readers disagree whether there is content.
      if (type !== '\0' && raw.storedBytes > 0) return this.#fail('TAR_HEADER', 'a directory cannot have content');
      return this.#emit('directory', raw, '', NO_DEVICE);
    }
    const sparse = this.#sparseEntry(type, raw);
    if (this.#skipRootFiles && (raw.name === '' || cleanPath(raw.name, 'name', this.#fail) === '')) {
      this.#warn('TAR_TYPE_SKIPPED', 'a file that is named like the root was left out');
      return this.#startBody('skip', raw.storedBytes);
    }
    const identity = this.#identity(raw, 'file');
    if (sparse === undefined) return this.#emitFile(identity, plainContent(raw.storedBytes));
    if (sparse.isWhole) return this.#emitSparse(identity, sparse);
    this.#sparse = { ...identity, entry: sparse };
    this.#state = 'sparse-map';
  }

  #sparseEntry(type: string, raw: RawEntry): SparseEntry | undefined {
    if (type === 'S') return SparseEntry.ofHeader(raw.block, raw.at, raw.format, raw.storedBytes, this.#fail);
    const sparse = this.#group.pax?.sparse;
    return sparse === undefined ? undefined : SparseEntry.ofPax(sparse, raw.storedBytes, this.#fail);
  }

  #identity(raw: RawEntry, kind: EntryKind): Identity {
    const path = cleanPath(raw.name, 'name', this.#fail);
    // CVE-2021-29136: a layer whose root entry is a link replaced the root file system itself.
    if (path === '' && kind !== 'directory') {
      return this.#fail('TAR_PATH', `the root of the tar is a ${kind}, not a directory`);
    }
    if (this.#whiteouts) checkWhiteoutName(path, this.#fail);
    const { pax } = this.#group;
    const fields = plainFields(raw.block, raw.at, pax, this.#fail, this.#warn);
    return { path, fields, records: this.#records ? recordsOf(raw, pax) : undefined };
  }

  #emitSparse(identity: Identity, sparse: SparseEntry): void {
    const { sizeBytes, storedBytes } = sparse;
    this.#emitFile(identity, { sizeBytes, storedBytes, sparse: sparse.extents() });
  }

  #emitFile(identity: Identity, content: Content): void {
    this.#give('file', identity, '', NO_DEVICE, content);
    this.#startBody('content', content.storedBytes);
    if (content.storedBytes === 0) this.#handler.contentEnd?.();
  }

  #emit(kind: Exclude<EntryKind, 'file'>, raw: RawEntry, linkTarget: ByteString, device: DeviceNumbers): void {
    this.#give(kind, this.#identity(raw, kind), linkTarget, device, NO_CONTENT);
    this.#state = 'header';
  }

  #give(
    kind: EntryKind,
    { path, fields, records }: Identity,
    linkTarget: ByteString,
    device: DeviceNumbers,
    content: Content,
  ): void {
    this.#handler.entry({
      path,
      kind,
      mode: fields.mode,
      uid: fields.uid,
      gid: fields.gid,
      mtimeNs: fields.mtimeNs,
      sizeBytes: content.sizeBytes,
      linkTarget,
      deviceMajor: device.deviceMajor,
      deviceMinor: device.deviceMinor,
      xattrs: fields.xattrs,
      headerOffset: this.#entryAt,
      dataOffset: this.#offset,
      storedBytes: content.storedBytes,
      sparse: content.sparse,
      ...(records !== undefined && { records }),
    });
  }
}

function plainContent(sizeBytes: number): Content {
  return { sizeBytes, storedBytes: sizeBytes, sparse: undefined };
}
