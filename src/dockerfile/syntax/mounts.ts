import { Refusal } from './diagnostics.ts';
import type { Span } from './source.ts';
import { suggestion } from './suggest.ts';
import type { Word } from './tree.ts';
import { parseBoolean, parseCsvLine, parseOctal, parseSize, parseUnsigned } from './values.ts';

export type MountType = 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
export type CacheSharing = 'shared' | 'private' | 'locked';

/** A `--mount` of RUN with its options read and checked; what was not written is absent. */
export interface MountFlag {
  readonly type: MountType;
  readonly from: string;
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly sizeBytes?: number;
  readonly id: string;
  readonly sharing?: CacheSharing;
  readonly required: boolean;
  readonly env?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** A `--device` of RUN. */
export interface DeviceFlag {
  readonly name: string;
  readonly required: boolean;
}

const TYPES: readonly MountType[] = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'];
const SHARINGS: readonly CacheSharing[] = ['shared', 'private', 'locked'];
const KEYS: readonly string[] =
  'type from source src target dst destination readonly ro readwrite rw required size id sharing mode uid gid env'.split(
    ' ',
  );

/**
 * What can be known of a mount before its variables are: its form, and that `from` has none.
 * @throws Refusal
 */
export function checkMount(flag: Word): void {
  for (const field of fieldsOf(flag)) {
    const { key, value } = splitField(field);
    if (key !== 'from' || value === undefined) continue;
    const dollar = value.indexOf('$');
    if (dollar !== -1 && dollar !== value.length - 1) {
      const hint = 'give the image or stage a name of its own with FROM … AS name';
      throw new Refusal('MOUNT_OPTION', '"from" of a mount cannot have variables', flag, hint);
    }
  }
}

/** The stage or image that a mount takes its files from, before expansion; '' for none. */
export function mountSource(flag: Word): string {
  let from = '';
  for (const field of fieldsOf(flag)) {
    const { key, value } = splitField(field);
    if (key === 'from' && value !== undefined) from = value;
  }
  return from;
}

/**
 * Reads a mount; `expand` gives the value of each option with its variables put in.
 * @throws Refusal, and what `expand` throws
 */
export function readMount(flag: Word, expand: (value: string) => string): MountFlag {
  const draft = new MountDraft(flag);
  for (const field of fieldsOf(flag)) {
    const { key, value } = splitField(field);
    if (value === undefined) draft.setBare(key, field);
    else draft.set(key, expand(value), field);
  }
  return draft.finish();
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A mount while its options come in; the order matters, since `size` and `required` depend on the type before them. */
class MountDraft {
  readonly #span: Span;
  readonly #mount: Mutable<Omit<MountFlag, 'readOnly'>> = {
    type: 'bind',
    from: '',
    source: '',
    target: '',
    id: '',
    required: false,
  };
  #readOnly: boolean | undefined;

  constructor(span: Span) {
    this.#span = span;
  }

  setBare(key: string, field: string): void {
    if (key === 'readonly' || key === 'ro') this.#readOnly = true;
    else if (key === 'readwrite' || key === 'rw') this.#readOnly = false;
    else if (key === 'required') this.#setRequired(true);
    else throw this.#refuse(`the option ${JSON.stringify(field)} must be written as key=value`);
  }

  set(key: string, value: string, field: string): void {
    const mount = this.#mount;
    switch (key) {
      case 'type':
        mount.type = this.#oneOf(TYPES, value, 'mount type');
        break;
      case 'from':
        mount.from = value;
        break;
      case 'source':
      case 'src':
        mount.source = value;
        break;
      case 'target':
      case 'dst':
      case 'destination':
        mount.target = value;
        break;
      case 'readonly':
      case 'ro':
        this.#readOnly = this.#boolean(key, value);
        break;
      case 'readwrite':
      case 'rw':
        this.#readOnly = !this.#boolean(key, value);
        break;
      case 'required':
        this.#setRequired(this.#boolean(key, value));
        break;
      case 'size':
        if (mount.type !== 'tmpfs') throw this.#refuse(`a mount of type ${mount.type} has no "size"`);
        mount.sizeBytes = this.#number(key, value, parseSize(value));
        break;
      case 'id':
        mount.id = value;
        break;
      case 'sharing':
        mount.sharing = this.#oneOf(SHARINGS, value, 'sharing');
        break;
      case 'mode':
        mount.mode = this.#number(key, value, parseOctal(value));
        break;
      case 'uid':
        mount.uid = this.#number(key, value, parseUnsigned(value, 0xffff_ffff));
        break;
      case 'gid':
        mount.gid = this.#number(key, value, parseUnsigned(value, 0xffff_ffff));
        break;
      case 'env':
        mount.env = value;
        break;
      default:
        throw this.#refuse(`unknown option ${JSON.stringify(key)} in ${JSON.stringify(field)}`, suggestion(key, KEYS));
    }
  }

  finish(): MountFlag {
    const mount = this.#mount;
    if (mount.type === 'bind' || mount.type === 'tmpfs') {
      for (const key of ['mode', 'uid', 'gid'] as const) {
        if (mount[key] !== undefined) throw this.#refuse(`a mount of type ${mount.type} has no "${key}"`);
      }
    }
    if (mount.sharing !== undefined && mount.type !== 'cache') {
      throw this.#refuse(`a mount of type ${mount.type} has no "sharing"`);
    }
    if (mount.type === 'secret') this.#checkSecret();
    const isWritable = mount.type === 'cache' || mount.type === 'tmpfs';
    return { ...mount, readOnly: this.#readOnly ?? !isWritable };
  }

  #checkSecret(): void {
    const { from, source, target, id } = this.#mount;
    if (from !== '') throw this.#refuse('a secret has no "from"');
    if (source === '' && target === '' && id === '') throw this.#refuse('a secret needs an "id" or a "target"');
    if (source !== '' && id !== '') throw this.#refuse('a secret has either "source" or "id", which are the same');
  }

  #setRequired(required: boolean): void {
    if (this.#mount.type !== 'secret' && this.#mount.type !== 'ssh') {
      throw this.#refuse(`a mount of type ${this.#mount.type} has no "required"`);
    }
    this.#mount.required = required;
  }

