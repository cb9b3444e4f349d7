import type { DefaultBase } from '../lint/build-checks/subject.ts';
import { Refusal } from '../syntax/diagnostics.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';
import { addGlobalArgs } from './arguments.ts';
import type { Environment } from './environment.ts';
import { expandAt } from './expand.ts';

/**
 * The names of the base images when no build argument is given; up to the first one that cannot be expanded. Undefined
 * when already the arguments' defaults cannot.
 */
export function defaultBases(dockerfile: Dockerfile, platforms: Environment): readonly DefaultBase[] | undefined {
  const { escape, globalArgs, stages } = dockerfile;
  const defaults = platforms.copy();
  const bases: DefaultBase[] = [];
  try {
    addGlobalArgs(defaults, globalArgs, {}, escape);
    for (const { from } of stages) {
      bases.push({ from, text: expandAt(from.base.text, defaults.lookup, { escape }, from.base).text });
    }
    return bases;
  } catch (error) {
    if (error instanceof Refusal) return bases;
    throw error;
  }
}
