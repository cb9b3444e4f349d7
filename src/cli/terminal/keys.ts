/** What somebody did at the keyboard. */
export type Key =
  /** One character that has a shape: a code point, the blank too. */
  | { readonly kind: 'character'; readonly text: string }
  /** A key with a name, alone or with others: `enter`, `up`, `shift+tab`, `ctrl+a`, `ctrl+space`, `alt+x`, `f1`. */
  | { readonly kind: 'named'; readonly name: string }
  /** What was pasted, cut to PASTE_BYTES_MAX; any characters may be in it. */
  | { readonly kind: 'paste'; readonly text: string };

/** Longer escape sequences mean nothing to us and are dropped. */
const SEQUENCE_BYTES_MAX = 64;
/** More is not taken of one paste. */
export const PASTE_BYTES_MAX = 4096;

const ESC = 0x1b;
const PASTE_END = '\u001B[201~';

const CONTROL: Readonly<Record<number, string>> = {
  0x00: 'ctrl+space',
  0x08: 'backspace',
  0x09: 'tab',
  0x0a: 'enter',
  0x0d: 'enter',
  0x1c: 'ctrl+\\',
  0x1d: 'ctrl+]',
  0x1e: 'ctrl+^',
  0x1f: 'ctrl+_',
  0x7f: 'backspace',
};

/** The last byte of `ESC [ … X` and `ESC O X` (xterm, ctlseqs, "PC-Style Function Keys"). */
const FINALS: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  E: 'center',
  F: 'end',
  H: 'home',
  M: 'enter',
  P: 'f1',
  Q: 'f2',
  R: 'f3',
  S: 'f4',
  Z: 'shift+tab',
};

/** The number of `ESC [ N ~`. */
const NUMBERED: Readonly<Record<number, string>> = {
  1: 'home',
  2: 'insert',
  3: 'delete',
  4: 'end',
  5: 'page-up',
  6: 'page-down',
  7: 'home',
  8: 'end',
  11: 'f1',
  12: 'f2',
  13: 'f3',
  14: 'f4',
  15: 'f5',
  17: 'f6',
  18: 'f7',
  19: 'f8',
  20: 'f9',
  21: 'f10',
  23: 'f11',
  24: 'f12',
};

/** Keys that terminals with CSI u or modifyOtherKeys tell by their code point. */
const CODED: Readonly<Record<number, string>> = { 9: 'tab', 13: 'enter', 27: 'escape', 32: 'space', 127: 'backspace' };

/**
 * Makes keys of the bytes that a terminal sends: UTF-8, control characters, the escape sequences of xterm and its kin,
 * the Linux console, rxvt; pastes in brackets. Sequences may be cut anywhere between two calls. What it does not
 * know gives no key, and never characters.
 */
export class KeyParser {
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of a paste whose end has not come. */
  #paste: string | undefined;

  /** A key is begun whose end may still come: `flush` after a moment without any. */
  get waits(): boolean {
    return this.#rest.length > 0;
  }

  feed(bytes: Uint8Array): Key[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    return this.#take(false);
  }

  /** Nothing came for a moment: what looked like the begin of a sequence was the Escape key. */
  flush(): Key[] {
    return this.#take(true);
  }

  #take(isWhole: boolean): Key[] {
    const keys: Key[] = [];
    while (this.#rest.length > 0) {
      const step = this.#paste === undefined ? keyAt(this.#rest, isWhole) : this.#pasteStep(this.#paste);
      if (step === undefined) break;
      this.#rest = this.#rest.subarray(step.bytes);
      if (step.key === 'paste') this.#paste = '';
      else if (step.key !== undefined) keys.push(step.key);
    }
    return keys;
  }

  #pasteStep(before: string): Step | undefined {
    const text = this.#rest.toString('latin1');
    const end = text.indexOf(PASTE_END);
    // A part of the end may have come.
    const bytes = end === -1 ? Math.max(0, text.length - PASTE_END.length + 1) : end;
    const paste = (before + text.slice(0, bytes)).slice(0, PASTE_BYTES_MAX);
    this.#paste = end === -1 ? paste : undefined;
    if (end === -1) return bytes === 0 ? undefined : { bytes, key: undefined };
    const key: Key = { kind: 'paste', text: Buffer.from(paste, 'latin1').toString('utf8') };
    return { bytes: end + PASTE_END.length, key };
  }
}

/** So many bytes are one key, none, or the begin of a paste. */
interface Step {
  readonly bytes: number;
  readonly key: Key | 'paste' | undefined;
}

const named = (bytes: number, name: string | undefined): Step => ({
  bytes,
  key: name === undefined ? undefined : { kind: 'named', name },
});