  #boolean(key: string, value: string): boolean {
    const boolean = parseBoolean(value);
    if (boolean === undefined) throw this.#refuse(`"${key}" is true or false, not ${JSON.stringify(value)}`);
    return boolean;
  }

  #number(key: string, value: string, number: number | undefined): number {
    if (number === undefined) throw this.#refuse(`${JSON.stringify(value)} is not a valid "${key}"`);
    return number;
  }

  #oneOf<T extends string>(known: readonly T[], value: string, what: string): T {
    const found = known.find((candidate) => candidate === value.toLowerCase());
    if (found === undefined) {
      throw this.#refuse(`unknown ${what} ${JSON.stringify(value)}`, suggestion(value, known) ?? known.join(', '));
    }
    return found;
  }

  #refuse(message: string, hint?: string): Refusal {
    return new Refusal('MOUNT_OPTION', message, this.#span, hint);
  }
}

/** @throws Refusal */
export function readDevice(flag: Word): DeviceFlag {
  let name = '';
  let required = false;
  const refuse = (message: string): Refusal => new Refusal('DEVICE_OPTION', message, flag);
  for (const field of fieldsOf(flag)) {
    const { key, value } = splitField(field);
    if (key === 'required') {
      const boolean = value === undefined ? true : parseBoolean(value);
      if (boolean === undefined) throw refuse(`"required" is true or false, not ${JSON.stringify(value)}`);
      required = boolean;
    } else if (key === 'name' && value !== undefined) {
      if (name !== '') throw refuse(`the device's name is given twice`);
      name = value;
    } else if (name === '') name = field;
    else throw refuse(`unknown option ${JSON.stringify(field)}`);
  }
  return { name, required };
}

function fieldsOf(flag: Word): string[] {
  const fields = parseCsvLine(flag.text);
  if (fields === undefined) {
    throw new Refusal('MOUNT_OPTION', `${JSON.stringify(flag.text)} is not a list of options`, flag);
  }
  return fields;
}

function splitField(field: string): { key: string; value: string | undefined } {
  const equals = field.indexOf('=');
  if (equals === -1) return { key: field.toLowerCase(), value: undefined };
  return { key: field.slice(0, equals).toLowerCase(), value: field.slice(equals + 1) };
}
