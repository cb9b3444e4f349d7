import type { ImageDiff } from '../../engine/index.ts';
import { humanSize, shortDigest } from '../output/human.ts';
import { formatTable } from '../output/table.ts';
import { displayLine } from '../output/text-width.ts';

/** Two images side by side, for people: size, config, then a line for each file. */
export function formatImageDiff(diff: ImageDiff): string {
  const { before, after, files } = diff;
  const head = formatTable([
    ['IMAGE', 'ID', 'SIZE', 'LAYERS'],
    ...[before, after].map(({ name, id, sizeBytes, layers }) => [
      name,
      shortDigest(id),
      humanSize(sizeBytes),
      String(layers),
    ]),
  ]);
  const change = after.sizeBytes - before.sizeBytes;
  const size = `size ${change < 0 ? '-' : '+'}${humanSize(Math.abs(change))}; ${diff.sharedLayers} layers shared\n`;
  const config = diff.config.map(
    ({ field, before: was, after: is }) => `${field}: ${shown(was, 'not set')} → ${shown(is, 'not set')}\n`,
  );
  // A directory gets another time by every file that is added to it.
  const changed = files.changed.filter(
    ({ kind, differs }) => kind !== 'directory' || differs.some((d) => d !== 'time'),
  );
  const lines = [
    ...files.added.map((file) => ({ ...file, letter: 'A', note: sizeOf(file) })),
    ...changed.map((file) => ({ ...file, letter: 'C', note: ` (${file.differs.join(', ')}${sizes(file)})` })),
    ...files.removed.map((file) => ({ ...file, letter: 'D', note: sizeOf(file) })),
  ].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return [
    `${head}${size}`,
    section(
      `packages: ${diff.packages.length} changed`,
      diff.packages.map(
        ({ name, before: was, after: is }) => `${displayLine(name)}: ${shown(was, 'none')} → ${shown(is, 'none')}\n`,
      ),
    ),
    section('config', config),
    section(
      `files: ${files.added.length} added, ${changed.length} changed, ${files.removed.length} deleted`,
      lines.map(
        ({ letter, path, note }) => `${letter} ${displayLine(Buffer.from(path, 'latin1').toString())}${note}\n`,
      ),
    ),
  ].join('');
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\n${title}\n${lines.join('')}`;
}

function shown(text: string | undefined, absent: string): string {
  return text === undefined ? absent : displayLine(text);
}

function sizeOf({ kind, sizeBytes }: ImageDiff['files']['added'][number]): string {
  return kind === 'file' ? ` (${humanSize(sizeBytes)})` : '';
}

function sizes({ sizeBytes, sizeBytesBefore }: ImageDiff['files']['changed'][number]): string {
  return sizeBytes === sizeBytesBefore ? '' : `; ${humanSize(sizeBytesBefore)} → ${humanSize(sizeBytes)}`;
}
