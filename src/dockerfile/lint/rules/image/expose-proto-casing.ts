import { type Fix, replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const exposeProtoCasing: LintRule = {
  id: 'expose-proto-casing',
  aliases: ['ExposeProtoCasing'],
  topic: 'image',
  severity: 'style',
  title: 'the protocol of a port is in lower case',
  why: 'The config holds `80/tcp` whatever is written; a search for the port should find both.',
  bad: 'FROM debian:12\nEXPOSE 80/TCP',
  good: 'FROM debian:12\nEXPOSE 80/tcp',
  fix: 'safe',
  *check({ steps }) {
    for (const { instruction } of steps) {
      if (instruction?.kind !== 'expose') continue;
      for (const word of instruction.ports) {
        const slash = word.text.lastIndexOf('/');
        const protocol = word.text.slice(slash + 1);
        if (slash === -1 || protocol.includes('$') || protocol === protocol.toLowerCase()) continue;
        const span = { start: word.end - protocol.length, end: word.end };
        const fix: Fix = {
          title: `write ${protocol.toLowerCase()}`,
          safety: 'safe',
          effect: 'none',
          edits: [replacement(span, protocol.toLowerCase())],
        };
        yield { message: `${protocol} is not in lower case`, span, fix };
      }
    }
  },
};
