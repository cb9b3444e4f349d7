import type { LintRule } from '../../rule.ts';

export const portRange: LintRule = {
  id: 'port-range',
  aliases: ['DL3011', 'DS-0008'],
  topic: 'image',
  severity: 'error',
  title: 'ports are numbers from 0 to 65535',
  why: 'There is no port above 65535; the build, or whatever publishes the port, ends there.',
  bad: 'FROM debian:12\nEXPOSE 80000',
  good: 'FROM debian:12\nEXPOSE 8000',
  fix: 'none',
  *check({ steps }) {
    for (const { instruction } of steps) {
      if (instruction?.kind !== 'expose') continue;
      for (const word of instruction.ports) {
        const numbers = /^["']?(\d+)(?:-(\d+))?(?:\/\w+)?["']?$/.exec(word.text)?.slice(1) ?? [];
        const wrong = numbers.find((text) => text !== undefined && Number(text) > 65_535);
        if (wrong !== undefined) yield { message: `there is no port ${wrong}`, span: word };
      }
    }
  },
};
