/**
 * `npm run docs`: writes `docs/cli/` from the command table, `docs/lint/rules/` from the rules, and the lists that are made from what is there: the pages of
 * `docs/formats/` and `docs/compatibility/`, the tests in `docs/reliability.md`. With `--check` it only says what is stale.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cliPages } from './docs/cli-pages.ts';
import { folderIndexes } from './docs/folder-index.ts';
import { lintPages } from './docs/lint-pages.ts';
import { reliabilityPage } from './docs/reliability-table.ts';

const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');

const pages = new Map([...(await cliPages()), ...lintPages(), ...folderIndexes(root), ...reliabilityPage(root)]);
const stale = [...pages].filter(([path, text]) => !existsSync(join(root, path)) || read(path) !== text);
const left = ['docs/cli', 'docs/lint/rules'].flatMap((folder) =>
  readdirSync(ensureFolder(join(root, folder))).map((name) => `${folder}/${name}`),
);
const orphans = left.filter((path) => !pages.has(path));

if (check) {
  const names = [...stale.map(([path]) => path), ...orphans];
  for (const name of names) console.error(`out of date: ${name}`);
  process.exit(names.length === 0 ? 0 : 1);
}
for (const [path, text] of stale) {
  ensureFolder(dirname(join(root, path)));
  writeFileSync(join(root, path), text);
  console.log(`wrote ${path}`);
}
for (const path of orphans) {
  rmSync(join(root, path));
  console.log(`removed ${path}`);
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function ensureFolder(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}
