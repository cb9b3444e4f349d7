import { insecure } from '../../insecure.ts';
import type { LintRule } from '../../rule.ts';

export const curlInsecure: LintRule = insecure({
  id: 'curl-insecure',
  aliases: ['CKV2_DOCKER_2'],
  topic: 'shell',
  title: 'curl checks certificates',
  why: 'With `-k` curl takes a file from whoever answers in the name of the host. A certificate of your own belongs into the image, or behind `--cacert`.',
  bad: 'FROM debian:12\nRUN curl -fsSLk https://example.com/a -o /a',
  good: 'FROM debian:12\nRUN curl -fsSL https://example.com/a -o /a',
  programs: ['curl'],
  options: /^(?:--insecure|-[a-zA-Z]*k[a-zA-Z]*)$/,
  says: (option) => `with ${option} curl takes a file from whoever answers`,
  without: (option) => (option.startsWith('--') || option === '-k' ? '' : option.replace('k', '')),
});
