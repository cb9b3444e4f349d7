import { insecure } from '../../insecure.ts';
import type { LintRule } from '../../rule.ts';

export const apkInsecure: LintRule = insecure({
  id: 'apk-insecure',
  aliases: ['CKV2_DOCKER_7'],
  topic: 'packages',
  title: 'apk checks signatures',
  why: '`--allow-untrusted` installs packages that nobody known has signed. The key of a repository of your own belongs into /etc/apk/keys.',
  bad: 'FROM alpine:3.22\nRUN apk add --no-cache --allow-untrusted app.apk',
  good: 'FROM alpine:3.22\nRUN apk add --no-cache app.apk',
  programs: ['apk'],
  options: /^--allow-untrusted$/,
  says: () => '--allow-untrusted installs packages that nobody has signed',
});
