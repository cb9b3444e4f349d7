import { EntryRefused, entryOf, parseEntry, type Entry, type EntryKind } from './entries.ts';
import { evaluate, innerScope, type Scope } from './evaluate.ts';
import { FIELDS, Fields, type Field, type FieldValue } from './fields.ts';
import { Globals, type GlobalsOptions, type VariableInfo } from './globals.ts';
import type { Attribute, Block, Body, Expression } from './hcl/ast.ts';
import { lineOf, refuse, type Range } from './source.ts';
import { booleanOf, isList, isMap, kindOf, sortedEntries, textOf, type Value } from './value.ts';

export interface Group {
  readonly name: string;
  readonly description: string;
  readonly targets: readonly string[];
}

export interface TargetDefinition {
  readonly name: string;
  readonly inherits: readonly string[];
  readonly fields: Fields;
}

/** What bake files define, before anything is inherited. Names come once. */
export interface Definition {
  readonly groups: readonly Group[];
  readonly targets: readonly TargetDefinition[];
  readonly variables: readonly VariableInfo[];
  /** Places and texts of what looks like a mistake. */
  readonly warnings: readonly string[];
}

/** Blocks of a bake file with the number of their labels. */
export const BLOCK_LABELS: Readonly<Record<string, number>> = { variable: 1, function: 1, group: 1, target: 1 };

const NAME = /^[a-zA-Z0-9_-]+$/;
const MATRIX_MAX = 10_000;
/** Attributes of a target that are no fields of the resolved one. */
const SPECIAL = ['name', 'matrix', 'inherits'];

/**
 * Evaluates the bodies of all files as one: variables, functions, groups and targets, whatever file they stand in.
 * @throws BAKE_INVALID
 */
export function define(bodies: readonly Body[], options: GlobalsOptions): Definition {
  const blocks = bodies.flatMap((body) => body.blocks);
  for (const block of blocks) checkBlock(block);
  const globals = new Globals(bodies, options);
  globals.validate();
  const reader = new DefinitionReader(globals.scope);
  for (const block of blocks) reader.read(block);
  return {
    groups: reader.groups,
    targets: reader.targets,
    variables: globals.variables(),
    warnings: reader.warnings,
  };
}

function checkBlock({ type, labels, range }: Block): void {
  const wanted = Object.hasOwn(BLOCK_LABELS, type) ? BLOCK_LABELS[type] : undefined;
  if (wanted !== undefined && labels.length !== wanted)
    refuse(range, `a block ${type} has one label, its name, and this one has ${labels.length}`);
}

class DefinitionReader {
  readonly warnings: string[] = [];
  readonly #scope: Scope;
  readonly #groups = new Map<string, Group>();
  readonly #targets = new Map<string, TargetDefinition>();

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  get groups(): readonly Group[] {
    return [...this.#groups.values()];
  }

  get targets(): readonly TargetDefinition[] {
    return [...this.#targets.values()];
  }

  read(block: Block): void {
    if (block.type === 'group') this.#readGroup(block);
    else if (block.type === 'target') this.#readTargets(block);
    else if (!Object.hasOwn(BLOCK_LABELS, block.type))
      this.#warn(
        block.range,
        `the block ${block.type} is none of ${Object.keys(BLOCK_LABELS).join(', ')}, and ignored`,
      );
  }

  #warn(range: Range, text: string): void {
    this.warnings.push(`${range.file.name}:${lineOf(range)}: ${text}`);
  }

  #readGroup({ labels: [name = ''], body, range }: Block): void {
    checkName(name, range);
    const targets = body.attributes.get('targets');
    const description = body.attributes.get('description');
    for (const { name: attribute, range: at } of body.attributes.values())
      if (attribute !== 'targets' && attribute !== 'description')
        this.#warn(at, `a group has no attribute ${attribute}`);
    this.#addGroup({
      name,
      description: description === undefined ? '' : textAt(description.expression, this.#scope),
      targets: targets === undefined ? [] : textsAt(targets.expression, this.#scope),
    });
  }

  /** A later group of the same name takes the place of an earlier one; a matrix adds to it. */
  #addGroup(group: Group): void {
    const earlier = this.#groups.get(group.name);
    const description = group.description === '' ? (earlier?.description ?? '') : group.description;
    this.#groups.set(group.name, { ...group, description });
  }

  #readTargets({ labels: [label = ''], body, range }: Block): void {
    checkName(label, range);
    const matrix = body.attributes.get('matrix');
    const named = body.attributes.get('name');
    if (matrix === undefined) {
      if (named !== undefined)
        refuse(named.range, 'a target is called by its label; "name" belongs to a matrix', 'matrix = { … }');
      this.#readTarget(label, body, this.#scope);
      return;
    }
    const names: string[] = [];
    for (const row of matrixRows(matrix, this.#scope)) {
      const scope = innerScope(this.#scope, row);
      const name = named === undefined ? label : textAt(named.expression, scope);
      checkName(name, named?.range ?? range);
      if (names.includes(name))
        refuse(
          named?.range ?? range,
          `the matrix gives the name ${JSON.stringify(name)} twice`,
          'name = "…-${…}" with every member of the matrix',
        );
      names.push(name);
      this.#readTarget(name, body, scope);
    }
    if (named !== undefined) this.#addGroup({ name: label, description: '', targets: names });
  }

  #readTarget(name: string, body: Body, scope: Scope): void {
    const values: [string, FieldValue][] = [];
    let inherits: readonly string[] = [];
    for (const attribute of body.attributes.values()) {
      const field = FIELDS.find((one) => one.name === attribute.name);
      if (field !== undefined) {
        const value = fieldValue(field, attribute, scope);
        if (value !== undefined) values.push([field.name, value]);
      } else if (attribute.name === 'inherits') inherits = textsAt(attribute.expression, scope);
      else if (!SPECIAL.includes(attribute.name))
        this.#warn(attribute.range, `a target has no attribute ${attribute.name}, and it is ignored`);
    }
    const earlier = this.#targets.get(name);
    const fields = new Fields(values);
    this.#targets.set(name, {
      name,
      inherits: [...(earlier?.inherits ?? []), ...inherits],
      fields: earlier === undefined ? fields : earlier.fields.mergedWith(fields),
    });
  }
}

