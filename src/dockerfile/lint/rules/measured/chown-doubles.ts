import { deletedLines } from '../../edits.ts';
import { insertion } from '../../fix.ts';
import { hasOption } from '../../look.ts';
import { NOTABLE_BYTES, megabytes } from '../../measured.ts';
import type { LintRule } from '../../rule.ts';

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
      const { script, node, stage } = step;
      const change = script?.invocations.find(
        ({ name, args }) => /^(?:chown|chmod)$/.test(name) && hasOption(args, '-R', '--recursive'),
      );
      if (script === undefined || change === undefined) continue;
      const bytes = file.measured?.steps.find(({ line }) => line === node.firstLine)?.rewrittenBytes ?? 0;
      const [what, ...paths] = change.args.filter(({ text }) => !text.startsWith('-'));
      const before = file.steps[index - 1];
      const copy =
        before?.instruction?.kind === 'copy' || before?.instruction?.kind === 'add' ? before.instruction : undefined;
      const earlier = file.steps
        .slice(0, index)
        .filter((one) => one.stage === stage && (one.instruction?.kind === 'copy' || one.instruction?.kind === 'add'));
      const isCopied = earlier.some(
        ({ instruction }) =>
          (instruction?.kind === 'copy' || instruction?.kind === 'add') &&
          paths.some(({ text }) => isAtOrBelow(instruction.destination.text, text)),
      );
      if (what === undefined || (!isCopied && bytes < NOTABLE_BYTES)) continue;
      const flag = change.name === 'chown' ? '--chown' : '--chmod';
      const isOnly =
        script.statements.length === 1 &&
        script.invocations.length === 1 &&
        paths.length === 1 &&
        !step.isTrigger &&
        before?.isTrigger === false;
      const canMove =
        isOnly &&
        copy !== undefined &&
        copy.chown === undefined &&
        copy.chmod === undefined &&
        isAtOrBelow(copy.destination.text, paths[0]?.text ?? '') &&
        (flag === '--chmod' ? /^[0-7]{3,4}$/.test(what.text) : /^[\w-]+:[\w-]+$/.test(what.text));
      const edits = canMove
        ? [insertion(copy.node.keyword.end, ` ${flag}=${what.text}`), deletedLines(file, node)]
        : [];
      const message =
        bytes < NOTABLE_BYTES
          ? 'this writes copied files into a second layer'
          : `this wrote ${megabytes(bytes)} of files into a second layer`;
      yield {
        message,
        span: change,
        ...(canMove ? { fix: { title: `write ${flag}`, safety: 'unsafe', effect: 'files', edits } } : {}),
      };
    }
  },
};

function isAtOrBelow(path: string, folder: string): boolean {
  const [inner, outer] = [path, folder].map((text) => text.replace(/\/+$/, ''));
  return (
    inner !== undefined && outer !== undefined && outer !== '' && (inner === outer || inner.startsWith(`${outer}/`))
  );
}
