import { mergeRuns } from '../../edits.ts';
import type { Fix } from '../../fix.ts';
import { hasMountAt } from '../../look.ts';
import type { LintRule } from '../../rule.ts';
import type { Step } from '../../file.ts';
import type { Invocation } from '../../../shell/script.ts';

export const updateAlone: LintRule = {
  id: 'update-alone',
  aliases: ['DS-0017', 'CKV_DOCKER_5'],
  topic: 'packages',
  severity: 'warning',
  title: 'the index is fetched in the step that installs',
  why: 'A step of its own is taken from the cache next time, with an index that is weeks old: the install below it then asks for versions that the server does not have any more.',
  bad: 'FROM debian:12\nRUN apt-get update\nRUN apt-get install -y curl',
  good: 'FROM debian:12\nRUN apt-get update \\\n    && apt-get install -y curl',
  fix: 'safe',
  *check(file) {
    for (const [index, step] of file.steps.entries()) {
      const update = callOf(step, UPDATE);
      if (update === undefined || callOf(step, INSTALL) !== undefined || hasMountAt(step, ...CACHES)) continue;
      const next = file.steps[index + 1];
      const installs = next !== undefined && next.stage === step.stage && callOf(next, INSTALL) !== undefined;
      const edits = installs ? (mergeRuns(file, step, next) ?? []) : [];
      const fix: Fix = { title: 'join it with the step that installs', safety: 'safe', effect: 'none', edits };
      yield {
        message: 'the index that this fetches is of the day when the step was cached',
        span: update,
        ...(edits.length === 0 ? {} : { fix }),
      };
    }
  },
};

/** The first call of a step whose program and verb are meant. */
function callOf({ script }: Step, what: RegExp): Invocation | undefined {
  return script?.invocations.find(({ name, args }) =>
    what.test(`${name} ${args.find(({ text }) => !text.startsWith('-'))?.text ?? ''}`),
  );
}

/** Mounts at which an index outlives its step. */
const CACHES = ['/var/lib/apt', '/var/cache/apk', '/etc/apk/cache', '/var/cache/yum', '/var/cache/dnf'];
const UPDATE = /^(?:apt|apt-get|aptitude|apk) update$|^(?:yum|dnf|microdnf) makecache$|^zypper (?:refresh|ref)$/;
const INSTALL =
  /^(?:apt|apt-get|aptitude) (?:install|upgrade|dist-upgrade|full-upgrade|build-dep|satisfy|download|source)$|^apk (?:add|upgrade|fetch)$|^(?:yum|dnf|microdnf|zypper) (?:install|in|update|up|upgrade|localinstall|groupinstall)$/;
