import type { LintFile } from './file.ts';
import { commandAtEnd, hasMountAt } from './look.ts';
import { packageCalls, type PackageManager } from './packages.ts';
import type { LintFound } from './rule.ts';

export interface Cleaning {
  readonly manager: PackageManager;
  /** What fills the cache. */
  readonly verbs: readonly string[];
  /** What empties it. */
  readonly command: string;
  readonly cache: string;
  /** Other places of the same cache. */
  readonly others?: readonly string[];
}

/** RUNs that fill the cache of a package manager and do not empty it. */
export function* cleanAtEnd(
  file: LintFile,
  { manager, verbs, command, cache, others = [] }: Cleaning,
): Iterable<LintFound> {
  const seen = new Set<unknown>();
  for (const { step, script, invocation, verb } of packageCalls(file, manager, ...verbs)) {
    if (seen.has(step) || hasMountAt(step, cache, ...others)) continue;
    seen.add(step);
    const isCleaned = script.invocations.some(({ name, args }) => {
      const words = args.map(({ text }) => text);
      if (name === 'rm')
        return words.some((text) => [cache, ...others, '/var/cache'].some((path) => text.startsWith(path)));
      return manager.programs.includes(name) && (words.includes('clean') || words.includes('cc'));
    });
    if (isCleaned) continue;
    const edit = commandAtEnd({ step, script }, command.replace(/^\S+/, invocation.name));
    const span = { start: invocation.word.start, end: verb.end };
    const message = `what ${invocation.name} has fetched stays in the layer`;
    if (edit === undefined) yield { message, span };
    else yield { message, span, fix: { title: `add ${command}`, safety: 'safe', effect: 'caches', edits: [edit] } };
  }
}
