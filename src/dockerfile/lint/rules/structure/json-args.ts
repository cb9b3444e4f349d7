import { jsonList, plainWords } from '../../edits.ts';
import { type Fix, replacement } from '../../fix.ts';
import { bodyLine } from '../../read-file.ts';
import type { LintRule } from '../../rule.ts';

export const jsonArgs: LintRule = {
  id: 'json-args',
  aliases: ['JSONArgsRecommended', 'DL3025'],
  topic: 'structure',
  severity: 'warning',
  title: 'CMD and ENTRYPOINT are JSON lists',
  why: 'The other form starts `/bin/sh -c`, and the program becomes its child: `stop` sends SIGTERM to the shell, which does not hand it on, so that the program is killed ten seconds later. ENTRYPOINT in shell form also drops the arguments of `run`. SHELL in the file says that a shell is wanted.',
  bad: 'FROM node:22\nCMD node server.js',
  good: 'FROM node:22\nCMD ["node", "server.js"]',
  fix: 'safe',
  changes: 'The command in the config. Where a shell is needed for it the fix is an unsafe one, and names the shell.',
  *check({ steps }) {
    for (const { node, name, instruction, before, stage, isTrigger } of steps) {
      if (instruction?.kind !== 'cmd' && instruction?.kind !== 'entrypoint') continue;
      if (!instruction.command.isShellForm || before.shell !== undefined || isTrigger) continue;
      const message = `${name.toUpperCase()} in shell form: signals reach a shell instead of the program`;
      const word = node.body.kind === 'text' ? node.body.word : undefined;
      if (word === undefined) continue;
      const words = word.text.startsWith('[') ? undefined : plainWords(bodyLine(node));
      const hasEntrypoint = stage?.steps.some((step) => step.name === 'entrypoint' && !step.isTrigger) === true;
      const isSafe = words !== undefined && (name === 'entrypoint' || !hasEntrypoint);
      const list = words ?? (name === 'entrypoint' || !hasEntrypoint ? ['/bin/sh', '-c', word.text] : undefined);
      const edits = list === undefined || word.text.startsWith('[') ? [] : [replacement(word, jsonList(list))];
      const fix: Fix = { title: 'write a JSON list', safety: isSafe ? 'safe' : 'unsafe', effect: 'config', edits };
      yield { message, span: node, ...(edits.length === 0 ? {} : { fix }) };
    }
  },
};
