import { invariant } from '../../base/index.ts';
import type { Dockerfile } from './dockerfile.ts';
import type { SyntaxNode } from './tree.ts';

/** Lines of a file that belong together: those of one instruction with its heredocs, or those between two. */
export interface Piece {
  /** Absent for comments, empty lines and what could not be read. */
  readonly node?: SyntaxNode;
  /** Counted from 1, both included. */
  readonly firstLine: number;
  readonly lastLine: number;
}

/** The file as pieces: every line is in exactly one of them, in the order of the file. */
export function piecesOf({ source, nodes }: Pick<Dockerfile, 'source' | 'nodes'>): Piece[] {
  const pieces: Piece[] = [];
  let next = 1;
  for (const node of nodes) {
    invariant(node.firstLine >= next && node.lastLine >= node.firstLine, 'instructions stand one after the other');
    if (node.firstLine > next) pieces.push({ firstLine: next, lastLine: node.firstLine - 1 });
    pieces.push({ node, firstLine: node.firstLine, lastLine: node.lastLine });
    next = node.lastLine + 1;
  }
  const last = source.lineStarts.length;
  invariant(next <= last + 1, 'instructions end within the file');
  if (next <= last) pieces.push({ firstLine: next, lastLine: last });
  return pieces;
}

/**
 * The file's bytes, with the lines of some instructions replaced (texts end as the lines that they stand for: with a
 * newline, but at the end of a file without one). Without changes they are the bytes that were parsed, also where those
 * are no text.
 */
export function printDockerfile(
  dockerfile: Pick<Dockerfile, 'source' | 'nodes'>,
  changes: ReadonlyMap<SyntaxNode, string> = new Map(),
): Uint8Array {
  const bytes = dockerfile.source.bytes ?? Buffer.from(dockerfile.source.text);
  const starts = lineStarts(bytes);
  return Buffer.concat(
    piecesOf(dockerfile).map(({ node, firstLine, lastLine }) => {
      const change = node && changes.get(node);
      return change === undefined
        ? bytes.subarray(starts[firstLine - 1], starts[lastLine] ?? bytes.length)
        : Buffer.from(change);
    }),
  );
}

/** A newline is one byte whatever stands around it, so bytes and text have the same lines. */
function lineStarts(bytes: Uint8Array): number[] {
  const starts = [0];
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) starts.push(at + 1);
  return starts;
}