function checkName(name: string, range: Range): void {
  if (!NAME.test(name)) refuse(range, `the name ${JSON.stringify(name)} may have letters, digits, "-" and "_" only`);
}

/** Every combination of the matrix's members; the member that was written last changes fastest. */
function matrixRows(matrix: Attribute, scope: Scope): ReadonlyMap<string, Value>[] {
  const value = evaluate(matrix.expression, scope);
  if (!isMap(value)) return refuse(matrix.expression.range, `a matrix is an object of lists, not ${kindOf(value)}`);
  let rows: ReadonlyMap<string, Value>[] = [new Map()];
  for (const [name, list] of value) {
    if (!isList(list))
      return refuse(matrix.expression.range, `the member ${name} of a matrix is a list, not ${kindOf(list)}`);
    if (rows.length * list.length > MATRIX_MAX)
      return refuse(matrix.expression.range, `the matrix has more than ${MATRIX_MAX} combinations`);
    rows = rows.flatMap((row) => list.map((item) => new Map([...row, [name, item]])));
  }
  return rows;
}

/** An attribute in the form of its field; undefined for null, which is "not set". */
function fieldValue(field: Field, { expression }: Attribute, scope: Scope): FieldValue | undefined {
  const value = evaluate(expression, scope);
  if (value === null) return undefined;
  const { range } = expression;
  switch (field.form) {
    case 'text':
      return textOf(value) ?? refuse(range, `${field.name} is a text, not ${kindOf(value)}`);
    case 'flag':
      return booleanOf(value) ?? refuse(range, `${field.name} is true or false, not ${kindOf(value)}`);
    case 'texts':
      return textList(value, range);
    case 'map':
      if (!isMap(value)) return refuse(range, `${field.name} is an object, not ${kindOf(value)}`);
      return new Map(sortedEntries(value).map(([key, one]) => [key, mapText(field.name, key, one, range)]));
    case 'entries':
      if (!isList(value)) return refuse(range, `${field.name} is a list, not ${kindOf(value)}`);
      return value.filter((one) => one !== '').map((one) => entryAt(field.entry, one, range));
  }
}

function mapText(field: string, key: string, value: Value, range: Range): string | null {
  return value === null ? null : (textOf(value) ?? refuse(range, `${field}.${key} is a text, not ${kindOf(value)}`));
}

function entryAt(kind: EntryKind, value: Value, range: Range): Entry {
  try {
    if (!isMap(value))
      return parseEntry(kind, textOf(value) ?? refuse(range, `expected a text or an object, not ${kindOf(value)}`));
    const members = [...value].filter(([, one]) => one !== null);
    return entryOf(
      kind,
      new Map(members.map(([key, one]) => [key, isList(one) ? textList(one, range) : (textOf(one) ?? '')])),
    );
  } catch (error) {
    if (!(error instanceof EntryRefused)) throw error;
    return refuse(range, error.message);
  }
}

function textAt(expression: Expression, scope: Scope): string {
  const value = evaluate(expression, scope);
  return textOf(value) ?? refuse(expression.range, `expected a text, not ${kindOf(value)}`);
}

function textsAt(expression: Expression, scope: Scope): readonly string[] {
  const value = evaluate(expression, scope);
  return value === null ? [] : textList(value, expression.range);
}

function textList(value: Value, range: Range): readonly string[] {
  if (!isList(value)) return refuse(range, `expected a list of texts, not ${kindOf(value)}`);
  return value
    .filter((one) => one !== null)
    .map((one) => textOf(one) ?? refuse(range, `expected a list of texts, and one element is ${kindOf(one)}`));
}
