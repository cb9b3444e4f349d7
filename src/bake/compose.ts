// Compose files are YAML; reading YAML right is a specification of its own, and no part of what shale exists for.
import { normalize } from 'node:path/posix';
import { isNode, parseDocument, type Document } from 'yaml';
import { EntryRefused, parseEntry, type EntryKind } from './entries.ts';
import type { Definition, TargetDefinition } from './definition.ts';
import { FIELDS, Fields, type Field, type FieldValue } from './fields.ts';
import { isPlainPath } from './places.ts';
import { interpolate, InterpolationRefused } from './interpolate.ts';
import { refuse, type Range, type SourceFile } from './source.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Elements that aliases of a document may come to. */
const ALIASES_MAX = 1000;

/**
 * The `build` sections of compose files as targets, and a group `default` of all of them. Later files lie over earlier
 * ones; lists of theirs are added.
 * @throws BAKE_INVALID
 */
export function defineCompose(files: readonly SourceFile[], environment: Environment): Definition {
  const services = new Map<string, Service>();
  for (const file of files) {
    for (const [name, service] of new ComposeReader(file, environment).services())
      services.set(name, services.get(name)?.mergedWith(service) ?? service);
  }
  const targets = Array.from(services, ([name, service]) => service.target(name)).filter((one) => one !== undefined);
  const names = targets.map(({ name }) => name).toSorted();
  const groups = names.length === 0 ? [] : [{ name: 'default', description: '', targets: names }];
  const warnings = names.length === 0 ? [`no service of ${files.map(({ name }) => name).join(', ')} is built`] : [];
  return { groups, targets, variables: [], warnings };
}

/** What files say of one service. */
class Service {
  /** Absent when it is not built. */
  readonly build: Fields | undefined;
  readonly image: string | undefined;

  constructor(build: Fields | undefined, image: string | undefined) {
    this.build = build;
    this.image = image;
  }

  mergedWith(later: Service): Service {
    const build =
      this.build === undefined || later.build === undefined ? undefined : this.build.extendedBy(later.build);
    return new Service(build ?? later.build ?? this.build, later.image ?? this.image);
  }

  /** An image's name is a tag where there is no other. */
  target(service: string): TargetDefinition | undefined {
    const { build, image } = this;
    if (build === undefined) return undefined;
    const isBare = (build.get('texts', 'tags') ?? []).length === 0 && image !== undefined;
    const fields = isBare ? build.with('tags', [image]) : build;
    return { name: service.replaceAll('.', '_'), inherits: [], fields };
  }
}

type Path = readonly (string | number)[];
type Members = Readonly<Record<string, unknown>>;

class ComposeReader {
  readonly #file: SourceFile;
  readonly #environment: Environment;
  readonly #document: Document;
  readonly #root: Members;

  constructor(file: SourceFile, environment: Environment) {
    this.#file = file;
    this.#environment = environment;
    this.#document = parseDocument(file.text, { merge: true, prettyErrors: false });
    const [error] = this.#document.errors;
    if (error !== undefined)
      refuse({ file, start: error.pos[0], end: error.pos[1] }, `this is no YAML: ${error.message}`);
    this.#root = this.#members(this.#plain(), []);
  }

