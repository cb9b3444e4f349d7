import { hostFacts } from '../../runtime/index.ts';

/** What strerror(3) says of EINVAL in every libc: chown(2) gives it for an id that the user namespace does not have. */
const INVALID = 'nvalid argument';

/** Watches for a step that fails since its user namespace lacks an id; without such a namespace it watches nothing. */
export class MissingIds {
  readonly #count = hostFacts().ids?.uids.reduce((sum, { count }) => sum + count, 0);
  #isSuspected = false;

  look(output: Uint8Array): void {
    if (this.#count !== undefined) this.#isSuspected ||= Buffer.from(output).includes(INVALID);
  }

  /** For the error of a step that has failed. */
  get hint(): string | undefined {
    if (this.#count === undefined || !this.#isSuspected) return undefined;
    const has = this.#count === 1 ? 'one id (0)' : `the ids 0 to ${this.#count - 1}`;
    return `without root a step has ${has}, and files cannot be given to others; shale doctor says how to get more`;
  }
}
