import type { Field } from '../shell/script.ts';
import type { Fix } from './fix.ts';
import { wordsAfter } from './look.ts';
import type { PackageCall } from './packages.ts';
import type { LintFound } from './rule.ts';

/** A call that lacks an option, with the fix that puts it behind one of its words. */
export function addOption(
  { invocation, verb }: PackageCall,
  after: Field,
  option: string,
  message: string,
  effect: Fix['effect'] = 'none',
): LintFound {
  const span = { start: invocation.word.start, end: verb.end };
  const edits = [wordsAfter(invocation, after, option)];
  return { message, span, fix: { title: `add ${option}`, safety: 'safe', effect, edits } };
}
