import { checkPage, type Rule } from '../rule.ts';

export const jsonArgsRecommended: Rule = {
  name: 'JSONArgsRecommended',
  description:
    'CMD and ENTRYPOINT are JSON lists, so that signals reach the program and not a shell; SHELL allows the other form',
  url: checkPage('json-args-recommended'),
  on: 'command',
  *check({ node, instruction, hasShell }) {
    if (instruction.kind !== 'cmd' && instruction.kind !== 'entrypoint') return;
    if (!instruction.command.isShellForm || hasShell) return;
    const name = instruction.node.keyword.text;
    const message = `JSON arguments recommended for ${name} to prevent unintended behavior related to OS signals`;
    yield { message, at: node };
  },
};
