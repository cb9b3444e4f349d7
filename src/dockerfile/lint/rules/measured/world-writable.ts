import { exampleRecord } from '../../measured.ts';
import { newRights } from '../../rights.ts';
import type { LintRule } from '../../rule.ts';

export const worldWritable: LintRule = {
  id: 'world-writable',
  aliases: [],
  topic: 'measured',
  severity: 'info',
  title: 'a step leaves nothing that everybody may write',
  why: 'What everybody may write, every process in a container can replace: programs, settings, what is served. `chmod 777` is mostly more than is needed; the user that the container runs as can be the owner. Directories with the sticky bit, as /tmp is, are left alone. The rule reads the record of the last build and tells what was not so below.',
  bad: 'FROM debian:12\nCOPY . /srv\nRUN chmod -R 777 /srv',
  good: 'FROM debian:12\nCOPY --chown=www-data . /srv',
  fix: 'none',
  record: exampleRecord({ line: 3, rights: [{ path: '/srv', kind: 'world-writable' }] }),
  check: (file) => newRights(file, ['world-writable'], 'may be written by everybody'),
};