  services(): Map<string, Service> {
    const services = this.#members(this.#root['services'] ?? {}, ['services']);
    return new Map(Object.keys(services).map((name) => [name, this.#service(name, [])]));
  }

  /** Where a service extends another one, the other lies below it. */
  #service(name: string, seen: readonly string[]): Service {
    const path = ['services', name];
    const members = this.#members(this.#member(path), path);
    const own = new Service(this.#ownFields(members, path), this.#optionalText(members, 'image', path));
    const parent = this.#extended(members['extends'], [...path, 'extends']);
    if (parent === undefined) return own;
    if ([...seen, name].includes(parent)) this.#refuse(path, `the service ${name} extends itself`);
    if (this.#member(['services', parent]) === undefined) this.#refuse(path, `there is no service ${parent} to extend`);
    return this.#service(parent, [...seen, name]).mergedWith(own);
  }

  #extended(value: unknown, path: Path): string | undefined {
    if (value === undefined || typeof value === 'string') return value;
    const members = this.#members(value, path);
    if (members['file'] !== undefined)
      this.#refuse(path, 'services of other files are not extended', 'give both files with -f');
    return this.#text(members['service'], [...path, 'service']);
  }

  #ownFields({ build }: Members, path: Path): Fields | undefined {
    if (build === undefined || build === null) return undefined;
    if (typeof build === 'string') return this.#fields({ context: build }, [...path, 'build']);
    const members = this.#members(build, [...path, 'build']);
    const fields = this.#fields(members, [...path, 'build']);
    const extension = members['x-bake'];
    return extension === undefined ? fields : this.#extendedBy(fields, extension, [...path, 'build', 'x-bake']);
  }

  #fields(build: Members, path: Path): Fields {
    const values: [string, FieldValue | undefined][] = [
      ['context', this.#optionalText(build, 'context', path)],
      ['dockerfile', this.#optionalText(build, 'dockerfile', path)],
      ['dockerfile-inline', this.#optionalText(build, 'dockerfile_inline', path)],
      ['target', this.#optionalText(build, 'target', path)],
      ['network', this.#optionalText(build, 'network', path)],
      ['shm-size', this.#optionalText(build, 'shm_size', path)],
      ['pull', this.#flag(build, 'pull', path)],
      ['no-cache', this.#flag(build, 'no_cache', path)],
      ['contexts', this.#contexts(build, path)],
      ['args', this.#map(build, 'args', path, (name) => this.#environment[name] ?? null)],
      ['labels', this.#map(build, 'labels', path, () => '')],
      ['extra-hosts', this.#hosts(build, path)],
      ['tags', this.#texts(build, 'tags', path)],
      ['platforms', this.#texts(build, 'platforms', path)],
      ['cache-from', this.#entries(build, 'cache_from', 'cache', path)],
      ['cache-to', this.#entries(build, 'cache_to', 'cache', path)],
      ['secret', this.#secrets(build, path)],
      ['ssh', this.#ssh(build, path)],
      ['ulimits', this.#ulimits(build, path)],
      ['entitlements', this.#texts(build, 'entitlements', path)],
    ];
    return new Fields(values.filter((entry): entry is [string, FieldValue] => entry[1] !== undefined));
  }

  #contexts(build: Members, path: Path): ReadonlyMap<string, string> | undefined {
    const contexts = this.#map(build, 'additional_contexts', path, () => '');
    if (contexts === undefined) return undefined;
    return new Map(Array.from(contexts, ([name, value]) => [name, contextOf(value ?? '')]));
  }

  #hosts(build: Members, path: Path): ReadonlyMap<string, string | null> | undefined {
    const at = [...path, 'extra_hosts'];
    const value = build['extra_hosts'];
    if (value === undefined || value === null) return undefined;
    if (Array.isArray(value))
      return new Map(
        this.#textList(value, at).map((text) => {
          const [, host = text, address = ''] = /^([^=:]+)[=:](.*)$/s.exec(text) ?? [];
          return [host, address];
        }),
      );
    const members = Object.entries(this.#members(value, at));
    return new Map(
      members.map(([host, one]) => [
        host,
        (Array.isArray(one) ? this.#textList(one, [...at, host]) : [this.#text(one, [...at, host])]).join(','),
      ]),
    );
  }

  #secrets(build: Members, path: Path): FieldValue | undefined {
    const value = build['secrets'];
    if (value === undefined || value === null) return undefined;
    const at = [...path, 'secrets'];
    if (!Array.isArray(value)) return this.#refuse(at, 'expected a list of secrets');
    return value.map((one: unknown, i) => {
      const place = [...at, i];
      const source =
        typeof one === 'string' ? one : this.#text(this.#members(one, place)['source'], [...place, 'source']);
      const defined = this.#member(['secrets', source]);
      if (defined === undefined) return this.#refuse(place, `there is no secret ${source} among the file's secrets`);
      const { file, environment } = this.#members(defined, ['secrets', source]);
      const entry = new Map([['id', source]]);
      if (file !== undefined) entry.set('src', normalize(this.#text(file, ['secrets', source, 'file'])));
      else if (environment !== undefined) entry.set('env', this.#text(environment, ['secrets', source, 'environment']));
      else return this.#refuse(['secrets', source], 'a secret comes from a file or from the environment');
      return entry;
    });
  }

  #ssh(build: Members, path: Path): FieldValue | undefined {
    const value = build['ssh'];
    const at = [...path, 'ssh'];
    if (value === undefined || value === null) return undefined;
    const texts = Array.isArray(value)
      ? this.#textList(value, at)
      : Object.entries(this.#members(value, at)).map(([id, one]) =>
          one === null ? id : `${id}=${this.#text(one, [...at, id])}`,
        );
    return texts.map((text) => this.#entry('ssh', text, at));
  }

  #ulimits(build: Members, path: Path): readonly string[] | undefined {
    const value = build['ulimits'];
    const at = [...path, 'ulimits'];
    if (value === undefined || value === null) return undefined;
    return Object.entries(this.#members(value, at))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, limit]) => {
        if (typeof limit !== 'object') return `${name}=${this.#text(limit, [...at, name])}`;
        const { soft, hard } = this.#members(limit, [...at, name]);
        return `${name}=${this.#text(soft, [...at, name, 'soft'])}:${this.#text(hard, [...at, name, 'hard'])}`;
      });
  }

  /** `x-bake`: fields of a target that compose has no words for; lists add to what compose says. */
  #extendedBy(fields: Fields, extension: unknown, path: Path): Fields {
    let extended = fields;
    for (const [name, value] of Object.entries(this.#members(extension, path))) {
      const field = FIELDS.find((one) => one.name === name || one.alias === name);
      if (field === undefined) this.#refuse([...path, name], `a target has no ${name}`);
      const at = [...path, name];
      extended = extended.extendedBy(new Fields([[field.name, this.#extension(field, { [name]: value }, at)]]));
    }
    return extended;
  }

  #extension(field: Field, members: Members, path: Path): FieldValue {
    const [name = ''] = Object.keys(members);
    const value = members[name];
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    switch (field.form) {
      case 'text':
        return this.#text(value, path);
      case 'flag':
        return this.#flag(members, name, path.slice(0, -1)) ?? false;
      case 'map':
        return this.#map(members, name, path.slice(0, -1), () => '') ?? new Map();
      case 'texts':
        return this.#textList(list, path);
      case 'entries':
        return this.#textList(list, path).map((text) => this.#entry(field.entry, text, path));
    }
  }

  #entries(build: Members, name: string, kind: EntryKind, path: Path): FieldValue | undefined {
    return this.#texts(build, name, path)?.map((text) => this.#entry(kind, text, [...path, name]));
  }

  #entry(kind: EntryKind, text: string, path: Path): ReturnType<typeof parseEntry> {
    try {
      return parseEntry(kind, text);
    } catch (error) {
      if (!(error instanceof EntryRefused)) throw error;
      return this.#refuse(path, error.message);
    }
  }

  /** An object of texts, or a list of `NAME=VALUE`. */
  #map(
    build: Members,
    name: string,
    path: Path,
    missing: (key: string) => string | null,
  ): ReadonlyMap<string, string | null> | undefined {
    const value = build[name];
    const at = [...path, name];
    if (value === undefined || value === null) return undefined;
    if (Array.isArray(value))
      return new Map(
        this.#textList(value, at).map((text) => {
          const equals = text.indexOf('=');
          return equals === -1 ? [text, missing(text)] : [text.slice(0, equals), text.slice(equals + 1)];
        }),
      );
    const members = Object.entries(this.#members(value, at));
    return new Map(members.map(([key, one]) => [key, one === null ? missing(key) : this.#text(one, [...at, key])]));
  }

  #texts(build: Members, name: string, path: Path): readonly string[] | undefined {
    const value = build[name];
    if (value === undefined || value === null) return undefined;
    return Array.isArray(value)
      ? this.#textList(value, [...path, name])
      : this.#refuse([...path, name], 'expected a list');
  }

  #textList(list: readonly unknown[], path: Path): string[] {
    return list.map((one, i) => this.#text(one, [...path, i]));
  }

  #optionalText(members: Members, name: string, path: Path): string | undefined {
    const value = members[name];
    return value === undefined || value === null ? undefined : this.#text(value, [...path, name]);
  }

  #flag(members: Members, name: string, path: Path): boolean | undefined {
    const value = members[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'boolean') return value;
    if (value === 'true' || value === 'false') return value === 'true';
    return this.#refuse([...path, name], 'expected true or false');
  }

  #text(value: unknown, path: Path): string {
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    return this.#refuse(path, 'expected a text');
  }

  #members(value: unknown, path: Path): Members {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members; // By the test.
    return this.#refuse(path, 'expected an object');
  }

  #member(path: Path): unknown {
    let value: unknown = this.#root;
    for (const name of path) value = this.#members(value ?? {}, path)[name];
    return value;
  }

  /** The document as plain data, with variables put in. */
  #plain(): unknown {
    try {
      return this.#interpolated(this.#document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {}, []);
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      return this.#refuse([], `the aliases cannot be followed: ${error.message}`);
    }
  }

  #interpolated(value: unknown, path: Path): unknown {
    if (Array.isArray(value)) return value.map((one: unknown, i) => this.#interpolated(one, [...path, i]));
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(
        Object.entries(value).map(([key, one]) => [key, this.#interpolated(one, [...path, key])]),
      );
    if (typeof value !== 'string') return value;
    // Commands and the like of services that are not built may hold anything.
    const isBuild = path[0] !== 'services' || ['build', 'image', 'extends'].includes(String(path[2]));
    if (!isBuild) return value;
    try {
      return interpolate(value, this.#environment);
    } catch (error) {
      if (!(error instanceof InterpolationRefused)) throw error;
      return this.#refuse(path, error.message);
    }
  }

  #refuse(path: Path, message: string, hint?: string): never {
    const place = path.length === 0 ? '' : `${path.join('.')}: `;
    return refuse(this.#rangeOf(path), `${place}${message}`, hint);
  }

  /** Where a value stands, or the nearest one around it. */
  #rangeOf(path: Path): Range {
    for (let length = path.length; length > 0; length--) {
      const node: unknown = this.#document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range !== undefined && node.range !== null)
        return { file: this.#file, start: node.range[0], end: node.range[0] + 1 };
    }
    return { file: this.#file, start: 0, end: 1 };
  }
}

/** A context that is another service is a target; a path is cleaned. */
function contextOf(value: string): string {
  if (value.startsWith('service:')) return `target:${value.slice('service:'.length).replaceAll('.', '_')}`;
  return isPlainPath(value) ? normalize(value) : value;
}
