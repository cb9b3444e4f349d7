import { deletedLines } from '../../edits.ts';
import type { LintFile, Step } from '../../file.ts';
import { insertion, type Fix } from '../../fix.ts';
import { hasOption } from '../../look.ts';
import { NOTABLE_BYTES, megabytes } from '../../measured.ts';
import type { LintRule } from '../../rule.ts';
import type { AddInstruction, CopyInstruction } from '../../../syntax/instructions.ts';
import type { Span } from '../../../syntax/source.ts';

export const chownDoubles: LintRule = {
  id: 'chown-doubles',
  aliases: [],
  topic: 'measured',
  severity: 'warning',
  title: 'COPY gives files their owner and mode, not a RUN below it',
  why: '`RUN chown -R` or `chmod -R` over copied files writes every one of them into a second layer: the image holds them twice. `COPY --chown` and `--chmod` copy them as they should be. With a record of the last build the rule says how many bytes it was.',
  bad: 'FROM debian:12\nCOPY app /app\nRUN chown -R 1000:1000 /app',
  good: 'FROM debian:12\nCOPY --chown=1000:1000 app /app',
  fix: 'unsafe',
  changes: 'The files are in the image once. A directory that was there before keeps its owner.',
  *check(file) {
    for (const [index, step] of file.steps.entries()) {
      const change = changeOf(step);
      if (change === undefined) continue;
      const bytes = file.measured?.steps.find(({ line }) => line === step.node.firstLine)?.rewrittenBytes ?? 0;
      const isCopied = file.steps
        .slice(0, index)
        .some((one) => one.stage === step.stage && change.paths.some((path) => copiesInto(one, path) !== undefined));
      if (!isCopied && bytes < NOTABLE_BYTES) continue;
      const message =
        bytes < NOTABLE_BYTES
          ? 'this writes copied files into a second layer'
          : `this wrote ${megabytes(bytes)} of files into a second layer`;
      const fix = moved(file, step, file.steps[index - 1], change);
      yield { message, span: change.span, ...(fix === undefined ? {} : { fix }) };
    }
  },
};

interface Change {
  readonly flag: '--chown' | '--chmod';
  readonly value: string;
  readonly paths: readonly string[];
  readonly span: Span;
}

/** The first `chown -R` or `chmod -R` of a step. */
function changeOf({ script }: Step): Change | undefined {
  const call = script?.invocations.find(
    ({ name, args }) => /^(?:chown|chmod)$/.test(name) && hasOption(args, '-R', '--recursive'),
  );
  const [value, ...paths] = call?.args.filter(({ text }) => !text.startsWith('-')).map(({ text }) => text) ?? [];
  if (call === undefined || value === undefined) return undefined;
  return { flag: call.name === 'chown' ? '--chown' : '--chmod', value, paths, span: call };
}

/** The instruction, where it copies to this path or below. */
function copiesInto({ instruction }: Step, path: string): CopyInstruction | AddInstruction | undefined {
  if (instruction?.kind !== 'copy' && instruction?.kind !== 'add') return undefined;
  const [inner, outer] = [instruction.destination.text, path].map((text) => `${text.replace(/\/+$/, '')}/`);
  return inner !== undefined && outer !== undefined && outer !== '/' && inner.startsWith(outer)
    ? instruction
    : undefined;
}

/** The change as a flag of the COPY above, where the step does nothing else. */
function moved(file: LintFile, step: Step, above: Step | undefined, { flag, value, paths }: Change): Fix | undefined {
  const { script, node, isTrigger } = step;
  const isOnly = script?.statements.length === 1 && script.invocations.length === 1 && paths.length === 1;
  if (!isOnly || isTrigger || above === undefined || above.isTrigger) return undefined;
  const copy = copiesInto(above, paths[0] ?? '');
  if (copy === undefined || copy.chown !== undefined || copy.chmod !== undefined) return undefined;
  // A user alone would get a group of its own number, and a symbolic mode is no flag.
  if (!(flag === '--chmod' ? /^[0-7]{3,4}$/ : /^[\w-]+:[\w-]+$/).test(value)) return undefined;
  const edits = [insertion(copy.node.keyword.end, ` ${flag}=${value}`), deletedLines(file, node)];
  return { title: `write ${flag}`, safety: 'unsafe', effect: 'files', edits };
}
