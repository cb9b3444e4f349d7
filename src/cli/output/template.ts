import { evaluate, type Node, type Scope } from './template-eval.ts';
import { parseTemplate } from './template-parse.ts';

export interface Template {
  /** The text for one value. */
  readonly render: (value: unknown) => string;
  /** The top-level fields (`.Name`) that it names, where that can be told: outside `range` and `with`. */
  readonly fields: readonly string[];
}

/**
 * Compiles the part of Go's text/template that docker's `--format` is used with: fields, pipelines, variables, `if`,
 * `else`, `range`, `with`, comparisons, and the functions of `template-functions.ts`.
 * `shape` says that values are those of docker's API, as `inspect` has them.
 * @throws USAGE for text that is not such a template; `render` throws it where a function cannot take its arguments, and
 * TEMPLATE_FIELD_UNKNOWN where a value of docker's API has no such field
 */
export function compileTemplate(text: string, { shape }: { readonly shape?: 'docker' } = {}): Template {
  const nodes = parseTemplate(unescape(text));
  return {
    render: (value) => {
      const scope: Scope = { dot: value, root: value, variables: new Map(), shape, maps: new WeakSet() };
      return evaluate(nodes, scope);
    },
    fields: topFields(nodes),
  };
}

/** Shells leave `\n` and `\t` as two characters; docker reads them as one outside of actions. */
function unescape(text: string): string {
  return text
    .split(/(\{\{[\s\S]*?\}\})/)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll('\\n', '\n').replaceAll('\\t', '\t')))
    .join('');
}

function topFields(nodes: readonly Node[]): string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) visit(one);
    else if (typeof value === 'object' && value !== null) {
      if ('kind' in value && value.kind === 'field' && 'path' in value && Array.isArray(value.path)) {
        const [first] = value.path as readonly unknown[]; // Made by the parser: names.
        if (typeof first === 'string') found.add(first);
      }
      const rebinds = 'kind' in value && (value.kind === 'range' || value.kind === 'with');
      for (const [name, one] of Object.entries(value)) if (!(rebinds && name === 'body')) visit(one);
    }
  };
  visit(nodes);
  return [...found];
}
