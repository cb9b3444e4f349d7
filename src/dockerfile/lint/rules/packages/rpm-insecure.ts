import { insecure } from '../../insecure.ts';
import type { LintRule } from '../../rule.ts';

export const rpmInsecure: LintRule = insecure({
  id: 'rpm-insecure',
  aliases: ['CKV2_DOCKER_9', 'CKV2_DOCKER_10', 'CKV2_DOCKER_15'],
  topic: 'packages',
  title: 'yum, dnf, zypper and rpm check signatures',
  why: '`--nogpgcheck`, `--nosignature`, `--no-gpg-checks` and `sslverify=0` install what nobody has signed, or from whoever answers: the mirror decides what is in the image.',
  bad: 'FROM fedora:42\nRUN dnf install -y --nogpgcheck httpd',
  good: 'FROM fedora:42\nRUN dnf install -y httpd',
  programs: ['yum', 'dnf', 'microdnf', 'dnf5', 'zypper', 'rpm', 'tdnf'],
  options:
    /^(?:--nogpgcheck|--no-gpgcheck|--no-gpg-checks|--nosignature|--nodigest|--allow-unsigned-rpm|--setopt=(?:\S+\.)?(?:sslverify|gpgcheck)=(?:0|false|no)|--gpg-auto-import-keys)$/,
  says: (option) => `${option} takes packages without a check of who made them`,
});
