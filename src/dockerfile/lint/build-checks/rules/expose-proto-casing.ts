import { checkPage, type Rule } from '../rule.ts';

export const exposeProtoCasing: Rule = {
  name: 'ExposeProtoCasing',
  description: 'the protocol of a port is in lower case',
  url: checkPage('expose-proto-casing'),
  on: 'command',
  *check({ node, instruction, expansions }) {
    if (instruction.kind !== 'expose') return;
    for (const word of instruction.ports) {
      for (const port of expansions.get(word)?.words ?? []) {
        const protocol = port.slice(port.indexOf('/') + 1);
        if (!port.includes('/') || protocol === protocol.toLowerCase()) continue;
        yield { message: `Defined protocol '${port}' in EXPOSE instruction should be lowercase`, at: node, span: word };
      }
    }
  },
};
