import type { LintStage, Step } from '../../file.ts';
import type { Script } from '../../../shell/script.ts';
import { insertion, type Fix } from '../../fix.ts';
import { hasBusybox, hasGnuPrograms } from '../../images.ts';
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
    'The config names the shell. Where a part of a pipe may well fail, bash may be missing, or it reads a later step in another way, the fix is an unsafe one.',
  *check(file) {
    const mended = new Set<LintStage | undefined>();
    for (const { step, script } of scriptsOf(file)) {
      for (const { names, hasPipefail, start, end } of script.pipelines) {
        if (hasPipefail || names.slice(0, -1).every((name) => /^(?:echo|printf|cat)$/.test(name))) continue;
        const message = `a failure of ${names[0] === '' ? 'its first part' : names[0]} is not noticed`;
        const fix = mended.has(step.stage) ? undefined : shellFix(step, script);
        if (fix !== undefined) mended.add(step.stage);
        yield { message, span: { start, end }, ...(fix === undefined ? {} : { fix }) };
      }
    }
  },
};

/** A SHELL above the step: it is that of all steps of the stage that follow, so that these count as well. */
function shellFix(step: Step, script: Script): Fix | undefined {
  if (step.isTrigger || script.isHeredoc || script.form !== 'shell' || step.before.shell !== undefined)
    return undefined;
  const image = step.stage?.rootImage ?? '';
  const isAlpine = hasBusybox(image);
  const following = step.stage?.steps.filter(({ node }) => node.start >= step.node.start) ?? [];
  const isSafe = isAlpine
    ? following.every(isCalm)
    : hasGnuPrograms(image) && following.every((one) => isCalm(one) && isSameInBash(one));
  const text = `SHELL ["${isAlpine ? '/bin/ash' : '/bin/bash'}", "-o", "pipefail", "-c"]\n`;
  return {
    title: 'let pipes fail',
    safety: isSafe ? 'safe' : 'unsafe',
    effect: 'config',
    edits: [insertion(step.node.start, text)],
  };
}

/** True where no part of a pipe fails of itself, and no command of the image would get another shell. */
function isCalm({ name, node, script }: Step): boolean {
  if (['cmd', 'entrypoint', 'healthcheck'].includes(name) && node.body.kind !== 'json') return false;
  return (script?.pipelines ?? []).every(
    ({ names }) => names.slice(1).every((one) => READS_ALL.has(one)) && !names.some((one) => FAILS_OFTEN.has(one)),
  );
}

/** False for text that bash reads in another way than a plain shell: escapes of echo, braces, its own quotes and patterns. */
function isSameInBash({ script }: Step): boolean {
  return script === undefined || !/\\[^\n]|\{[^}\s]*[,.]|\$['"]|[?*+@!]\(|~[+-]/.test(script.text);
}
