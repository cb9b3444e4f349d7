import { defineCompose } from './compose.ts';
import { BLOCK_LABELS, define, type Definition, type Group, type TargetDefinition } from './definition.ts';
import type { GlobalsOptions } from './globals.ts';
import type { Body } from './hcl/ast.ts';
import { parseHcl } from './hcl/parse-body.ts';
import { parseHclJson } from './hcl/parse-json.ts';
import type { SourceFile } from './source.ts';

export interface LoadOptions extends GlobalsOptions {
  /** What variables of compose files are: the environment over `.env`. */
  readonly composeEnvironment: Readonly<Record<string, string | undefined>>;
}

/** Where a bake file is looked for, in this order; all that are there are taken, later ones over earlier ones. */
export const DEFAULT_FILES: readonly string[] = [
  'compose.yaml',
  'compose.yml',
  'docker-compose.yml',
  'docker-compose.yaml',
  'docker-bake.json',
  'docker-bake.hcl',
  'docker-bake.override.json',
  'docker-bake.override.hcl',
];

/**
 * Reads bake files of all kinds as one definition. Compose files (by their ending) come first; HCL and JSON files are
 * evaluated together, so a variable of one may be used in another.
 * @throws BAKE_INVALID
 */
export function loadDefinition(files: readonly SourceFile[], options: LoadOptions): Definition {
  const composeFiles = files.filter(isCompose);
  const composed = composeFiles.length === 0 ? [] : [defineCompose(composeFiles, options.composeEnvironment)];
  const bodies = files.filter((file) => !isCompose(file)).map(parseBody);
  const parts = bodies.length === 0 ? composed : [...composed, define(bodies, options)];
  const all = parts.reduce(merged, { groups: [], targets: [], variables: [], warnings: [] });
  const hasDefault = [...all.groups, ...all.targets].some(({ name }) => name === 'default');
  if (composeFiles.length === 0 || hasDefault) return all;
  // Of compose files everything is built that can be, be it nothing.
  return { ...all, groups: [...all.groups, { name: 'default', description: '', targets: [] }] };
}

function isCompose({ name }: SourceFile): boolean {
  return /\.ya?ml$/i.test(name);
}

/** JSON by its ending, or because it begins as such. */
function parseBody(file: SourceFile): Body {
  const isJson = /\.json$/i.test(file.name) || (!/\.hcl$/i.test(file.name) && /^\uFEFF?\s*\{/.test(file.text));
  return isJson ? parseHclJson(file, BLOCK_LABELS) : parseHcl(file);
}

function merged(earlier: Definition, later: Definition): Definition {
  return {
    groups: byName<Group>(earlier.groups, later.groups, (_, theirs) => theirs),
    targets: byName<TargetDefinition>(earlier.targets, later.targets, (ours, theirs) => ({
      name: ours.name,
      inherits: [...ours.inherits, ...theirs.inherits],
      fields: ours.fields.mergedWith(theirs.fields),
    })),
    variables: [...earlier.variables, ...later.variables],
    warnings: [...earlier.warnings, ...later.warnings],
  };
}

function byName<T extends { readonly name: string }>(
  earlier: readonly T[],
  later: readonly T[],
  join: (ours: T, theirs: T) => T,
): T[] {
  const all = new Map(earlier.map((one) => [one.name, one]));
  for (const theirs of later) {
    const ours = all.get(theirs.name);
    all.set(theirs.name, ours === undefined ? theirs : join(ours, theirs));
  }
  return [...all.values()];
}
