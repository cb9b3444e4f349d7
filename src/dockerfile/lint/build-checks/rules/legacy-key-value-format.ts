import { checkPage, type Rule } from '../rule.ts';

export const legacyKeyValueFormat: Rule = {
  name: 'LegacyKeyValueFormat',
  description: 'ENV and LABEL take name=value',
  url: checkPage('legacy-key-value-format'),
  on: 'command',
  *check({ node, instruction, isDone }) {
    if (!isDone || (instruction.kind !== 'env' && instruction.kind !== 'label')) return;
    const name = instruction.node.keyword.text;
    for (const { delimiter } of instruction.pairs) {
      if (delimiter === '=') continue;
      yield { message: `"${name} key=value" should be used instead of legacy "${name} key value" format`, at: node };
    }
  },
};
