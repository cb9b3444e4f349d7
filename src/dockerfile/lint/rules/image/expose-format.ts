import { type Fix, replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const exposeFormat: LintRule = {
  id: 'expose-format',
  aliases: ['ExposeInvalidFormat'],
  topic: 'image',
  severity: 'warning',
  title: 'EXPOSE names ports of the container only',
  why: 'Where a port is published on the machine is decided by `run -p`, not by the image: an address or a second port in EXPOSE is dropped, and a later version refuses it.',
  bad: 'FROM debian:12\nEXPOSE 127.0.0.1:8080:80',
  good: 'FROM debian:12\nEXPOSE 80',
  fix: 'safe',
  *check({ steps }) {
    for (const { instruction } of steps) {
      if (instruction?.kind !== 'expose') continue;
      for (const word of instruction.ports) {
        if (!/^[\d.:[\]a-fA-F]*:\d+(?:-\d+)?(?:\/\w+)?$/.test(word.text)) continue;
        const port = word.text.slice(word.text.lastIndexOf(':') + 1);
        const fix: Fix = { title: `write ${port}`, safety: 'safe', effect: 'none', edits: [replacement(word, port)] };
        yield {
          message: 'EXPOSE takes the port in the container, no address and no port of the machine',
          span: word,
          fix,
        };
      }
    }
  },
};
