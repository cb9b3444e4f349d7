import type { LintRule } from '../../rule.ts';

const SYSTEM =
  /^\/(?:proc|sys|dev|boot|etc|bin|sbin|lib|lib64|lib32|usr|usr\/(?:bin|sbin|lib|lib64)|run|root\/\.ssh)?(?:\/|$)/;
const DEEP = /^\/(?:proc|sys|dev|boot|bin|sbin|lib|lib64)(?:\/|$)|^\/(?:etc|run|usr|usr\/(?:bin|sbin|lib|lib64))\/?$/;

export const workdirSystemDir: LintRule = {
  id: 'workdir-system-dir',
  aliases: ['DS-0030'],
  topic: 'files',
  severity: 'error',
  title: 'WORKDIR is no directory of the system',
  why: 'What a program writes to its working directory then lies among the files of the system, or on file systems of the kernel, which are mounted over what the image has there.',
  bad: 'FROM debian:12\nWORKDIR /proc/self',
  good: 'FROM debian:12\nWORKDIR /srv/app',
  fix: 'none',
  *check({ steps }) {
    for (const { instruction } of steps) {
      if (instruction?.kind !== 'workdir') continue;
      const path = instruction.path.text.replace(/^["']|["']$/g, '');
      if (SYSTEM.test(path) && DEEP.test(path))
        yield { message: `${path} belongs to the system`, span: instruction.path };
    }
  },
};
