import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';

/** An input that differs from the nearest earlier run. */
export interface Change {
  readonly name: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/**
 * The settings of a RUN are one input, as JSON: told as the settings that differ (`setting:NAME`) and the mounts that do
 * (`mount:TARGET`), each with the part of it that is another one.
 */
export function expandSettings(change: Change): Change[] {
  const before = objectIn(change.before);
  const after = objectIn(change.after);
  if (before === undefined || after === undefined) return [change];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].toSorted().flatMap((name) => {
    if (isEqual(before[name], after[name])) return [];
    if (name === 'mounts') return mountChanges(mountsIn(before[name]), mountsIn(after[name]));
    return [{ name: `setting:${name}`, before: shortText(before[name]), after: shortText(after[name]) }];
  });
}

/** What a `setting:` or `mount:` means in words; undefined for another name. */
export function settingSentence({ name, before, after }: Change): string | undefined {
  if (name.startsWith('mount:')) {
    const mount = `the mount of ${name.slice('mount:'.length)}`;
    if (before === undefined) return `${mount} is new`;
    return after === undefined ? `${mount} is gone` : `${mount} changed`;
  }
  if (!name.startsWith('setting:')) return undefined;
  const setting = name.slice('setting:'.length);
  const title = TITLES[setting] ?? `the setting ${setting}`;
  return before !== undefined && after !== undefined && !LISTS.includes(setting)
    ? `${title} is ${after || 'not set'} instead of ${before || 'not set'}`
    : `${title} changed`;
}

const TITLES: Readonly<Record<string, string>> = {
  cwd: 'the working directory',
  user: 'the user',
  network: 'the network',
  security: 'the security mode',
  hostname: 'the host name',
  devices: 'the list of devices',
  extraHosts: 'the list of added hosts',
  limits: 'the set of limits',
};

const LISTS: readonly string[] = ['devices', 'extraHosts', 'limits'];

function mountChanges(before: ReadonlyMap<string, JsonObject>, after: ReadonlyMap<string, JsonObject>): Change[] {
  const targets = new Set([...before.keys(), ...after.keys()]);
  return [...targets].toSorted().flatMap((target) => {
    const [old, made] = [before.get(target), after.get(target)];
    if (isEqual(old, made)) return [];
    const name = `mount:${target}`;
    if (old === undefined || made === undefined) return [{ name, before: kindText(old), after: kindText(made) }];
    const differing = [...new Set([...Object.keys(old), ...Object.keys(made)])].filter(
      (key) => !isEqual(old[key], made[key]),
    );
    return [{ name, before: fieldsText(old, differing), after: fieldsText(made, differing) }];
  });
}

/** By where they are, or by what they give where they are nowhere: a secret as a variable, an agent. */
function mountsIn(value: Json | undefined): Map<string, JsonObject> {
  const mounts = Array.isArray(value) ? value.filter((mount: Json) => isJsonObject(mount)) : [];
  return new Map(
    mounts.map((mount) => [text(mount['target']) ?? `${text(mount['kind'])} ${text(mount['id'])}`, mount]),
  );
}

function kindText(mount: JsonObject | undefined): string | undefined {
  return mount === undefined ? undefined : text(mount['kind']);
}

function fieldsText(mount: JsonObject, fields: readonly string[]): string {
  return fields.map((field) => `${field}=${valueText(field, mount[field])}`).join(' ');
}

/** Modes are read in octal. */
function valueText(field: string, value: Json | undefined): string {
  if (field === 'mode' && typeof value === 'number') return value.toString(8).padStart(4, '0');
  return shortText(value) ?? '';
}

function shortText(value: Json | undefined): string | undefined {
  if (value === undefined) return undefined;
  return text(value) ?? JSON.stringify(value);
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function objectIn(json: string | undefined): JsonObject | undefined {
  if (json === undefined) return undefined;
  try {
    const value = JSON.parse(json) as Json; // JSON.parse gives nothing else.
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEqual(one: Json | undefined, other: Json | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
