import { quote } from './characters.ts';
import { argumentsOf, type SyntaxNode } from './tree.ts';

/** The instructions as S-expressions, one a line: `(copy ["--from=a"] "x" "/x")`. The form of BuildKit's parser dumps. */
export function dumpSyntax(nodes: readonly SyntaxNode[]): string {
  return nodes.map((node) => `(${dumpNode(node)})\n`).join('');
}

function dumpNode(node: SyntaxNode): string {
  const flags = node.flags.length === 0 ? '' : ` [${node.flags.map((flag) => quote(flag.text)).join(' ')}]`;
  return `${node.name}${flags}${dumpBody(node)}`;
}

function dumpBody(node: SyntaxNode): string {
  if (node.body.kind === 'trigger') return ` (${dumpNode(node.body.node)})`;
  if (node.body.kind === 'unknown') return ' ""';
  return argumentsOf(node.body)
    .map((word) => ` ${quote(word.text)}`)
    .join('');
}
