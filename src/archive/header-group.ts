import type { ByteString } from '../base/index.ts';
import { PATH_BYTES_MAX } from './limits.ts';
import { type PaxHeader, parsePax } from './pax.ts';
import type { TarFail } from './tar-errors.ts';
import { stringField } from './tar-header.ts';
import { cleanPath } from './tar-path.ts';

/** The extended headers that stand before an entry, and what they say in its header's stead. */
export class HeaderGroup {
  readonly #fail: TarFail;
  #pax: PaxHeader | undefined;
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;

  constructor(fail: TarFail) {
    this.#fail = fail;
  }

  /** The PAX header, where there is one. */
  get pax(): PaxHeader | undefined {
    return this.#pax;
  }

  /** Takes the body of an extended header of type `x`, `X`, `L` or `K`. The last one of a type counts, as for Go. */
  take(type: string, body: Buffer): void {
    if (type === 'L') this.#longName = stringField(body, 0, body.length);
    else if (type === 'K') this.#longLink = stringField(body, 0, body.length);
    else this.#pax = parsePax(body, this.#fail);
  }

  clear(): void {
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
  }

  /** The name that the headers so far give the entry, if any; for messages. */
  get nameSoFar(): ByteString | undefined {
    return this.#longName ?? this.#paxName;
  }

  get #paxName(): ByteString | undefined {
    return this.#pax?.sparse?.name ?? this.#pax?.path;
  }

  name(inHeader: ByteString): ByteString {
    return this.#overridden('name', this.#longName, this.#paxName, inHeader);
  }

  hardlinkTarget(inHeader: ByteString): ByteString {
    const target = cleanPath(this.#linkTarget(inHeader), 'target of the hard link', this.#fail);
    if (target === '') return this.#fail('TAR_PATH', 'target of the hard link is the root directory');
    return target;
  }

  symlinkTarget(inHeader: ByteString): ByteString {
    const target = this.#linkTarget(inHeader);
    if (target === '') return this.#fail('TAR_PATH', 'target of the symbolic link is empty');
    if (target.length > PATH_BYTES_MAX) {
      return this.#fail('TAR_PATH', `target of the symbolic link has ${target.length} bytes (ENAMETOOLONG)`);
    }
    return target;
  }

  #linkTarget(inHeader: ByteString): ByteString {
    return this.#overridden('link target', this.#longLink, this.#pax?.linkPath, inHeader);
  }

  /** Readers disagree whether GNU's or PAX's header counts, so the two must say the same. */
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
}
