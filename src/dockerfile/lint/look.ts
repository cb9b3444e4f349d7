import type { Field, Invocation, Script } from '../shell/script.ts';
import type { Finding } from './build-checks/check.ts';
import type { LintFile, Step } from './file.ts';
import { insertion, type Fix, type TextEdit } from './fix.ts';
import type { LintFound, LintRule } from './rule.ts';

/** A program that a RUN starts, with where it stands. */
export interface Use {
  readonly step: Step;
  readonly script: Script;
  readonly invocation: Invocation;
}

/** Every RUN whose text can be read. */
export function* scriptsOf(file: LintFile): Iterable<{ readonly step: Step; readonly script: Script }> {
  for (const step of file.steps) if (step.script !== undefined) yield { step, script: step.script };
}

/** Every start of one of these programs in a RUN. */
export function usesOf(file: LintFile, ...names: readonly string[]): readonly Use[] {
  const uses = usesByName(file);
  const found = names.map((name) => uses.get(name) ?? []);
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only;
  return found.flat().toSorted((a, b) => a.invocation.start - b.invocation.start);
}

/** Kept for as long as the file is looked at: most rules ask. */
const USES = new WeakMap<LintFile, ReadonlyMap<string, readonly Use[]>>();

function usesByName(file: LintFile): ReadonlyMap<string, readonly Use[]> {
  const known = USES.get(file);
  if (known !== undefined) return known;
  const uses = new Map<string, Use[]>();
  for (const { step, script } of scriptsOf(file)) {
    for (const invocation of script.invocations) {
      const use = { step, script, invocation };
      const others = uses.get(invocation.name);
      if (others === undefined) uses.set(invocation.name, [use]);
      else others.push(use);
    }
  }
  USES.set(file, uses);
  return uses;
}

/** The words that are options, as they are written: one for `-qqy`, without the value of `-o VALUE`. */
export function hasOption(fields: readonly Field[], ...options: readonly string[]): boolean {
  return fields.some(({ text }) =>
    options.some((option) => {
      if (option.startsWith('--')) return text === option || text.startsWith(`${option}=`);
      return /^-[A-Za-z]+$/.test(text) && text.slice(1).includes(option.slice(1));
    }),
  );
}

/** Puts words behind one of a command's words, in the form in which the command is written. */
export function wordsAfter({ form }: Invocation, { end }: Field, ...words: readonly string[]): TextEdit {
  // In a list the place is before the closing quote.
  const text = words.map((word) => (form === 'json' ? `", "${word}` : ` ${word}`)).join('');
  return insertion(end, text);
}

/** Joins one more command to the end of a RUN; undefined where that cannot be done without a doubt. */
export function commandAtEnd({ step, script }: Pick<Use, 'step' | 'script'>, command: string): TextEdit | undefined {
  const last = script.statements.at(-1);
  if (last === undefined || script.form === 'json' || script.errors.length > 0 || last.isBackground) return undefined;
  if (last.invocations.some(({ name, isSubshell }) => !isSubshell && /^(?:exit|exec|return)$/.test(name))) {
    return undefined;
  }
  if (script.isHeredoc) {
    const [heredoc] = step.node.heredocs;
    return heredoc && insertion(heredoc.start + heredoc.content.length, `${command}\n`);
  }
  if (step.node.heredocs.length > 0) return undefined;
  return insertion(last.end, `${joinLine(step, script)}&& ${command}`);
}

/** What stands before a further `&&`: a blank, or where a RUN has several lines a new line like its last one. */
function joinLine({ node }: Step, { text, line }: Script): string {
  if (node.firstLine === node.lastLine) return ' ';
  const lastStart = line.sourceOffset(text.length - 1);
  let at = text.length - 1;
  while (at > 0 && line.sourceOffset(at - 1) === line.sourceOffset(at) - 1) at--;
  const indent = /^[ \t]*/.exec(text.slice(at))?.[0] ?? '';
  return lastStart < 0 ? ' ' : ` \\\n${indent === '' ? '    ' : indent}`;
}

/** True when a RUN has a cache or tmpfs mount at one of these paths or above. */
export function hasMountAt({ instruction }: Step, ...paths: readonly string[]): boolean {
  if (instruction?.kind !== 'run') return false;
  return instruction.mounts.some(({ text }) => {
    if (!/(?:^|,)type=(?:cache|tmpfs)(?:,|$)/.test(text)) return false;
    const target = /(?:^|,)(?:target|dst|destination)=([^,]+)/.exec(text)?.[1]?.replace(/\/$/, '') ?? '';
    return paths.some((path) => path === target || path.startsWith(`${target}/`) || target.startsWith(`${path}/`));
  });
}

/** A rule of ours that tells what the build check of that name finds. */
export function buildCheck(
  rule: Omit<LintRule, 'check'>,
  name: string,
  fix: (finding: Finding, file: LintFile) => Fix | undefined = () => undefined,
): LintRule {
  return {
    ...rule,
    aliases: [name, ...rule.aliases],
    *check(file): Iterable<LintFound> {
      for (const finding of file.buildChecks) {
        if (finding.rule !== name) continue;
        const mend = fix(finding, file);
        const message = `${finding.message.charAt(0).toLowerCase()}${finding.message.slice(1)}`;
        yield { message, span: finding.span, ...(mend === undefined ? {} : { fix: mend }) };
      }
    },
  };
}

/** The instruction in which a finding lies. */
export function stepAt({ steps }: LintFile, at: number): Step | undefined {
  return steps.findLast(({ node }) => node.start <= at && at <= node.end);
}
