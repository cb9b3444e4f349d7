import { argumentsOf, type SyntaxNode } from '../../../syntax/tree.ts';
import { checkPage, type Rule } from '../rule.ts';

export const invalidDefinitionDescription: Rule = {
  name: 'InvalidDefinitionDescription',
  description:
    'a comment directly above ARG or a named FROM describes it, and begins with its name; an empty comment line keeps others apart',
  url: checkPage('invalid-definition-description'),
  isExperimental: true,
  on: 'node',
  *check(node) {
    const names = definedNames(node);
    const [first, ...others] = names;
    const comment = node.comments.at(-1);
    if (first === undefined || comment === undefined || names.includes(comment.split(' ', 1)[0] ?? '')) return;
    const example = others.length === 0 ? first : '<arg_key>';
    const message = `Comment for ${node.name.toUpperCase()} should follow the format: \`# ${example} <description>\``;
    yield { message, at: node };
  },
};

function definedNames(node: SyntaxNode): string[] {
  const words = argumentsOf(node.body);
  if (node.name === 'arg') return words.map(({ text }) => text.split('=', 1)[0] ?? '');
  return node.name === 'from' && words[2] !== undefined ? [words[2].text.toLowerCase()] : [];
}
