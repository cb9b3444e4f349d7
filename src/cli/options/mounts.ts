import { isAbsolute } from 'node:path';
import type { BindMount, VolumeMount, VolumeSettings } from '../../engine/index.ts';
import { parseBytes } from './bytes.ts';
import { checkName, checkTarget, invalid, propagationOf } from './volumes.ts';

/** The keys of one `--mount`, checked for what its type may have. */
class Fields {
  readonly spec: string;
  readonly #values = new Map<string, string>();
  readonly labels: Record<string, string> = {};
  readonly options: Record<string, string> = {};

  constructor(spec: string) {
    this.spec = spec;
    for (const field of splitFields(spec)) this.#take(field);
  }

  #take(field: string): void {
    const equals = field.indexOf('=');
    const typed = (equals === -1 ? field : field.slice(0, equals)).trim().toLowerCase();
    const name = ALIASES[typed] ?? typed;
    const value = equals === -1 ? undefined : field.slice(equals + 1);
    if (!KEYS.has(name)) throw invalid(this.spec, `there is no key ${JSON.stringify(typed)}`);
    if (value === undefined && !SWITCHES.has(name)) throw invalid(this.spec, `${typed} needs a value`);
    if (name === 'volume-label' || name === 'volume-opt') this.#takePair(name, value ?? '');
    else this.#values.set(name, value ?? 'true');
  }

  #takePair(name: string, pair: string): void {
    const equals = pair.indexOf('=');
    const [key, value] = equals === -1 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
    if (key === '') throw invalid(this.spec, `${name} has no name`);
    (name === 'volume-label' ? this.labels : this.options)[key] = value;
    this.#values.set(name, pair);
  }

  text(name: string): string | undefined {
    return this.#values.get(name);
  }

  switch(name: string): boolean {
    const value = this.#values.get(name);
    if (value === undefined || /^(0|f|false)$/i.test(value)) return false;
    if (/^(1|t|true)$/i.test(value)) return true;
    throw invalid(this.spec, `${name} is true or false, not ${JSON.stringify(value)}`);
  }

  /** @throws USAGE for a key that belongs to another type */
  only(type: string): void {
    for (const name of this.#values.keys()) {
      const prefix = /^(bind|volume|tmpfs)-/.exec(name)?.[1];
      if (prefix !== undefined && prefix !== type)
        throw invalid(this.spec, `${name} is not for a mount of type ${type}`);
    }
  }
}

const ALIASES: Readonly<Record<string, string>> = {
  src: 'source',
  target: 'destination',
  dst: 'destination',
  ro: 'readonly',
};
const SWITCHES: ReadonlySet<string> = new Set(['readonly', 'volume-nocopy', 'bind-nonrecursive']);
const KEYS: ReadonlySet<string> = new Set([
  ...SWITCHES,
  'type',
  'source',
  'destination',
  'consistency',
  'bind-propagation',
  'bind-recursive',
  'volume-label',
  'volume-driver',
  'volume-opt',
  'volume-subpath',
  'tmpfs-size',
  'tmpfs-mode',
]);

/** Fields part at commas; one in double quotes may have commas, and a doubled quote for each of its own (CSV). */
function splitFields(spec: string): string[] {
  const fields: string[] = [];
  const pattern = /(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/gy;
  while (pattern.lastIndex < spec.length || fields.length === 0) {
    const match = pattern.exec(spec);
    if (match === null) throw invalid(spec, 'a quote is not closed, or stands in the middle');
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[0] === '') break;
  }
  return fields;
}

/**
 * Reads docker's `--mount`: `type=bind|volume|tmpfs,source=…,destination=…` with the keys of each type.
 * @throws USAGE
 */
export function parseMountSpec(spec: string): VolumeMount {
  const fields = new Fields(spec);
  const type = fields.text('type')?.toLowerCase() ?? 'volume';
  const target = fields.text('destination');
  if (target === undefined) throw invalid(spec, 'it has no destination');
  const common = {
    target: checkTarget(spec, target),
    readOnly: fields.switch('readonly'),
    flag: 'mount' as const,
  };
  if (!['bind', 'volume', 'tmpfs'].includes(type)) {
    throw invalid(spec, `there is no type ${JSON.stringify(type)}`, 'there are bind, volume and tmpfs');
  }
  fields.only(type);
  if (type === 'bind') return bindMount(fields, common);
  return type === 'volume' ? volumeMount(fields, common) : tmpfsMount(fields, common);
}

