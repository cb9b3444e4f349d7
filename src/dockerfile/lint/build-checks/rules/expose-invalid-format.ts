import { checkPage, type Rule } from '../rule.ts';

export const exposeInvalidFormat: Rule = {
  name: 'ExposeInvalidFormat',
  description: 'EXPOSE names ports of the container; addresses and ports of the host are given when it is run',
  url: checkPage('expose-invalid-format'),
  on: 'command',
  *check({ node, instruction, expansions }) {
    if (instruction.kind !== 'expose') return;
    for (const word of instruction.ports) {
      for (const port of expansions.get(word)?.words ?? []) {
        if (!port.includes(':')) continue;
        const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`;
        yield { message, at: node, span: word };
      }
    }
  },
};
