import type { Fix } from '../../fix.ts';
import { usesOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const runSudo: LintRule = {
  id: 'run-sudo',
  aliases: ['DL3004', 'DS-0010', 'CKV2_DOCKER_1'],
  topic: 'shell',
  severity: 'error',
  title: 'a step does not call sudo',
  why: 'sudo needs a terminal or a configuration without passwords, which then is in the image for whoever gets into a container. USER says as whom steps run.',
  bad: 'FROM debian:12\nRUN sudo make install',
  good: 'FROM debian:12\nRUN make install',
  fix: 'unsafe',
  changes: 'The command runs as the user of the step.',
  *check(file) {
    for (const { script, invocation, step } of usesOf(file, 'sudo', 'doas')) {
      const inner = script.invocations.find(
        ({ start, wrappers }) =>
          start > invocation.start && start < invocation.end && wrappers.at(-1) === invocation.name,
      );
      const isPlain = inner !== undefined && script.form === 'shell' && inner.word.isKnown;
      const edits = isPlain ? [{ start: invocation.start, end: inner.start, text: '' }] : [];
      const user = step.before.user?.text;
      const fix: Fix = { title: 'take it out', safety: 'unsafe', effect: 'files', edits };
      const message =
        user === undefined || /^(?:root|0)(?::|$)/.test(user)
          ? 'the step runs as root anyway'
          : `USER says as whom a step runs (here ${user})`;
      yield { message, span: invocation.word, ...(isPlain ? { fix } : {}) };
    }
  },
};
