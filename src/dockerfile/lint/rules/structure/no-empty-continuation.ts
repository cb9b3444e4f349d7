import { positionAt } from '../../../syntax/source.ts';
import { emptyLinesGone } from '../../edits.ts';
import { buildCheck, stepAt } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const noEmptyContinuation: LintRule = buildCheck(
  {
    id: 'no-empty-continuation',
    aliases: [],
    topic: 'structure',
    severity: 'warning',
    title: 'no empty line stands inside an instruction',
    why: 'An instruction that goes on over an empty line is accepted for old files only; a later version of the language will refuse it. What looks like the end of the instruction is none.',
    bad: 'FROM debian:12\nRUN make \\\n\n    && make install',
    good: 'FROM debian:12\nRUN make \\\n    && make install',
    fix: 'safe',
  },
  'NoEmptyContinuation',
  ({ span }, file) => {
    const node = stepAt(file, span.start)?.node;
    if (node === undefined) return undefined;
    const last =
      node.heredocs[0] === undefined ? node.lastLine : positionAt(file.dockerfile.source, node.heredocs[0].start).line;
    const edits = emptyLinesGone(file, node.firstLine, last);
    return { title: 'take the empty lines out', safety: 'safe', effect: 'none', edits };
  },
);
