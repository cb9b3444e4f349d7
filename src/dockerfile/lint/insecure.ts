import type { Field, Invocation } from '../shell/script.ts';
import type { LintFile } from './file.ts';
import { replacement, type Fix, type TextEdit } from './fix.ts';
import { deletedLines } from './edits.ts';
import { scriptsOf, usesOf } from './look.ts';
import type { LintFound, LintRule } from './rule.ts';

export interface InsecureOption extends Pick<LintRule, 'id' | 'aliases' | 'topic' | 'title' | 'why' | 'bad' | 'good'> {
  readonly programs: readonly string[];
  /** The option that turns a check off. */
  readonly options: RegExp;
  readonly says: (option: string) => string;
  /** What stands in its place; nothing, where it is not said. */
  readonly without?: (option: string) => string;
  /** Looks at the whole command first. */
  readonly applies?: (invocation: Invocation) => boolean;
}

/** A rule about an option that turns a security check off. Its fix takes the option out. */
export function insecure({
  programs,
  options,
  says,
  without,
  applies = () => true,
  ...rule
}: InsecureOption): LintRule {
  return {
    ...rule,
    severity: 'error',
    fix: 'unsafe',
    changes: 'What the check refuses is not installed, and the build ends.',
    *check(file: LintFile): Iterable<LintFound> {
      for (const { invocation } of usesOf(file, ...programs)) {
        if (!applies(invocation)) continue;
        for (const field of invocation.args) {
          if (!options.test(field.text)) continue;
          const rest = without?.(field.text) ?? '';
          const edits = rest === '' ? withoutWord(file, invocation, field) : [replacement(field, rest)];
          const fix: Fix = { title: `take ${field.text} out`, safety: 'unsafe', effect: 'files', edits };
          yield { message: says(field.text), span: field, ...(edits.length === 0 ? {} : { fix }) };
        }
      }
    },
  };
}

/** Takes a word of its own out with the blank before it. */
function withoutWord(
  { dockerfile: { source } }: LintFile,
  { form }: Invocation,
  { start, end, text }: Field,
): TextEdit[] {
  if (form === 'json' || end - start !== text.length) return [];
  const blank = /[ \t]+$/.exec(source.text.slice(0, start))?.[0].length ?? 0;
  return blank === 0 ? [] : [{ start: start - blank, end, text: '' }];
}

export interface InsecureVariable extends Pick<
  LintRule,
  'id' | 'aliases' | 'topic' | 'title' | 'why' | 'bad' | 'good'
> {
  readonly variable: string;
  /** Values with which the check is off. */
  readonly values: RegExp;
  readonly says: string;
  /** Other ways to say the same. */
  readonly commands?: (file: LintFile) => Iterable<LintFound>;
}

/** A rule about a variable that turns a security check off, set by ENV, ARG, or in front of a command. */
export function insecureVariable({ variable, values, says, commands, ...rule }: InsecureVariable): LintRule {
  return {
    ...rule,
    severity: 'error',
    fix: 'unsafe',
    changes: 'What the check refuses is not fetched, and the build ends.',
    *check(file: LintFile): Iterable<LintFound> {
      const isOff = (name: string, value: string): boolean =>
        name.toLowerCase() === variable.toLowerCase() && values.test(value.replace(/^["']|["']$/g, ''));
      for (const { instruction, node } of file.steps) {
        if (instruction?.kind === 'env') {
          for (const { name, value } of instruction.pairs) {
            if (!isOff(name.text, value.text)) continue;
            const isOnly = instruction.pairs.length === 1;
            const fix: Fix = {
              title: 'take it out',
              safety: 'unsafe',
              effect: 'files',
              edits: [deletedLines(file, node)],
            };
            yield { message: says, span: { start: name.start, end: value.end }, ...(isOnly ? { fix } : {}) };
          }
        } else if (instruction?.kind === 'arg') {
          for (const { name, value = '', word } of instruction.args) {
            if (isOff(name, value)) yield { message: says, span: word };
          }
        }
      }
      for (const { script } of scriptsOf(file)) {
        for (const { assignments, name, args, word } of script.invocations) {
          for (const [set, { text, start, end }] of assignments) {
            if (isOff(set, text)) yield { message: says, span: { start: start - set.length - 1, end } };
          }
          if (name !== 'export' && name !== 'env') continue;
          const field = args.find(({ text }) => isOff(text.split('=')[0] ?? '', text.slice(text.indexOf('=') + 1)));
          if (field !== undefined) yield { message: says, span: { start: word.start, end: field.end } };
        }
      }
      yield* commands?.(file) ?? [];
    },
  };
}
