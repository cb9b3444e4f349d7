import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const BEGIN = '<!-- pages: made from the folder by "npm run docs" -->\n';

/**
 * `docs/formats.md` and `docs/compatibility.md` with the lists at their ends made anew from the pages of the folders
 * `docs/formats/` and `docs/compatibility/`.
 */
export function folderIndexes(root: string): Map<string, string> {
  return new Map(['formats', 'compatibility'].map((name) => [`docs/${name}.md`, withList(root, name)]));
}

function withList(root: string, name: string): string {
  const [before = ''] = readFileSync(join(root, `docs/${name}.md`), 'utf8').split(BEGIN);
  const folder = join(root, 'docs', name);
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.md')) : [];
  const rows = files.toSorted().map((file) => {
    const title = /^# (.+)$/m.exec(readFileSync(join(folder, file), 'utf8'))?.[1] ?? file.replace(/\.md$/, '');
    return `- [${title}](${name}/${file})\n`;
  });
  return `${before}${BEGIN}\n${rows.join('')}`;
}
