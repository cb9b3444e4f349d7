import { evaluate, innerScope, typedAt, type Scope } from './evaluate.ts';
import { parseCsv } from './functions/encoding.ts';
import { CallRefused, type BakeFunction } from './functions/function.ts';
import { standardFunctions, type Surroundings } from './functions/index.ts';
import type { Attribute, Block, Body, Expression } from './hcl/ast.ts';
import { refuse, type Range } from './source.ts';
import { convertTo, formatType, parseType, type Type } from './types.ts';
import { booleanOf, fromJson, kindOf, numberOf, textOf, type Value } from './value.ts';

export interface GlobalsOptions extends Surroundings {
  /** Variables that are there without being defined. */
  readonly given: Readonly<Record<string, string>>;
}

export interface VariableInfo {
  readonly name: string;
  readonly description: string;
  /** As written; '' without. */
  readonly type: string;
  readonly value: Value;
}

/** Calls of the file's own functions inside of each other. */
const CALL_DEPTH_MAX = 100;

/** Variables, functions and attributes at the top of the files, each evaluated when it is first asked for. */
export class Globals {
  readonly scope: Scope;
  readonly #options: GlobalsOptions;
  readonly #variables = new Map<string, Block>();
  readonly #validations: (readonly [name: string, block: Block])[] = [];
  readonly #attributes = new Map<string, Attribute>();
  readonly #blocks = new Map<string, Map<string, Attribute>>();
  readonly #functions: Map<string, BakeFunction>;
  readonly #values = new Map<string, Value>();
  readonly #underWay: string[] = [];
  #callDepth = 0;

  constructor(bodies: readonly Body[], options: GlobalsOptions) {
    this.#options = options;
    this.#functions = new Map(standardFunctions(options));
    for (const { attributes, blocks } of bodies) {
      for (const [name, attribute] of attributes) this.#attributes.set(name, attribute);
      for (const block of blocks) this.#take(block);
    }
    this.scope = {
      variable: (name) => this.#variable(name),
      function: (name) => this.#functions.get(name),
      blockAttribute: (type, name, attribute) => this.#blockAttribute(type, name, attribute),
      names: [...this.#variables.keys(), ...this.#attributes.keys(), ...Object.keys(options.given)],
    };
  }

  /** Evaluates every variable and the conditions that it sets. @throws BAKE_INVALID */
  validate(): void {
    for (const name of [...this.#variables.keys(), ...this.#attributes.keys()]) this.#variable(name);
    for (const [name, { body, range }] of this.#validations) {
      const condition = body.attributes.get('condition');
      if (condition === undefined) refuse(range, 'a validation has a condition');
      if (evaluate(condition.expression, this.scope) === true) continue;
      const message = body.attributes.get('error_message');
      const text = message === undefined ? undefined : textOf(evaluate(message.expression, this.scope));
      refuse(
        condition.expression.range,
        `the variable ${name} has a wrong value: ${text ?? 'its condition does not hold'}`,
      );
    }
  }

  /** By name. */
  variables(): VariableInfo[] {
    return Array.from(this.#variables, ([name, { body }]) => {
      const description = body.attributes.get('description');
      const type = typeOf(body);
      return {
        name,
        description: description === undefined ? '' : (textOf(evaluate(description.expression, this.scope)) ?? ''),
        type: type === undefined ? '' : formatType(type),
        value: this.#variable(name) ?? null,
      };
    }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #take(block: Block): void {
    const [name = ''] = block.labels;
    if (block.type === 'variable') {
      this.#variables.set(name, block);
      for (const inner of block.body.blocks) {
        if (inner.type !== 'validation')
          refuse(inner.range, `a variable has no block ${inner.type}`, 'validation { … }');
        this.#validations.push([name, inner]);
      }
    } else if (block.type === 'function') this.#functions.set(name, this.#ownFunction(name, block));
    const path = `${block.type} ${name}`;
    this.#blocks.set(path, new Map([...(this.#blocks.get(path) ?? []), ...block.body.attributes]));
  }

  #variable(name: string): Value | undefined {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const block = this.#variables.get(name);
    const attribute = this.#attributes.get(name);
    if (block === undefined && attribute === undefined) return this.#options.given[name];
    const range = block?.range ?? attribute?.range;
    const value = this.#once(name, range, () =>
      block === undefined
        ? attribute === undefined
          ? null
          : evaluate(attribute.expression, this.scope)
        : this.#valueOf(name, block),
    );
    this.#values.set(name, value);
    return value;
  }

  #blockAttribute(type: string, name: string, attribute: string): Value | undefined {
    const found = this.#blocks.get(`${type} ${name}`);
    if (found === undefined) return undefined;
    const expression = found.get(attribute)?.expression;
    if (expression === undefined) return null;
    return this.#once(`${type}.${name}.${attribute}`, expression.range, () => evaluate(expression, this.scope));
  }

