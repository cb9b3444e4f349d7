import { normalize } from 'node:path/posix';
import { fromText, matchGlob, ShaleError } from '../base/index.ts';
import type { Definition, Group } from './definition.ts';
import { EntryRefused, parseEntry } from './entries.ts';
import { FIELDS, Fields, type Field } from './fields.ts';
import { isPlainPath } from './places.ts';

/** What was asked for, in its final form. */
export interface BakePlan {
  /** The groups that led to targets, and `default` for what was asked for. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** By name, those that only others link to included. */
  readonly targets: ReadonlyMap<string, Fields>;
  /** Targets that are built for their own sake, in the order in which they were named. */
  readonly wanted: readonly string[];
}

export interface ResolveOptions {
  /** Groups and targets; `default` when there is none. */
  readonly names: readonly string[];
  /** `--set`: `PATTERN.FIELD[.KEY][+]=VALUE`. */
  readonly overrides: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Targets that one plan may have. */
const TARGETS_MAX = 10_000;

/**
 * Resolves groups, inheritance, overrides and linked targets.
 * @throws BAKE_TARGET_NOT_FOUND, BAKE_CIRCULAR, BAKE_OVERRIDE_INVALID
 */
export function resolvePlan(definition: Definition, options: ResolveOptions): BakePlan {
  const resolver = new Resolver(definition, parseOverrides(definition, options), options.environment);
  const names = options.names.length === 0 ? ['default'] : options.names;
  const groups = new Map<string, readonly string[]>();
  const wanted = [...new Set(names.flatMap((name) => expandGroup(definition, name, groups)))];
  const targets = new Map(wanted.map((name) => [name, resolver.resolve(name)]));
  for (const name of wanted) resolver.link(name, targets, []);
  const named = names.filter((name) => name !== 'default');
  if (named.length > 0) {
    const all = [...new Set([...(groups.get('default') ?? []), ...named])];
    groups.set('default', all.length > 1 ? all.toSorted() : all);
  } else if (!groups.has('default')) groups.set('default', ['default']);
  return { groups, targets, wanted };
}

/** The targets of a group, and of the groups in it; a name that is no group is a target. */
function expandGroup(definition: Definition, name: string, groups: Map<string, readonly string[]>): string[] {
  const group = findGroup(definition, name);
  if (group === undefined) return [name];
  if (groups.has(name)) return [];
  groups.set(name, group.targets);
  return group.targets.flatMap((member) => expandGroup(definition, member, groups));
}

function findGroup({ groups }: Definition, name: string): Group | undefined {
  return groups.find((group) => group.name === name);
}

class Resolver {
  readonly #definition: Definition;
  readonly #overrides: ReadonlyMap<string, readonly Override[]>;
  readonly #environment: ResolveOptions['environment'];

  constructor(
    definition: Definition,
    overrides: ReadonlyMap<string, readonly Override[]>,
    environment: ResolveOptions['environment'],
  ) {
    this.#definition = definition;
    this.#overrides = overrides;
    this.#environment = environment;
  }

  resolve(name: string): Fields {
    let fields = this.#inherited(name, []) ?? new Fields();
    const context = fields.get('text', 'context') ?? '.';
    fields = fields.with('context', isPlainPath(context) ? normalize(context).replace(/(.)\/$/, '$1') : context);
    const dockerfile = fields.get('text', 'dockerfile');
    return dockerfile === undefined || dockerfile === '' ? fields.with('dockerfile', 'Dockerfile') : fields;
  }

  /** Adds the targets that the contexts of one name (`target:OTHER`). They are built, and stored nowhere. */
  link(name: string, targets: Map<string, Fields>, path: readonly string[]): void {
    for (const linked of linksOf(targets.get(name))) {
      if (linked === name) throw circular(`the target ${name} is its own context`);
      if (path.includes(linked))
        throw circular(`the contexts of targets lead in a circle: ${[...path, name, linked].join(' → ')}`);
      if (targets.size > TARGETS_MAX) throw circular(`more than ${TARGETS_MAX} targets are needed`);
      if (!targets.has(linked)) {
        const fields = this.resolve(linked).with('output', [new Map([['type', 'cacheonly']])]);
        targets.set(linked, fields);
      }
      this.link(linked, targets, [...path, name]);
    }
  }

  /** undefined for a target that is being resolved already: who inherits in a circle gets nothing from it. */
  #inherited(name: string, path: readonly string[]): Fields | undefined {
    if (path.includes(name)) return undefined;
    const target = this.#definition.targets.find((one) => one.name === name);
    if (target === undefined) throw this.#notFound(name, path);
    let fields = new Fields();
    for (const parent of target.inherits) {
      const theirs = this.#inherited(parent, [...path, name]);
      if (theirs !== undefined) fields = fields.mergedWith(theirs);
    }
    fields = fields.mergedWith(target.fields);
    return this.#overridden(name, fields).normalized();
  }

