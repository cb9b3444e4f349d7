import type { SyntaxNode } from '../syntax/tree.ts';

/** The comment above an instruction that begins with a name, without it. */
export function descriptionIn({ comments }: SyntaxNode, name: string): string | undefined {
  const prefix = `${name} `;
  const comment = name === '' ? undefined : comments.find((line) => line.startsWith(prefix));
  return comment?.slice(prefix.length);
}
