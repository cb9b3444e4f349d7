import type { Finding } from './build-checks/check.ts';
import type { LintFile } from './file.ts';
import type { Fix, TextEdit } from './fix.ts';

/** Puts the name that was likely meant in the place of one that nobody has declared. */
export function renamed({ message, span }: Finding, { dockerfile }: LintFile): Fix | undefined {
  const match = /variable '\$(\w+)'|argument '(\w+)'/.exec(message);
  const name = match?.[1] ?? match?.[2];
  const meant = /did you mean \$?(\w+)\?/.exec(message)?.[1];
  if (name === undefined || meant === undefined) return undefined;
  const edits: TextEdit[] = [];
  const pattern = new RegExp(`(\\$\\{?)${name}(?!\\w)`, 'g');
  for (const found of dockerfile.source.text.slice(span.start, span.end).matchAll(pattern)) {
    const start = span.start + found.index + (found[1]?.length ?? 0);
    edits.push({ start, end: start + name.length, text: meant });
  }
  return edits.length === 0 ? undefined : { title: `write ${meant}`, safety: 'unsafe', effect: 'files', edits };
}