  /** @throws BAKE_INVALID when a value is made of itself */
  #once(name: string, range: Range | undefined, make: () => Value): Value {
    if (this.#underWay.includes(name) && range !== undefined)
      refuse(range, `${name} is made of itself: ${[...this.#underWay, name].join(' → ')}`);
    this.#underWay.push(name);
    try {
      return make();
    } finally {
      this.#underWay.pop();
    }
  }

  /** What the environment says, else the default; as its type wants it. */
  #valueOf(name: string, { body, range }: Block): Value {
    const type = typeOf(body);
    const written = body.attributes.get('default');
    const isBare = written === undefined && type === undefined;
    const fallback = written === undefined ? (isBare ? '' : null) : evaluate(written.expression, this.scope);
    const at = written?.expression.range ?? range;
    const value = typedAt(() => convertTo(type ?? { kind: 'any' }, fallback), at, `the default of ${name}`);
    const { environment } = this.#options;
    const json = environment[`${name}_JSON`];
    const text = environment[name];
    if (json !== undefined && type !== undefined)
      return typedAt(() => convertTo(type, jsonOf(name, json, range)), range, `${name}_JSON`);
    if (text === undefined) return value;
    return typedAt(
      () => convertTo(type ?? { kind: 'any' }, overridden({ name, text, type, fallback, range })),
      range,
      name,
    );
  }

  #ownFunction(name: string, { body, range }: Block): BakeFunction {
    const result = body.attributes.get('result')?.expression;
    if (result === undefined) return refuse(range, `the function ${name} has no result`, 'result = …');
    const parameters = namesIn(body.attributes.get('params')?.expression);
    const variadic = body.attributes.get('variadic_params')?.expression;
    const rest = variadic === undefined ? undefined : nameIn(variadic);
    return {
      parameters: parameters.map(() => 'any?'),
      ...(rest !== undefined && { rest: 'any?' as const }),
      call: (args) => {
        if (args.length < parameters.length || (rest === undefined && args.length > parameters.length))
          throw new CallRefused(
            `it takes ${rest === undefined ? '' : 'at least '}${parameters.length} arguments, not ${args.length}`,
          );
        const values = new Map<string, Value>(parameters.map((parameter, i) => [parameter, args[i] ?? null]));
        if (rest !== undefined) values.set(rest, args.slice(parameters.length));
        if (++this.#callDepth > CALL_DEPTH_MAX)
          throw new CallRefused(`it is called ${CALL_DEPTH_MAX} times inside of itself`);
        try {
          return evaluate(result, innerScope(this.scope, values));
        } finally {
          this.#callDepth--;
        }
      },
    };
  }
}

function typeOf(body: Body): Type | undefined {
  const type = body.attributes.get('type');
  return type === undefined ? undefined : parseType(type.expression);
}

/** `[a, b]` as names; in JSON they are strings. */
function namesIn(expression: Expression | undefined): string[] {
  if (expression === undefined) return [];
  if (expression.kind !== 'tuple') return refuse(expression.range, 'expected a list of names');
  return expression.items.map(nameIn);
}

function nameIn(expression: Expression): string {
  if (expression.kind === 'variable') return expression.name;
  if (expression.kind === 'literal' && typeof expression.value === 'string') return expression.value;
  return refuse(expression.range, 'expected a name');
}

function jsonOf(name: string, text: string, range: Range): Value {
  try {
    return fromJson(JSON.parse(text));
  } catch {
    return refuse(range, `the environment has ${name}_JSON, and it is not JSON`);
  }
}

interface Override {
  readonly name: string;
  readonly text: string;
  readonly type: Type | undefined;
  readonly fallback: Value;
  readonly range: Range;
}

/** The text of the environment, read as the variable's type, or as the kind of its default. */
function overridden({ name, text, type, fallback, range }: Override): Value {
  const kind = type === undefined || type.kind === 'any' ? kindOf(fallback) : type.kind;
  switch (kind) {
    case 'string':
    case 'a string':
    case 'null':
      return text;
    case 'number':
    case 'a number':
      return numberOf(text) ?? refuse(range, `the environment has ${name}=${JSON.stringify(text)}, expected a number`);
    case 'bool':
    case 'a boolean':
      return (
        booleanFrom(text) ??
        refuse(range, `the environment has ${name}=${JSON.stringify(text)}, expected true or false`)
      );
    case 'list':
    case 'set':
    case 'tuple':
      return text === '' ? [] : (parseCsv(text)[0] ?? []);
    default:
      return refuse(
        range,
        `the environment has ${name}, and a text cannot say ${type === undefined ? kind : `a value of type ${formatType(type)}`}`,
        type === undefined ? `give the variable ${name} a type` : `set ${name}_JSON to JSON`,
      );
  }
}

/** Go's words for the two. */
function booleanFrom(text: string): boolean | undefined {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(?:0|f|F|false|FALSE|False)$/.test(text) ? false : booleanOf(text);
}
