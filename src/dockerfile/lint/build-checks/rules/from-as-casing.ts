import { argumentsOf } from '../../../syntax/tree.ts';
import { checkPage, type Rule } from '../rule.ts';

export const fromAsCasing: Rule = {
  name: 'FromAsCasing',
  description: 'AS is written as FROM is: both in capitals, or both not',
  url: checkPage('from-as-casing'),
  on: 'node',
  *check(node) {
    const [, as, name] = node.name === 'from' ? argumentsOf(node.body) : [];
    if (as === undefined || name === undefined) return;
    const from = node.keyword.text;
    const isLower = from === from.toLowerCase();
    // One that is mixed in itself is told by ConsistentInstructionCasing.
    if (!isLower && from !== from.toUpperCase()) return;
    if (as.text === (isLower ? as.text.toLowerCase() : as.text.toUpperCase())) return;
    yield { message: `'${as.text}' and '${from}' keywords' casing do not match`, at: node, span: as };
  },
};
