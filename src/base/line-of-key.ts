/**
 * The line, counted from 1, where a TOML document sets a key; of the nearest table above it when the key stands in a
 * form that is not looked for (inline tables). The document has been parsed before, so it is well formed.
 */
export function lineOfKey(text: string, key: readonly string[]): number {
  let table: readonly string[] = [];
  let nearest = 1;
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\[?([^\]]+)\]/.exec(line);
    const assigned = /^\s*((?:[\w-]+|"[^"]*"|'[^']*'|\s*\.\s*)+?)\s*=/.exec(line);
    if (header !== null) table = splitKey(header[1] ?? '');
    const path = header === null && assigned !== null ? [...table, ...splitKey(assigned[1] ?? '')] : table;
    if (header === null && assigned === null) continue;
    if (startsWith(path, key)) return index + 1;
    if (startsWith(key, path) && path.length > 0) nearest = index + 1;
  }
  return nearest;
}

function splitKey(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((name, index) => path[index] === name);
}