/** Undefined: the end has not come yet; with `isWhole` it will not come. */
function keyAt(bytes: Buffer, isWhole: boolean): Step | undefined {
  const first = bytes[0] ?? 0;
  if (first === ESC) return escapeAt(bytes, isWhole);
  const control = CONTROL[first];
  if (control !== undefined) return named(1, control);
  if (first < 0x20) return named(1, `ctrl+${String.fromCharCode(first + 0x60)}`);
  if (first < 0x80) return { bytes: 1, key: { kind: 'character', text: String.fromCharCode(first) } };
  return utf8At(bytes, isWhole);
}

function utf8At(bytes: Buffer, isWhole: boolean): Step | undefined {
  const first = bytes[0] ?? 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
  let present = 1;
  while (present < length && ((bytes[present] ?? 0) & 0xc0) === 0x80) present++;
  if (present < length && present === bytes.length && !isWhole) return undefined;
  const text = bytes.toString('utf8', 0, present);
  const isShown = present === length && length > 1 && !text.includes('\uFFFD') && !/\p{C}/u.test(text);
  return { bytes: present, key: isShown ? { kind: 'character', text } : undefined };
}

function escapeAt(bytes: Buffer, isWhole: boolean): Step | undefined {
  const second = bytes[1];
  if (second === undefined) return isWhole ? named(1, 'escape') : undefined;
  if (second === 0x5b) return sequenceAt(bytes, isWhole);
  if (second === 0x4f) {
    const third = bytes[2];
    if (third === undefined) return isWhole ? named(2, 'alt+O') : undefined;
    return named(3, FINALS[String.fromCharCode(third)]);
  }
  if (second === ESC) return named(1, 'escape');
  const inner = keyAt(bytes.subarray(1), isWhole);
  if (inner === undefined) return undefined;
  return named(1 + inner.bytes, altered('alt+', inner.key));
}

function altered(modifiers: string, key: Step['key']): string | undefined {
  if (key === undefined || key === 'paste' || key.kind === 'paste') return undefined;
  return modifiers + (key.kind === 'named' ? key.name : key.text === ' ' ? 'space' : key.text);
}

/** `ESC [ parameters intermediates final` (ECMA-48, 5.4). */
function sequenceAt(bytes: Buffer, isWhole: boolean): Step | undefined {
  // The Linux console: ESC [ [ A is F1.
  if (bytes[2] === 0x5b) {
    const letter = bytes[3];
    if (letter === undefined) return isWhole ? named(3, undefined) : undefined;
    return named(4, letter >= 0x41 && letter <= 0x45 ? `f${letter - 0x40}` : undefined);
  }
  for (let at = 2; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x20 || byte > 0x7e) return named(at, undefined);
    if (byte >= 0x40) return sequence(at + 1, bytes.toString('latin1', 2, at), String.fromCharCode(byte));
    if (at >= SEQUENCE_BYTES_MAX) return named(at, undefined);
  }
  if (!isWhole) return undefined;
  return bytes.length === 2 ? named(2, 'alt+[') : named(bytes.length, undefined);
}

function sequence(bytes: number, parameters: string, final: string): Step {
  const numbers = parameters.split(';').map((one) => Number.parseInt(one, 10));
  const [first = Number.NaN, second = 1, third = Number.NaN] = numbers;
  if (final === '~' && first === 200) return { bytes, key: 'paste' };
  if (final === 'u') return named(bytes, coded(first, second));
  if (final === '~' && first === 27) return named(bytes, coded(third, second));
  const base = final === '~' ? NUMBERED[first] : FINALS[final];
  if (base === undefined || /[^\d;]/.test(parameters)) return named(bytes, undefined);
  return named(bytes, modifiersOf(second) + base);
}

function coded(codePoint: number, modifiers: number): string | undefined {
  const base = CODED[codePoint] ?? (codePoint > 0x20 && codePoint < 0x7f ? String.fromCharCode(codePoint) : undefined);
  return base === undefined ? undefined : modifiersOf(modifiers) + base;
}

/** 1 + (shift 1, alt 2, control 4). */
function modifiersOf(parameter: number): string {
  const bits = Number.isNaN(parameter) ? 0 : parameter - 1;
  return `${bits & 4 ? 'ctrl+' : ''}${bits & 2 ? 'alt+' : ''}${bits & 1 ? 'shift+' : ''}`;
}

/** A key in one word, for tables of keys: `q`, `space`, `ctrl+a`, `paste`. */
export function nameOfKey(key: Key): string {
  if (key.kind === 'paste') return 'paste';
  return key.kind === 'named' ? key.name : key.text === ' ' ? 'space' : key.text;
}
