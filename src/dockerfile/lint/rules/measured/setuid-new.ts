import { exampleRecord } from '../../measured.ts';
import { newRights } from '../../rights.ts';
import type { LintRule } from '../../rule.ts';

export const setuidNew: LintRule = {
  id: 'setuid-new',
  aliases: [],
  topic: 'measured',
  severity: 'info',
  title: 'a step brings no files that run with the rights of their owner',
  why: 'A setuid or setgid program gives whoever starts it the rights of its owner, mostly root, also in a container that runs as another user. Few images need one; packages bring them along. The rule reads the record of the last build and tells those that were not there below.',
  bad: 'FROM debian:12\nCOPY tool /usr/local/bin/\nRUN chmod u+s /usr/local/bin/tool',
  good: 'FROM debian:12\nCOPY tool /usr/local/bin/',
  fix: 'none',
  record: exampleRecord({ line: 3, rights: [{ path: '/usr/local/bin/tool', kind: 'setuid' }] }),
  check: (file) => newRights(file, ['setuid', 'setgid'], 'run with the rights of their owner or group'),
};