  #overridden(name: string, own: Fields): Fields {
    let fields = own;
    const begun = new Set<string>();
    for (const override of this.#overrides.get(name) ?? []) {
      const goesOn = override.appends || begun.has(override.field.name);
      begun.add(override.field.name);
      fields = applyOverride(fields, override, { environment: this.#environment, goesOn });
    }
    return fields;
  }

  #notFound(name: string, path: readonly string[]): ShaleError {
    const { targets, groups } = this.#definition;
    const names = [...targets, ...groups].map((one) => one.name).toSorted();
    const by = path.at(-1);
    const what =
      name === 'default' && by === undefined
        ? 'no group and no target is called default'
        : `there is no target ${name}`;
    return new ShaleError('BAKE_TARGET_NOT_FOUND', by === undefined ? what : `${what}, which ${by} inherits from`, {
      data: { name },
      hint:
        names.length === 0
          ? 'the files define no targets'
          : `there are ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`,
    });
  }
}

/** The targets that a target's contexts name. */
export function linksOf(fields: Fields | undefined): string[] {
  const contexts = fields?.get('map', 'contexts') ?? new Map<string, string | null>();
  return [...contexts.values()].flatMap((value) =>
    value?.startsWith('target:') === true ? [value.slice('target:'.length)] : [],
  );
}

function circular(message: string): ShaleError {
  return new ShaleError('BAKE_CIRCULAR', message);
}

interface Override {
  /** As written, for messages. */
  readonly text: string;
  readonly field: Field;
  readonly key: string | undefined;
  readonly appends: boolean;
  /** Absent only for an argument that comes from the environment. */
  readonly value: string | undefined;
}

/** By target. @throws BAKE_OVERRIDE_INVALID */
function parseOverrides(definition: Definition, { overrides }: ResolveOptions): Map<string, Override[]> {
  const byTarget = new Map<string, Override[]>();
  for (const text of overrides) {
    const { pattern, override } = parseOverride(text);
    const names = definition.targets
      .map(({ name }) => name)
      .filter((name) => matchGlob(fromText(pattern), fromText(name)));
    if (names.length === 0) throw invalid(text, `no target is called ${JSON.stringify(pattern)}`);
    for (const name of names) byTarget.set(name, [...(byTarget.get(name) ?? []), override]);
  }
  return byTarget;
}

function parseOverride(text: string): { readonly pattern: string; readonly override: Override } {
  const equals = text.indexOf('=');
  const left = equals === -1 ? text : text.slice(0, equals);
  const appends = left.endsWith('+');
  const [pattern = '', name = '', ...rest] = (appends ? left.slice(0, -1) : left).split('.');
  const key = rest.length === 0 ? undefined : rest.join('.');
  const field = FIELDS.find((one) => one.name === name || one.alias === name);
  if (pattern === '' || name === '') throw invalid(text, 'expected TARGET.FIELD=VALUE');
  if (field === undefined)
    throw invalid(
      text,
      `a target has no ${JSON.stringify(name)} to set`,
      `there are ${FIELDS.map((one) => one.name).join(', ')}`,
    );
  if ((field.form === 'map') !== (key !== undefined))
    throw invalid(
      text,
      field.form === 'map' ? `${name} is set by name: TARGET.${name}.KEY=VALUE` : `${name} has no members`,
    );
  if (equals === -1 && name !== 'args') throw invalid(text, 'expected TARGET.FIELD=VALUE');
  const value = equals === -1 ? undefined : text.slice(equals + 1);
  return { pattern, override: { text, field, key, appends, value } };
}

function applyOverride(
  fields: Fields,
  override: Override,
  { environment, goesOn }: { readonly environment: ResolveOptions['environment']; readonly goesOn: boolean },
): Fields {
  const { field, key, text } = override;
  const value = override.value ?? environment[key ?? ''];
  if (value === undefined) return fields;
  switch (field.form) {
    case 'text':
      return fields.with(field.name, value);
    case 'flag':
      if (!/^(?:1|t|true|0|f|false)$/i.test(value)) throw invalid(text, `${field.name} is true or false`);
      return fields.with(field.name, /^(?:1|t|true)$/i.test(value));
    case 'map':
      return fields.with(field.name, new Map([...(fields.get('map', field.name) ?? []), [key ?? '', value]]));
    case 'texts':
      return listOverride(fields, field.name, [value], goesOn);
    case 'entries':
      try {
        return listOverride(fields, field.name, value === '' ? [] : [parseEntry(field.entry, value)], goesOn);
      } catch (error) {
        if (!(error instanceof EntryRefused)) throw error;
        throw invalid(text, error.message);
      }
  }
}

/** An override takes a list's place, unless it appends or goes on with an earlier one. */
function listOverride<T>(fields: Fields, name: string, items: readonly T[], goesOn: boolean): Fields {
  const there = (goesOn ? (fields.get('texts', name) ?? []) : []) as readonly T[]; // The caller's items are of the field's form.
  return fields.with(name, [...there, ...items] as readonly string[]); // As above.
}

function invalid(text: string, why: string, hint?: string): ShaleError {
  return new ShaleError('BAKE_OVERRIDE_INVALID', `--set ${text}: ${why}`, {
    data: { text },
    ...(hint !== undefined && { hint }),
  });
}
