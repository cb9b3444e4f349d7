/** What a change means for users, from one file of `changes/unreleased/`. */
export interface Fragment {
  readonly kind: 'added' | 'changed' | 'fixed';
  readonly text: string;
}

const KINDS = ['added', 'changed', 'fixed'] as const;

/**
 * Reads `kind: added`, then one sentence (which may go over several lines).
 * @throws Error naming the file.
 */
export function parseFragment(text: string, name: string): Fragment {
  const [head = '', ...rest] = text.trim().split('\n');
  const kind = KINDS.find((one) => head.trim() === `kind: ${one}`);
  if (kind === undefined) throw new Error(`${name}: the first line is "kind: added", "kind: changed" or "kind: fixed"`);
  const sentence = rest.join(' ').replaceAll(/\s+/g, ' ').trim();
  if (!/\S.*\.(\s*\(.*\))?$/.test(sentence)) throw new Error(`${name}: a sentence with a full stop follows the kind`);
  return { kind, text: sentence };
}

/** The section of a release for CHANGELOG.md (Keep a Changelog). */
export function formatRelease(version: string, date: string, fragments: readonly Fragment[]): string {
  const sections = KINDS.flatMap((kind) => {
    const lines = fragments.filter((one) => one.kind === kind).map((one) => `- ${one.text}\n`);
    return lines.length === 0 ? [] : [`### ${kind.charAt(0).toUpperCase()}${kind.slice(1)}\n\n${lines.join('')}`];
  });
  return `## [${version}] - ${date}\n\n${sections.join('\n')}`;
}
