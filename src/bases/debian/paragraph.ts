import { ShaleError } from '../../base/index.ts';

/**
 * One paragraph of a Debian control file (deb822(5)): field names as written, in their order; continuation lines keep
 * their line breaks and leading blanks. Values are byte strings.
 */
export type Paragraph = ReadonlyMap<string, string>;

const PARAGRAPH_FIELDS_MAX = 500;

/** Every paragraph of a control file; comment lines (`#`) are left out. */
export function parseParagraphs(text: string): Paragraph[] {
  return text
    .replaceAll('\r\n', '\n')
    .split(/\n(?:[ \t]*\n)+/)
    .map(parseParagraph)
    .filter((paragraph) => paragraph.size > 0);
}

/**
 * Reads one paragraph.
 * @throws CONTROL_MALFORMED when a line is neither a field, a continuation, a comment nor empty.
 */
export function parseParagraph(text: string): Paragraph {
  const fields = new Map<string, string>();
  let name: string | undefined;
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (name === undefined) throw malformed(line);
      fields.set(name, `${fields.get(name) ?? ''}\n${line.trimEnd()}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0 || fields.size === PARAGRAPH_FIELDS_MAX) throw malformed(line);
    name = line.slice(0, colon);
    fields.set(name, line.slice(colon + 1).trim());
  }
  return fields;
}

/** The text of one paragraph, with a line break at its end. */
export function formatParagraph(fields: Iterable<readonly [string, string]>): string {
  let text = '';
  for (const [name, value] of fields) text += value.startsWith('\n') ? `${name}:${value}\n` : `${name}: ${value}\n`;
  return text;
}

/** The field's value, whatever the case of its name is. */
export function findField(paragraph: Paragraph, name: string): string | undefined {
  const exact = paragraph.get(name);
  if (exact !== undefined) return exact;
  const wanted = name.toLowerCase();
  for (const [each, value] of paragraph) if (each.toLowerCase() === wanted) return value;
  return undefined;
}

function malformed(line: string): ShaleError {
  const shown = JSON.stringify(line.slice(0, 100));
  return new ShaleError('CONTROL_MALFORMED', `${shown} is not a line of a Debian control file`, { data: { line } });
}
