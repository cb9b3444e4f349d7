import { type Fix, replacement } from '../../fix.ts';
import { bodyLine, jsonFields } from '../../read-file.ts';
import type { LintRule } from '../../rule.ts';

export const copyRelativeNoWorkdir: LintRule = {
  id: 'copy-relative-no-workdir',
  aliases: ['DL3045'],
  topic: 'files',
  severity: 'warning',
  title: 'COPY to a relative path stands below a WORKDIR',
  why: 'A relative destination is below the working directory, and without WORKDIR that is whatever the base image says today.',
  bad: 'FROM debian:12\nCOPY app.sh bin/app.sh',
  good: 'FROM debian:12\nCOPY app.sh /bin/app.sh',
  fix: 'unsafe',
  changes: 'The file lies where the path says, not below a working directory of the base.',
  *check(file) {
    for (const { instruction, node, before, stage, isTrigger } of file.steps) {
      if (instruction?.kind !== 'copy' || before.workdir !== undefined || stage === undefined) continue;
      const { destination } = instruction;
      const text = destination.text.replace(/^["']/, '');
      if (/^(?:[/\\$]|[A-Za-z]:)/.test(text)) continue;
      const span = node.body.kind === 'json' ? (jsonFields(bodyLine(node)).at(-1) ?? destination) : destination;
      const edits = [
        replacement({ start: span.start, end: span.start + (/^\.\/?/.exec(destination.text)?.[0].length ?? 0) }, '/'),
      ];
      const fix: Fix = { title: 'write it from the root', safety: 'unsafe', effect: 'files', edits };
      const isPlain = text === destination.text && !text.startsWith('..') && !isTrigger;
      yield {
        message: 'where this lands depends on the base image: no WORKDIR stands above',
        span,
        ...(isPlain ? { fix } : {}),
      };
    }
  },
};
