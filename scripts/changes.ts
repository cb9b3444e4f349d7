/**
 * Gathers `changes/unreleased/*.md` into CHANGELOG.md for a release: `.tools/run scripts/changes.ts VERSION DATE`.
 * Without arguments it prints what the next release would say.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatRelease, parseFragment } from './changes/fragment.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'changes/unreleased');
const MARK = '<!-- releases -->\n';

const names = readdirSync(folder)
  .filter((name) => name.endsWith('.md'))
  .toSorted();
const fragments = names.map((name) => parseFragment(readFileSync(join(folder, name), 'utf8'), name));
const [version, date] = process.argv.slice(2);

if (version === undefined || date === undefined) {
  console.log(formatRelease('unreleased', 'soon', fragments));
} else {
  const file = join(root, 'CHANGELOG.md');
  const text = readFileSync(file, 'utf8');
  if (!text.includes(MARK)) throw new Error(`CHANGELOG.md has no line ${MARK}`);
  writeFileSync(file, text.replace(MARK, `${MARK}\n${formatRelease(version, date, fragments)}`));
  for (const name of names) rmSync(join(folder, name));
  console.log(`CHANGELOG.md has ${version}; ${names.length} fragments are in it`);
}
