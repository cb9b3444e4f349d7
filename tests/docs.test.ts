import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { KEYS } from '../src/cli/explorer/pages/help.ts';
import { parseFragment } from '../scripts/changes/fragment.ts';
import { cliPages } from '../scripts/docs/cli-pages.ts';
import { lintPages } from '../scripts/docs/lint-pages.ts';
import { folderIndexes } from '../scripts/docs/folder-index.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('generated pages', () => {
  test('docs/cli is what the command table says (else: npm run docs)', async () => {
    const pages = await cliPages();
    for (const [path, text] of pages) assert.ok(existsSync(join(root, path)) && read(path) === text, path);
    assert.deepEqual(
      readdirSync(join(root, 'docs/cli')).filter((name) => !pages.has(`docs/cli/${name}`)),
      [],
    );
  });

  test('docs/lint/rules is what the rules say (else: npm run docs)', () => {
    const pages = lintPages();
    for (const [path, text] of pages) assert.ok(existsSync(join(root, path)) && read(path) === text, path);
    const left = readdirSync(join(root, 'docs/lint/rules')).filter((name) => !pages.has(`docs/lint/rules/${name}`));
    assert.deepEqual(left, []);
  });

  test('docs/formats.md and docs/compatibility.md list their pages (else: npm run docs)', () => {
    for (const [path, text] of folderIndexes(root)) assert.equal(read(path), text);
  });
});

describe('docs/reliability.md', () => {
  const rows = [...read('docs/reliability.md').matchAll(/^\| (F-\d{3}) \| ([^|]*) \| `([^`|]+)` \|$/gm)].map(
    ([, id = '', , file = '']) => ({ id, file }),
  );
  const tests = globSync(['src/**/*.test.ts', 'src/**/*.contract.ts', 'tests/**/*.test.ts'], { cwd: root });
  const named = new Set(
    tests.flatMap((file) =>
      [...read(file).matchAll(/['"`](F-\d{3}(?:, F-\d{3})*)\b/g)].flatMap(([, ids = '']) =>
        ids.split(', ').map((id) => `${id} ${file}`),
      ),
    ),
  );

  test('every row names a file with a test of that row', () => {
    const wrong = rows.filter(({ id, file }) => !named.has(`${id} ${file}`));
    assert.deepEqual(wrong, []);
  });
});

test('docs/explore-terminal.md tells the keys that the help of shale explore tells', () => {
  const rows = KEYS.flatMap(({ title, keys }) => [
    `### ${title}`,
    ...keys.map(({ keys: names, does }) => `| ${names} | ${does} |`),
  ]);
  const page = read('docs/explore-terminal.md');
  const told = page.slice(page.indexOf('\n## Keys')).split('\n');
  assert.deepEqual(
    told.filter((line) => /^(###|\|) /.test(line) && line !== '| keys | do |'),
    rows,
  );
});

test('every fragment of changes/unreleased can be read', () => {
  for (const name of readdirSync(join(root, 'changes/unreleased')).filter((one) => one.endsWith('.md'))) {
    assert.doesNotThrow(() => parseFragment(read(`changes/unreleased/${name}`), name));
  }
});

test('relative links of the documentation lead somewhere', () => {
  const pages = globSync(['*.md', 'docs/**/*.md', 'changes/*.md'], { cwd: root });
  const broken = pages.flatMap((page) =>
    [
      ...read(page)
        .replaceAll(/```[^]*?```/g, '')
        .matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g),
    ]
      .map(([, link = '']) => link)
      .filter((link) => !existsSync(join(root, dirname(page), link)))
      .map((link) => `${page}: ${link}`),
  );
  assert.deepEqual(broken, []);
});
