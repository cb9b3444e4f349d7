import { identityOf, type Entry, type EntryKind } from './entries.ts';

/** What a target's attribute holds, by its form. */
export interface FieldForms {
  readonly text: string;
  readonly flag: boolean;
  readonly texts: readonly string[];
  /** null: given without a value. */
  readonly map: ReadonlyMap<string, string | null>;
  readonly entries: readonly Entry[];
}

export type FieldValue = FieldForms[keyof FieldForms];

export type Field = {
  readonly name: string;
  /** How a target takes it from one that it inherits from, or from an earlier definition: in its place, or beside it. */
  readonly merge: 'replace' | 'append';
  /** Other names that `--set` takes. */
  readonly alias?: string;
} & ({ readonly form: 'text' | 'flag' | 'texts' | 'map' } | { readonly form: 'entries'; readonly entry: EntryKind });

/** Every attribute of a target, in the order in which a resolved target is printed. */
export const FIELDS: readonly Field[] = [
  { name: 'description', form: 'text', merge: 'replace' },
  { name: 'annotations', form: 'texts', merge: 'append' },
  { name: 'attest', form: 'entries', entry: 'attest', merge: 'append' },
  { name: 'context', form: 'text', merge: 'replace' },
  { name: 'contexts', form: 'map', merge: 'append' },
  { name: 'dockerfile', form: 'text', merge: 'replace' },
  { name: 'dockerfile-inline', form: 'text', merge: 'replace' },
  { name: 'args', form: 'map', merge: 'append' },
  { name: 'labels', form: 'map', merge: 'append' },
  { name: 'tags', form: 'texts', merge: 'replace' },
  { name: 'cache-from', form: 'entries', entry: 'cache', merge: 'append' },
  { name: 'cache-to', form: 'entries', entry: 'cache', merge: 'replace' },
  { name: 'target', form: 'text', merge: 'replace' },
  { name: 'secret', form: 'entries', entry: 'secret', merge: 'append', alias: 'secrets' },
  { name: 'ssh', form: 'entries', entry: 'ssh', merge: 'append' },
  { name: 'platforms', form: 'texts', merge: 'replace', alias: 'platform' },
  { name: 'output', form: 'entries', entry: 'output', merge: 'replace' },
  { name: 'pull', form: 'flag', merge: 'replace' },
  { name: 'no-cache', form: 'flag', merge: 'replace' },
  { name: 'network', form: 'text', merge: 'replace' },
  { name: 'no-cache-filter', form: 'texts', merge: 'append' },
  { name: 'shm-size', form: 'text', merge: 'replace' },
  { name: 'ulimits', form: 'texts', merge: 'append' },
  { name: 'call', form: 'text', merge: 'replace' },
  { name: 'entitlements', form: 'texts', merge: 'append' },
  { name: 'extra-hosts', form: 'map', merge: 'append' },
];

/** The attributes of a target that were set. */
export class Fields {
  readonly #values: Map<string, FieldValue>;

  constructor(values: Iterable<readonly [string, FieldValue]> = []) {
    this.#values = new Map(values);
  }

  /** undefined when it is not set. `F` belongs to the name: see FIELDS. */
  get<F extends keyof FieldForms>(_form: F, name: string): FieldForms[F] | undefined {
    return this.#values.get(name) as FieldForms[F] | undefined; // Values are put in by the form of their field.
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  with(name: string, value: FieldValue): Fields {
    return new Fields([...this.#values, [name, value]]);
  }

  without(name: string): Fields {
    return new Fields([...this.#values].filter(([key]) => key !== name));
  }

  /** This target's attributes with those of a later definition over them. */
  mergedWith(later: Fields): Fields {
    const values = new Map(this.#values);
    for (const field of FIELDS) {
      const theirs = later.#values.get(field.name);
      const ours = values.get(field.name);
      if (theirs !== undefined)
        values.set(field.name, ours === undefined || field.merge === 'replace' ? theirs : joined(field, ours, theirs));
    }
    return new Fields(values);
  }

  /** The same, where every list is added to. */
  extendedBy(later: Fields): Fields {
    const values = new Map(this.mergedWith(later).#values);
    for (const { name, form } of FIELDS) {
      const ours = this.#values.get(name);
      const theirs = later.#values.get(name);
      if ((form === 'texts' || form === 'entries') && ours !== undefined && theirs !== undefined)
        values.set(name, [...(ours as readonly never[]), ...(theirs as readonly never[])]); // Lists of one form.
    }
    return new Fields(values);
  }

  /** Each element of a list once; nothing that is empty. */
  normalized(): Fields {
    const values = Array.from(this.#values, ([name, value]) => [name, cleaned(name, value)] as const);
    return new Fields(values.filter((entry): entry is [string, FieldValue] => entry[1] !== undefined));
  }
}

function joined(field: Field, ours: FieldValue, theirs: FieldValue): FieldValue {
  if (field.form === 'map') {
    const merged = new Map(ours as FieldForms['map']); // By the form.
    // A member without a value does not take an earlier one away.
    for (const [key, value] of theirs as FieldForms['map'])
      if (value !== null || !merged.has(key)) merged.set(key, value);
    return merged;
  }
  return [...(ours as readonly never[]), ...(theirs as readonly never[])]; // Lists of one form.
}

function cleaned(name: string, value: FieldValue): FieldValue | undefined {
  const field = FIELDS.find((one) => one.name === name);
  if (field?.form === 'texts') {
    const texts = [...new Set(value as FieldForms['texts'])].filter((text) => text !== ''); // By the form.
    return texts.length === 0 ? undefined : texts;
  }
  if (field?.form === 'entries') {
    const byIdentity = new Map<string, Entry>();
    for (const entry of value as FieldForms['entries']) byIdentity.set(identityOf(field.entry, entry), entry); // By the form.
    return byIdentity.size === 0 ? undefined : [...byIdentity.values()];
  }
  if (field?.form !== 'map') return value;
  const members = [...(value as FieldForms['map'])].filter(
    ([, text]) => text !== null && (name !== 'contexts' || text !== ''),
  ); // By the form.
  return members.length === 0 ? undefined : new Map(members);
}
