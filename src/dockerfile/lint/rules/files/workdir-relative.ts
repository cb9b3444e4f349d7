import { type Fix, replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const workdirRelative: LintRule = {
  id: 'workdir-relative',
  aliases: ['WorkdirRelativePath', 'DL3000', 'DS-0009', 'CKV_DOCKER_10'],
  topic: 'files',
  severity: 'warning',
  title: 'WORKDIR is an absolute path',
  why: 'A relative WORKDIR is below the one before it, and the first of a file below that of the base image, which may change. Where the program starts should stand in the file.',
  bad: 'FROM debian:12\nWORKDIR app',
  good: 'FROM debian:12\nWORKDIR /app',
  fix: 'unsafe',
  changes:
    'The working directory is the one that is written. Below a WORKDIR of the file that is known the fix changes nothing, and is a safe one.',
  *check({ steps }) {
    for (const { instruction, before, isTrigger } of steps) {
      if (instruction?.kind !== 'workdir') continue;
      const { path } = instruction;
      if (/^["']?(?:[/\\$]|[A-Za-z]:)/.test(path.text)) continue;
      const below = before.workdir?.text;
      const isKnown = below !== undefined && below.startsWith('/') && !below.includes('$') && !isTrigger;
      const isPlain = !/["'\\]/.test(path.text) && !path.text.split('/').includes('..');
      const name = path.text.replace(/^\.\/?/, '');
      const absolute = isKnown ? `${below.replace(/\/$/, '')}/${name}`.replace(/(.)\/$/, '$1') : `/${name}`;
      const fix: Fix = {
        title: `write ${absolute}`,
        safety: isKnown ? 'safe' : 'unsafe',
        effect: isKnown ? 'none' : 'files',
        edits: [replacement(path, absolute)],
      };
      const message = isKnown ? `this is ${absolute}, but does not say so` : 'where this is depends on the base image';
      yield { message, span: path, severity: isKnown ? 'style' : 'warning', ...(isPlain ? { fix } : {}) };
    }
  },
};
