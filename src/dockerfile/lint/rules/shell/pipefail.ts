import type { LintStage, Step } from '../../file.ts';
import { insertion } from '../../fix.ts';
import { scriptsOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

/** Programs that read their input to its end, so that the one before does not die of it. */
const READS_ALL: ReadonlySet<string> = new Set([
  'tar',
  'bsdtar',
  'sh',
  'bash',
  'gpg',
  'apt-key',
  'tee',
  'gunzip',
  'gzip',
  'xz',
  'unxz',
  'bzip2',
  'zstd',
  'jq',
  'sort',
  'wc',
  'base64',
  'sha256sum',
  'md5sum',
  'sed',
  'tr',
  'cpio',
  'patch',
  'xargs',
  'debconf-set-selections',
  'chpasswd',
  'bunzip2',
  'openssl',
  'rev',
  'cut',
  'sudo',
  'cat',
]);
/** Programs that fail of themselves in daily use, or write without an end. */
const FAILS_OFTEN: ReadonlySet<string> = new Set(['yes', 'grep', 'egrep', 'diff', 'ps', '']);
/** Images with bash at /bin/bash. */
const HAS_BASH =
  /^(?:docker\.io\/)?(?:library\/)?(?:debian|ubuntu|node|python|golang|ruby|php|rust|openjdk|eclipse-temurin|buildpack-deps|fedora|centos|rockylinux|almalinux|maven|gradle|perl|nginx|httpd|postgres|mysql|redis)(?::|@|$)/;

export const pipefail: LintRule = {
  id: 'pipefail',
  aliases: ['DL4006'],
  topic: 'shell',
  severity: 'warning',
  title: 'a pipe fails when any part of it fails',
  why: 'A shell looks at the last program of a pipe only: when curl fails in `curl … | tar x`, the step goes on with what there is, and so does the build. `-o pipefail` lets the whole fail.',
  bad: 'FROM debian:12\nRUN curl -fsSL https://example.com/a.tgz | tar -xz -C /opt',
  good: 'FROM debian:12\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN curl -fsSL https://example.com/a.tgz | tar -xz -C /opt',
  fix: 'safe',
  changes:
    'The config names the shell. Where a part of a pipe may well fail, or bash may be missing, the fix is an unsafe one.',
  *check(file) {
    const mended = new Set<LintStage | undefined>();
    for (const { step, script } of scriptsOf(file)) {
      for (const { names, hasPipefail, start, end } of script.pipelines) {
        if (hasPipefail || names.slice(0, -1).every((name) => /^(?:echo|printf|cat)$/.test(name))) continue;
        const span = { start, end };
        const message = `a failure of ${names[0] === '' ? 'its first part' : names[0]} is not noticed`;
        const image = step.stage?.rootImage ?? '';
        const isAlpine = /(?:^|[/:-])(?:alpine|busybox)/.test(image);
        const isCalm = script.pipelines.every(
          (one) =>
            one.names.slice(1).every((name) => READS_ALL.has(name)) && !one.names.some((name) => FAILS_OFTEN.has(name)),
        );
        const canMend =
          !step.isTrigger &&
          !script.isHeredoc &&
          script.form === 'shell' &&
          step.before.shell === undefined &&
          !mended.has(step.stage);
        if (!canMend) {
          yield { message, span };
          continue;
        }
        mended.add(step.stage);
        const shell = isAlpine ? '/bin/ash' : '/bin/bash';
        const text = `SHELL ["${shell}", "-o", "pipefail", "-c"]\n`;
        // The shell is that of all later steps of the stage, so that their pipes count as well.
        const isSafe = (isAlpine || HAS_BASH.test(image)) && isCalm && areCalm(step);
        yield {
          message,
          span,
          fix: {
            title: 'let pipes fail',
            safety: isSafe ? 'safe' : 'unsafe',
            effect: 'config',
            edits: [insertion(step.node.start, text)],
          },
        };
      }
    }
  },
};

/** True where no later step of the stage has a pipe that may fail, and no command in shell form that would get another shell. */
function areCalm(step: Step): boolean {
  const later = step.stage?.steps.filter(({ node }) => node.start > step.node.start) ?? [];
  return later.every(
    ({ name, node, script }) =>
      !(['cmd', 'entrypoint', 'healthcheck'].includes(name) && node.body.kind !== 'json') &&
      (script?.pipelines ?? []).every(
        (one) =>
          one.names.slice(1).every((program) => READS_ALL.has(program)) &&
          !one.names.some((program) => FAILS_OFTEN.has(program)),
      ),
  );
}
