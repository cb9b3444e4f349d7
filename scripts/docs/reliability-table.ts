import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const BEGIN = '<!-- table: made from the names of tests by "npm run docs" -->\n';

/** `docs/reliability.md` with its table of fault rows made anew from the tests whose names begin with `F-…`. */
export function reliabilityPage(root: string): Map<string, string> {
  const path = 'docs/reliability.md';
  if (!existsSync(join(root, path))) return new Map();
  const text = readFileSync(join(root, path), 'utf8');
  const [before = ''] = text.split(BEGIN);
  const rows = faultTests(root).map(({ id, says, file }) => `| ${id} | ${says} | \`${file}\` |\n`);
  return new Map([[path, `${before}${BEGIN}\n| row | what is shown | test |\n|---|---|---|\n${rows.join('')}`]]);
}

/** A string that begins with one row or several: `F-123, F-124: sentence`. */
const NAME = /(['"`])(F-\d{3}(?:, F-\d{3})*)\b:?\s*((?:(?!\1).)*)/g;

interface FaultTest {
  readonly id: string;
  readonly says: string;
  readonly file: string;
}

/** One entry for each row and file, with the sentence of its first test. */
function faultTests(root: string): FaultTest[] {
  const files = globSync(['src/**/*.test.ts', 'src/**/*.contract.ts', 'tests/**/*.test.ts'], { cwd: root });
  const found = new Map<string, FaultTest>();
  for (const file of files.toSorted()) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, , ids = '', says = ''] of text.matchAll(NAME)) {
      for (const id of ids.split(', '))
        if (!found.has(`${id} ${file}`)) found.set(`${id} ${file}`, { id, says: clean(says), file });
    }
  }
  return [...found.values()].toSorted((a, b) => (a.id + a.file < b.id + b.file ? -1 : 1));
}

function clean(text: string): string {
  return text
    .replaceAll(/\$\{[^}]*\}/g, '…')
    .replaceAll('\\', '')
    .replaceAll('|', '/')
    .trim();
}
