import { type Fix, replacement } from '../../fix.ts';
import { usesOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const shellInstruction: LintRule = {
  id: 'shell-instruction',
  aliases: ['DL4005'],
  topic: 'shell',
  severity: 'warning',
  title: 'SHELL chooses the shell, not a link at /bin/sh',
  why: 'Scripts of the distribution are written for the shell that it has at /bin/sh, and its package puts the link back. SHELL says which one runs the steps, and nothing else.',
  bad: 'FROM debian:12\nRUN ln -sf /bin/bash /bin/sh',
  good: 'FROM debian:12\nSHELL ["/bin/bash", "-c"]',
  fix: 'unsafe',
  changes: '/bin/sh stays as it is; the config names the shell.',
  *check(file) {
    for (const { step, script, invocation } of usesOf(file, 'ln')) {
      const [source, target] = invocation.args.filter(({ text }) => !text.startsWith('-'));
      if (source === undefined || !/^(?:\/usr)?\/bin\/sh$/.test(target?.text ?? '')) continue;
      const path = source.text.startsWith('/') ? source.text : `/bin/${source.text}`;
      const isOnly = script.statements.length === 1 && !step.isTrigger && !script.isHeredoc;
      const edits = isOnly ? [replacement(step.node, `SHELL ["${path}", "-c"]`)] : [];
      const fix: Fix = { title: `write SHELL ["${path}", "-c"]`, safety: 'unsafe', effect: 'files', edits };
      yield {
        message: 'SHELL chooses the shell of the steps and leaves /bin/sh alone',
        span: invocation,
        ...(isOnly ? { fix } : {}),
      };
    }
  },
};
