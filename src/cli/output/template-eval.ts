import { isMapField, noField, zeroOf } from './docker-shape.ts';
import { Nil } from './nil.ts';
import { callFunction, isTrue, show } from './template-functions.ts';

/** What a template consists of. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if';
      readonly test: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | {
      readonly kind: 'with';
      readonly value: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | {
      readonly kind: 'range';
      readonly keyName: string | undefined;
      readonly valueName: string | undefined;
      readonly value: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** `a | b x`: the value of each command is the last argument of the next. */
export interface Pipeline {
  /** `$x := …`. */
  readonly assign: string | undefined;
  readonly commands: readonly (readonly Operand[])[];
}

export type Operand =
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'group'; readonly pipeline: Pipeline; readonly path: readonly string[] };

export interface Scope {
  readonly dot: unknown;
  /** `$`. */
  readonly root: unknown;
  readonly variables: Map<string, unknown>;
  /** Of a value of docker's API: fields that it lacks are an error, or what docker's types have there. */
  readonly shape: 'docker' | undefined;
  /** Values whose keys are a user's. */
  readonly maps: WeakSet<object>;
}

export function evaluate(nodes: readonly Node[], scope: Scope): string {
  return nodes.map((node) => evaluateNode(node, scope)).join('');
}

function evaluateNode(node: Node, scope: Scope): string {
  switch (node.kind) {
    case 'text':
      return node.text;
    case 'action': {
      const value = evaluatePipeline(node.pipeline, scope);
      return node.pipeline.assign === undefined ? show(value) : '';
    }
    case 'if':
      return evaluate(isTrue(evaluatePipeline(node.test, scope)) ? node.body : node.otherwise, inner(scope));
    case 'with': {
      const value = evaluatePipeline(node.value, scope);
      return isTrue(value) ? evaluate(node.body, inner(scope, value)) : evaluate(node.otherwise, inner(scope));
    }
    case 'range':
      return evaluateRange(node, scope);
  }
}

function evaluateRange(node: Extract<Node, { kind: 'range' }>, scope: Scope): string {
  const entries = entriesOf(evaluatePipeline(node.value, scope));
  if (entries.length === 0) return evaluate(node.otherwise, inner(scope));
  return entries
    .map(([key, value]) => {
      const own = inner(scope, value);
      if (node.keyName !== undefined) own.variables.set(node.keyName, key);
      if (node.valueName !== undefined) own.variables.set(node.valueName, value);
      return evaluate(node.body, own);
    })
    .join('');
}

/** Maps are walked in the order of their keys, as Go does. */
function entriesOf(value: unknown): (readonly [unknown, unknown])[] {
  if (Array.isArray(value)) return value.map((one: unknown, index) => [index, one]);
  if (typeof value === 'object' && value !== null && !(value instanceof Nil)) {
    return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  }
  return [];
}

function inner(scope: Scope, ...dot: readonly unknown[]): Scope {
  return { ...scope, dot: dot.length === 0 ? scope.dot : dot[0], variables: new Map(scope.variables) };
}

function evaluatePipeline(pipeline: Pipeline, scope: Scope): unknown {
  let piped: readonly unknown[] = [];
  for (const command of pipeline.commands) piped = [evaluateCommand(command, piped, scope)];
  if (pipeline.assign !== undefined) scope.variables.set(pipeline.assign, piped[0]);
  return piped[0];
}

function evaluateCommand(command: readonly Operand[], piped: readonly unknown[], scope: Scope): unknown {
  const [head, ...rest] = command;
  const args = [...rest.map((operand) => evaluateOperand(operand, scope)), ...piped];
  if (head?.kind === 'function') return callFunction(head.name, args);
  const value = head === undefined ? piped[0] : evaluateOperand(head, scope);
  // A method of the value, as docker's `.Label "name"`.
  return isMethod(value) ? value(...args.map(String)) : value;
}

function isMethod(value: unknown): value is (...args: readonly string[]) => string {
  return typeof value === 'function';
}

function evaluateOperand(operand: Operand, scope: Scope): unknown {
  switch (operand.kind) {
    case 'literal':
      return operand.value;
    case 'field':
      return follow(scope.dot, operand.path, scope);
    case 'variable':
      return follow(operand.name === '$' ? scope.root : scope.variables.get(operand.name), operand.path, scope);
    case 'group':
      return follow(evaluatePipeline(operand.pipeline, scope), operand.path, scope);
    case 'function':
      return callFunction(operand.name, []);
  }
}

function follow(value: unknown, path: readonly string[], scope: Scope): unknown {
  return path.reduce<unknown>((at, name, index) => {
    const found = fieldOf(at, name);
    if (scope.shape === undefined) return found;
    const given = found ?? absentIn(at, name, scope.maps, `.${path.slice(0, index + 1).join('.')}`);
    if (isMapField(name) && isObject(given)) scope.maps.add(given);
    return given;
  }, value);
}

/** What stands for a field that a value of docker's API does not have; nothing for what a user's map lacks. */
function absentIn(at: unknown, name: string, maps: WeakSet<object>, path: string): unknown {
  if (at === undefined) return undefined;
  if (!isObject(at)) throw noField(path);
  if (maps.has(at)) return undefined;
  if (at instanceof Nil) throw noField(path);
  return fieldInAnyCase(at, name) ?? zeroOf(name, path);
}

/** Go calls some fields otherwise than JSON does: `ID` and `Id`, `NanoCPUs` and `NanoCpus`. */
function fieldInAnyCase(value: object, name: string): unknown {
  const key = Object.keys(value).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : fieldOf(value, key);
}

function fieldOf(value: unknown, name: string): unknown {
  if (!isObject(value) || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name] ?? undefined; // An object that has the name, by the line above.
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
