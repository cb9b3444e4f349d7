import { Refusal } from '../../syntax/diagnostics.ts';
import { DirectiveReader } from '../../syntax/directives.ts';
import type { Span } from '../../syntax/source.ts';
import { parseBoolean } from '../../syntax/values.ts';

/** Which rules run, and what a finding means. */
export interface CheckOptions {
  readonly skip: 'all' | readonly string[];
  readonly experimental: 'all' | readonly string[];
  /** A finding makes the build fail. */
  readonly isError: boolean;
}

export const CHECK_DEFAULTS: CheckOptions = { skip: [], experimental: [], isError: false };

/**
 * Reads `skip=A,B;error=true;experimental=all`, the value of the directive `check` and of BUILDKIT_DOCKERFILE_CHECK.
 * @throws Refusal CHECK_OPTION
 */
export function parseCheckOptions(text: string, span?: Span): CheckOptions {
  const trimmed = text.trim();
  let options = CHECK_DEFAULTS;
  if (trimmed === '') return options;
  const refuse = (part: string): Refusal =>
    new Refusal('CHECK_OPTION', `${JSON.stringify(part)} is no option of check`, span, 'skip=Rule,…;error=true');
  for (const part of splitOptions(trimmed)) {
    const equals = part.indexOf('=');
    const name = part.slice(0, equals).trim();
    const value = part.slice(equals + 1).trim();
    if (equals === -1) throw refuse(part);
    if (name === 'skip') options = { ...options, skip: ruleNames(value) };
    else if (name === 'experimental') options = { ...options, experimental: ruleNames(value) };
    else if (name === 'error') {
      const isError = parseBoolean(value);
      if (isError === undefined) throw refuse(part);
      options = { ...options, isError };
    } else throw refuse(part);
  }
  return options;
}

/** At most three parts, as in the reference: a further `;` belongs to the last value. */
function splitOptions(text: string): string[] {
  const parts = text.split(';');
  return parts.length <= 3 ? parts : [...parts.slice(0, 2), parts.slice(2).join(';')];
}

function ruleNames(value: string): 'all' | readonly string[] {
  return value === 'all' ? 'all' : value.split(',').map((name) => name.trim());
}

/** The options with those of `# check=…` among the comments above an instruction. What cannot be read changes nothing. */
export function withComments(options: CheckOptions, comments: readonly string[]): CheckOptions {
  for (const comment of comments) {
    try {
      const directive = new DirectiveReader('').read(comment, { start: 0, end: 0 });
      if (directive?.name !== 'check') continue;
      return merge(options, parseCheckOptions(directive.value.split(' ', 1)[0] ?? ''));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.fault.code === 'CHECK_OPTION') return options;
    }
  }
  return options;
}

function merge(options: CheckOptions, more: CheckOptions): CheckOptions {
  return {
    skip: union(options.skip, more.skip),
    experimental: union(options.experimental, more.experimental),
    isError: options.isError,
  };
}

function union(a: CheckOptions['skip'], b: CheckOptions['skip']): CheckOptions['skip'] {
  return a === 'all' || b === 'all' ? 'all' : [...a, ...b];
}

/** True when the options let a rule speak. */
export function isAllowed(
  rule: { readonly name: string; readonly isExperimental?: boolean },
  options: CheckOptions,
): boolean {
  const names = rule.isExperimental === true ? options.experimental : options.skip;
  const isNamed = names === 'all' || names.includes(rule.name);
  return rule.isExperimental === true ? isNamed : !isNamed;
}
