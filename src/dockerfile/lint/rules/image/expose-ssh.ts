import { deletedLines } from '../../edits.ts';
import type { LintRule } from '../../rule.ts';

export const exposeSsh: LintRule = {
  id: 'expose-ssh',
  aliases: ['DS-0004', 'CKV_DOCKER_1'],
  topic: 'image',
  severity: 'warning',
  title: 'no image offers SSH',
  why: 'A server for logins in the image is one more program to keep up to date, with keys or passwords in the image. `exec` gives a shell in a container without it.',
  bad: 'FROM debian:12\nEXPOSE 80 22',
  good: 'FROM debian:12\nEXPOSE 80',
  fix: 'unsafe',
  changes: 'The config does not name the port.',
  *check(file) {
    for (const { instruction, node } of file.steps) {
      if (instruction?.kind !== 'expose') continue;
      for (const word of instruction.ports) {
        if (!/^["']?22(?:\/tcp)?["']?$/i.test(word.text)) continue;
        const blank = /[ \t]+$/.exec(file.dockerfile.source.text.slice(0, word.start))?.[0].length ?? 0;
        const edit =
          instruction.ports.length === 1
            ? deletedLines(file, node)
            : { start: word.start - blank, end: word.end, text: '' };
        yield {
          message: 'port 22 is that of SSH',
          span: word,
          fix: { title: 'take the port out', safety: 'unsafe', effect: 'config', edits: [edit] },
        };
      }
    }
  },
};
