import { UsageError } from '../usage-error.ts';

const DEFAULT = 'ctrl-p,ctrl-q';
const NAMED_CONTROLS = '@[\\]^_';

/**
 * `--detach-keys`: keys that leave a container to itself, as docker writes them: letters, and `ctrl-` with a letter or one
 * of `@ [ \ ] ^ _`, divided by commas.
 * @throws USAGE
 */
export function parseDetachKeys(text: string = DEFAULT): Uint8Array {
  if (text === '') return new Uint8Array();
  return Uint8Array.from(text.split(',').map(keyCode));
}

function keyCode(key: string): number {
  const lower = key.toLowerCase();
  const control = /^ctrl-(.)$/.exec(lower)?.[1];
  if (control !== undefined && /^[a-z]$/.test(control)) return control.charCodeAt(0) - 0x60;
  if (control !== undefined && NAMED_CONTROLS.includes(control)) {
    return control === '@' ? 0 : control.charCodeAt(0) - 0x40;
  }
  if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
  throw new UsageError(
    `--detach-keys ${JSON.stringify(key)} is not a key`,
    'as ctrl-p,ctrl-q: single keys, or ctrl- and one of a-z @ [ \\ ] ^ _',
  );
}

/** Looks for the keys in what is typed. What may be their beginning is kept back until the next key. */
export class DetachKeys {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What goes on to the container, and whether the keys were pressed: nothing behind them is passed on. */
  feed(bytes: Uint8Array): { readonly pass: Uint8Array; readonly detached: boolean } {
    if (this.#keys.length === 0) return { pass: bytes, detached: false };
    const pass: number[] = [];
    for (const byte of bytes) {
      if (byte === this.#keys[this.#matched]) {
        if (++this.#matched === this.#keys.length) return { pass: Uint8Array.from(pass), detached: true };
        continue;
      }
      pass.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = 0;
      if (byte === this.#keys[0]) this.#matched = 1;
      else pass.push(byte);
    }
    return { pass: Uint8Array.from(pass), detached: false };
  }
}
