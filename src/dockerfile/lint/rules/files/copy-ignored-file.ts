import { buildCheck } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const copyIgnoredFile: LintRule = buildCheck(
  {
    id: 'copy-ignored-file',
    aliases: [],
    topic: 'files',
    severity: 'error',
    title: 'COPY takes no file that the ignore file leaves out',
    why: 'What `.dockerignore` leaves out of the context is not there for COPY and ADD either; the build ends with "not found" though the file lies in the folder.',
    bad: 'FROM debian:12\nCOPY dist /app/',
    good: 'FROM debian:12\nCOPY src /app/',
    ignorePatterns: ['dist'],
    fix: 'none',
  },
  'CopyIgnoredFile',
);
