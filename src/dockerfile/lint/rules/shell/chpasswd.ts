import { usesOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const chpasswd: LintRule = {
  id: 'chpasswd',
  aliases: ['CKV2_DOCKER_17'],
  topic: 'shell',
  severity: 'error',
  title: 'a build sets no passwords',
  why: 'A password in a RUN is in the history of the image, its hash in /etc/shadow of every copy. Processes in a container need no login.',
  bad: 'FROM debian:12\nRUN echo "root:secret" | chpasswd',
  good: 'FROM debian:12\nUSER 65534',
  fix: 'none',
  *check(file) {
    for (const { invocation } of usesOf(file, 'chpasswd', 'passwd')) {
      const isLocked = invocation.args.some(({ text }) =>
        /^(?:-l|-d|-u|-e|-S|--lock|--delete|--unlock|--expire|--status)$/.test(text),
      );
      if (!isLocked) yield { message: 'the password is in the history of the image', span: invocation.word };
    }
  },
};