type Common = Pick<VolumeMount, 'target' | 'readOnly' | 'flag'>;

function bindMount(fields: Fields, common: Common): VolumeMount {
  const { spec } = fields;
  const source = fields.text('source') ?? '';
  if (source === '') throw invalid(spec, 'it has no source');
  if (!isAbsolute(source)) throw invalid(spec, `the source ${JSON.stringify(source)} is not absolute`);
  const word = fields.text('bind-propagation');
  const propagation = word === undefined ? undefined : propagationOf(word.toLowerCase());
  if (word !== undefined && propagation === undefined)
    throw invalid(spec, `there is no propagation ${JSON.stringify(word)}`);
  const consistency = fields.text('consistency');
  return {
    kind: 'bind',
    source,
    ...common,
    mustExist: true,
    ...(propagation !== undefined && { propagation }),
    ...(consistency !== undefined && { consistency }),
    ...recursion(fields, { readOnly: common.readOnly, propagation }),
  };
}

function recursion(
  fields: Fields,
  bind: { readonly readOnly: boolean; readonly propagation: string | undefined },
): Pick<BindMount, 'nonRecursive' | 'writableBelow' | 'readOnlyBelow'> {
  const word = fields.text('bind-recursive') ?? (fields.switch('bind-nonrecursive') ? 'disabled' : 'enabled');
  switch (word) {
    case 'enabled':
      return {};
    case 'disabled':
      return { nonRecursive: true };
    case 'writable':
      if (!bind.readOnly) throw invalid(fields.spec, 'bind-recursive=writable needs readonly');
      return { writableBelow: true };
    case 'readonly':
      if (!bind.readOnly) throw invalid(fields.spec, 'bind-recursive=readonly needs readonly');
      if (bind.propagation !== 'rprivate') {
        throw invalid(fields.spec, 'bind-recursive=readonly needs bind-propagation=rprivate');
      }
      return { readOnlyBelow: true };
    default:
      throw invalid(
        fields.spec,
        `bind-recursive is enabled, disabled, writable or readonly, not ${JSON.stringify(word)}`,
      );
  }
}

function volumeMount(fields: Fields, common: Common): VolumeMount {
  const { spec } = fields;
  const driver = fields.text('volume-driver') ?? 'local';
  if (driver !== 'local') throw invalid(spec, `there is no volume driver ${JSON.stringify(driver)}, only local`);
  const settings: VolumeSettings = {
    ...(Object.keys(fields.labels).length > 0 && { labels: fields.labels }),
    ...(Object.keys(fields.options).length > 0 && { options: fields.options }),
  };
  const shared = {
    ...common,
    noCopy: fields.switch('volume-nocopy'),
    ...(Object.keys(settings).length > 0 && { settings }),
  };
  const name = fields.text('source') ?? '';
  const subpath = fields.text('volume-subpath');
  if (name === '') {
    if (subpath !== undefined) throw invalid(spec, 'volume-subpath needs a source');
    return { kind: 'anonymous', ...shared };
  }
  return { kind: 'volume', name: checkName(spec, name), ...shared, ...(subpath !== undefined && { subpath }) };
}

function tmpfsMount(fields: Fields, common: Common): VolumeMount {
  if (fields.text('source') !== undefined) throw invalid(fields.spec, 'a tmpfs has no source');
  const size = fields.text('tmpfs-size');
  const mode = fields.text('tmpfs-mode');
  if (mode !== undefined && !/^[0-7]{1,5}$/.test(mode)) {
    throw invalid(fields.spec, `tmpfs-mode is an octal number, not ${JSON.stringify(mode)}`);
  }
  return {
    kind: 'tmpfs',
    ...common,
    ...(size !== undefined && { sizeBytes: parseBytes('tmpfs-size', size) }),
    ...(mode !== undefined && { permissions: Number.parseInt(mode, 8) }),
  };
}
