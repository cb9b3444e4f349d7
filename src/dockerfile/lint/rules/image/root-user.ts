import { replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const rootUser: LintRule = {
  id: 'root-user',
  aliases: ['DL3002', 'DS-0002', 'CKV_DOCKER_8', 'CKV_DOCKER_3'],
  topic: 'image',
  severity: 'warning',
  title: 'the program does not run as root',
  why: 'Whoever gets into a program that runs as root has root in the container, and is one fault of the kernel away from having it on the machine. The last USER of the last stage says who runs it.',
  bad: 'FROM debian:12\nUSER root\nCMD ["app"]',
  good: 'FROM debian:12\nUSER 65534\nCMD ["app"]',
  fix: 'unsafe',
  changes: 'The program runs as nobody; what it writes has to belong to that user.',
  *check({ stages }) {
    const last = stages.at(-1);
    if (last === undefined) return;
    const { user } = last.after;
    if (user === undefined) {
      const isNobody = /nonroot|rootless|unprivileged/.test(last.rootImage);
      if (isNobody || last.from === undefined || last.rootImage.startsWith('$')) return;
      yield {
        message: 'no USER says who runs the program: it is root unless the base says otherwise',
        span: last.from.base,
        severity: 'info',
      };
    } else if (/^["']?(?:root|0)(?::|["']?$)/.test(user.text)) {
      const edits = [replacement(user.word, '65534')];
      yield {
        message: 'the program runs as root',
        span: user.word,
        fix: { title: 'let nobody run it', safety: 'unsafe', effect: 'config', edits },
      };
    }
  },
};
