import type { Script } from '../../../shell/script.ts';
import type { LintFile, Step } from '../../file.ts';
import type { Fix } from '../../fix.ts';
import { commandAtEnd, hasMountAt, scriptsOf } from '../../look.ts';
import { APT } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const aptCleanLists: LintRule = {
  id: 'apt-clean-lists',
  aliases: ['DL3009'],
  topic: 'packages',
  severity: 'info',
  title: 'the package lists go in the step that fetched them',
  why: 'apt-get update leaves 20-50 MB in /var/lib/apt/lists. Deleted in a later step they stay in the layer below; deleted in the same step they never get into one. A cache mount at that place does as well.',
  bad: 'FROM debian:12\nRUN apt-get update && apt-get install -y curl',
  good: 'FROM debian:12\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*',
  fix: 'safe',
  changes: 'The lists are not in the image: `apt-get install` in a container needs `apt-get update` before.',
  *check(file) {
    for (const { step, script } of scriptsOf(file)) {
      const update = script.invocations.find(
        ({ name, args }) => APT.programs.includes(name) && args.some(({ text }) => text === 'update'),
      );
      if (update === undefined || !isKept(file, step)) continue;
      if (hasMountAt(step, '/var/lib/apt', '/var/lib/apt/lists')) continue;
      if (/\/var\/lib\/apt(?:\/lists)?/.test(removed(script))) continue;
      const laterInstall = file.steps.find(
        (other) =>
          other !== step &&
          other.stage === step.stage &&
          other.node.start > step.node.start &&
          /apt(?:-get|itude)?\s+(?:-\S+\s+)*install/.test(other.node.text),
      );
      const edit =
        laterInstall === undefined ? commandAtEnd({ step, script }, 'rm -rf /var/lib/apt/lists/*') : undefined;
      const fix: Fix = {
        title: 'delete the lists',
        safety: 'safe',
        effect: 'caches',
        edits: edit === undefined ? [] : [edit],
      };
      yield { message: 'the package lists stay in the layer', span: update, ...(edit === undefined ? {} : { fix }) };
    }
  },
};

/** What the script deletes, as text. */
function removed(script: Script): string {
  return script.invocations
    .filter(({ name }) => name === 'rm' || name === 'find')
    .flatMap(({ args }) => args.map(({ text }) => text))
    .join(' ');
}

/** True where the layers of the stage get into an image: the last one, and those that it is built on. */
function isKept({ stages }: LintFile, step: Step): boolean {
  for (let stage = stages.at(-1); stage !== undefined; stage = stage.base) if (stage === step.stage) return true;
  return false;
}
