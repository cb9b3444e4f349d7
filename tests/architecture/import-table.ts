/**
 * Reads the table "folder | is | may import" of ARCHITECTURE.md. Its last column holds folder names, `–` for none, or
 * "the above" for every folder of the rows before.
 */
export function parseImportTable(markdown: string): Map<string, Set<string>> {
  const table = new Map<string, Set<string>>();
  let inside = false;
  for (const line of markdown.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells[1] === 'folder' && cells[3] === 'may import') {
      inside = true;
    } else if (!line.startsWith('|')) {
      inside = false;
    } else if (inside && !/^-+$/.test(cells[1] ?? '')) {
      const [, folder = '', , allowed = ''] = cells;
      table.set(folder.replaceAll('`', ''), parseAllowed(allowed, [...table.keys()]));
    }
  }
  return table;
}

function parseAllowed(text: string, above: readonly string[]): Set<string> {
  if (text === '–') return new Set();
  if (text === 'the above') return new Set(above);
  return new Set(text.split(',').map((name) => name.trim()));
}
