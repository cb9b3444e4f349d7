import { insecureVariable } from '../../insecure.ts';
import type { LintRule } from '../../rule.ts';

export const pythonHttps: LintRule = insecureVariable({
  id: 'python-https',
  aliases: ['CKV2_DOCKER_5'],
  topic: 'languages',
  title: 'programs of Python check certificates',
  why: 'PYTHONHTTPSVERIFY=0 turns the check off for every connection of every program of Python in the image, also when it runs.',
  bad: 'FROM python:3.13\nENV PYTHONHTTPSVERIFY=0\nRUN make',
  good: 'FROM python:3.13\nRUN make',
  variable: 'PYTHONHTTPSVERIFY',
  values: /^0$/,
  says: 'every connection of Python goes to whoever answers',
});
