import type { LintFile } from './file.ts';
import type { MeasuredRight } from './measured.ts';
import type { LintFound } from './rule.ts';

/** A finding for each step whose layer has new files with some of these rights, in words that follow their names. */
export function* newRights(
  file: LintFile,
  kinds: readonly MeasuredRight['kind'][],
  words: string,
): Iterable<LintFound> {
  for (const { line, rights } of file.measured?.steps ?? []) {
    const step = file.steps.find(({ node }) => node.firstLine === line);
    const [first, ...more] = rights.filter(({ kind }) => kinds.includes(kind));
    if (step === undefined || first === undefined) continue;
    const others = more.length === 0 ? '' : ` and ${more.length} more`;
    yield { message: `${first.path}${others} ${words}`, span: step.node };
  }
}
