import { insecure } from '../../insecure.ts';
import type { LintRule } from '../../rule.ts';

export const wgetInsecure: LintRule = insecure({
  id: 'wget-insecure',
  aliases: ['CKV2_DOCKER_3'],
  topic: 'shell',
  title: 'wget checks certificates',
  why: 'With `--no-check-certificate` wget takes a file from whoever answers in the name of the host. A certificate of your own belongs into the image, or behind `--ca-certificate`.',
  bad: 'FROM debian:12\nRUN wget -q --no-check-certificate https://example.com/a',
  good: 'FROM debian:12\nRUN wget -q https://example.com/a',
  programs: ['wget'],
  options: /^--no-check-certificate$/,
  says: (option) => `with ${option} wget takes a file from whoever answers`,
});
