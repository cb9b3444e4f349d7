import type { SyntaxNode } from '../../../syntax/tree.ts';
import { checkPage, type Rule } from '../rule.ts';

/** Instructions before the first FROM do not count, as in the reference. */
export const consistentInstructionCasing: Rule = {
  name: 'ConsistentInstructionCasing',
  description: 'all instructions of a file are in capitals, or none is',
  url: checkPage('consistent-instruction-casing'),
  on: 'stages',
  *check({ dockerfile }) {
    const nodes = dockerfile.stages.flatMap(({ from, commands }) => [from.node, ...commands.map(({ node }) => node)]);
    const lower = nodes.filter(isLower).length;
    const upper = nodes.filter((node) => !isLower(node) && isUpper(node)).length;
    const wanted = lower > upper ? { fits: isLower, name: 'lowercase' } : { fits: isUpper, name: 'uppercase' };
    for (const node of nodes) {
      if (wanted.fits(node)) continue;
      const message = `Command '${node.keyword.text}' should match the case of the command majority (${wanted.name})`;
      yield { message, at: node, span: node.keyword };
    }
  },
};

function isLower({ keyword }: SyntaxNode): boolean {
  return keyword.text === keyword.text.toLowerCase();
}

function isUpper({ keyword }: SyntaxNode): boolean {
  return keyword.text === keyword.text.toUpperCase();
}
