import { insecure } from '../../insecure.ts';
import type { LintRule } from '../../rule.ts';

export const aptInsecure: LintRule = insecure({
  id: 'apt-insecure',
  aliases: ['CKV2_DOCKER_8', 'CKV2_DOCKER_11'],
  topic: 'packages',
  title: 'apt checks signatures',
  why: '`--allow-unauthenticated` and `--force-yes` install what nobody has signed: whoever answers for the mirror decides what is in the image.',
  bad: 'FROM debian:12\nRUN apt-get install -y --allow-unauthenticated curl',
  good: 'FROM debian:12\nRUN apt-get install -y curl',
  programs: ['apt-get', 'apt', 'aptitude'],
  options: /^(?:--allow-unauthenticated|--force-yes|--allow-insecure-repositories)(?:=(?:true|1|yes))?$/,
  says: (option) => `${option} installs packages that nobody has signed`,
});
