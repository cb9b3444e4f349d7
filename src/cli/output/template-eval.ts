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
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  }
  return [];
}

function inner(scope: Scope, ...dot: readonly unknown[]): Scope {
  return { dot: dot.length === 0 ? scope.dot : dot[0], root: scope.root, variables: new Map(scope.variables) };
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
      return follow(scope.dot, operand.path);
    case 'variable':
      return follow(operand.name === '$' ? scope.root : scope.variables.get(operand.name), operand.path);
    case 'group':
      return follow(evaluatePipeline(operand.pipeline, scope), operand.path);
    case 'function':
      return callFunction(operand.name, []);
  }
}

function follow(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, name) => {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    return (at as Readonly<Record<string, unknown>>)[name]; // An object that has the name, by the line above.
  }, value);
}
