import { checkPage, type Rule } from '../rule.ts';

export const multipleInstructionsDisallowed: Rule = {
  name: 'MultipleInstructionsDisallowed',
  description: 'a stage has one CMD, one ENTRYPOINT, one HEALTHCHECK: of several only the last one counts',
  url: checkPage('multiple-instructions-disallowed'),
  on: 'command',
  *check({ node, instruction, overridden }) {
    if (overridden === undefined) return;
    const name = instruction.node.keyword.text;
    const message = `Multiple ${name} instructions should not be used in the same stage because only the last one will be used`;
    // The one that counts for nothing is shown, and the comment may stand above either.
    yield { message, at: overridden, causedBy: node };
  },
};
