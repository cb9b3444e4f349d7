import { fromText, humanSize } from '../../base/index.ts';
import { formatHex, type Exploration, type FileLook, type FilePlace, type TreeEntry } from '../../explore/index.ts';
import type { Flag } from '../command.ts';
import type { Context } from '../context.ts';
import { modeText } from '../output/mode-text.ts';
import { formatTable } from '../output/table.ts';
import { displayLine } from '../output/text-width.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { shownName } from '../terminal/shown-text.ts';
import { UsageError } from '../usage-error.ts';

/** Bytes of a binary file that are shown. */
const HEX_SHOWN = 4096;
const FOUND_MAX = 10_000;
const KINDS = ['cat', 'view', 'changes', 'list', 'search'] as const;

export const FILE_FLAGS: readonly Flag[] = [
  { kind: 'text', name: 'list', value: 'FOLDER', summary: 'list a folder instead' },
  {
    kind: 'text',
    name: 'search',
    value: 'TEXT',
    summary: 'list paths with this in them instead, or that match a pattern (*, ?, **)',
  },
  {
    kind: 'text',
    name: 'view',
    value: 'FILE',
    summary: 'show a file instead: text, or bytes, and what an ELF file needs',
  },
  { kind: 'text', name: 'cat', value: 'FILE', summary: 'write the bytes of a file instead' },
  {
    kind: 'text',
    name: 'changes',
    value: 'FILE',
    summary: 'show instead how a text differs from the one that it hides in the layers below',
  },
  {
    kind: 'text',
    name: 'layer',
    value: 'NUMBER',
    summary: 'for these: as it is after this layer, from 0; of --list and --search what it changes',
  },
];

export interface FileQuestion {
  readonly kind: (typeof KINDS)[number];
  readonly text: string;
  readonly layer: number | undefined;
}

/** What is asked about files; undefined where nothing is. @throws USAGE */
export function fileQuestion(flags: ParsedFlags): FileQuestion | undefined {
  const asked = KINDS.filter((kind) => flags.text(kind) !== undefined);
  const [kind] = asked;
  const layer = flags.text('layer');
  if (layer !== undefined && !/^\d{1,5}$/.test(layer))
    throw new UsageError(`--layer ${JSON.stringify(layer)} is not the number of a layer`);
  if (kind === undefined) {
    if (layer !== undefined) throw new UsageError('--layer goes with --list, --search, --view, --cat or --changes');
    return undefined;
  }
  if (asked.length > 1) throw new UsageError(`one of ${asked.map((one) => `--${one}`).join(', ')} at a time`);
  return { kind, text: flags.text(kind) ?? '', layer: layer === undefined ? undefined : Number(layer) };
}

/** @throws EXPLORE_NO_ENTRY, EXPLORE_NOT_A_FILE, and what reading throws */
export async function answerQuestion(context: Context, image: Exploration, question: FileQuestion): Promise<void> {
  const top = image.report.layers.length - 1;
  const layer = question.layer ?? top;
  if (layer > top) throw new UsageError(`--layer ${layer}: the layers are numbered from 0 to ${top}`);
  const scope = { from: question.layer ?? 0, to: layer };
  const place = (): FilePlace => placeOf(image, question.text, layer);
  switch (question.kind) {
    case 'cat':
      for await (const chunk of image.stream(place())) await context.stdout.write(chunk);
      return;
    case 'view':
      return await context.stdout.write(formatLook(await image.look(place())));
    case 'changes':
      return await context.stdout.write(await changesOf(image, place()));
    case 'list': {
      const entries = image.list(scope, cleanPath(question.text));
      return await context.stdout.write(formatEntries(image, entries, question.layer !== undefined));
    }
    case 'search': {
      const states = question.layer === undefined ? undefined : (['added', 'modified', 'removed'] as const);
      const query = { scope, text: question.text, max: FOUND_MAX, ...(states !== undefined && { states }) };
      return await context.stdout.write(formatEntries(image, image.search(query), question.layer !== undefined));
    }
  }
}

function cleanPath(text: string): string {
  return fromText(text)
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .join('/');
}

/** Links are followed, as a program in the container would. */
function placeOf(image: Exploration, text: string, layer: number): FilePlace {
  const path = cleanPath(text);
  return { path: image.resolve({ path, layer }) ?? path, layer };
}

const LETTERS = { added: 'A', modified: 'C', removed: 'D', unmodified: '' } as const;

function formatEntries(image: Exploration, entries: readonly TreeEntry[], withStates: boolean): string {
  const rows = entries.map((entry) => [
    ...(withStates ? [LETTERS[entry.state]] : []),
    modeText(entry),
    `${entry.uid}:${entry.gid}`,
    humanSize(entry.sizeBytes),
    String(entry.layer),
    entry.package ?? '',
    pathText(entry),
  ]);
  const head = [...(withStates ? [''] : []), 'MODE', 'OWNER', 'SIZE', 'LAYER', 'PACKAGE', 'PATH'];
  return formatTable([head, ...rows], 4);
}

/** Every byte of it, and nothing that a terminal would act upon. */
function pathText({ path, kind, linkTarget }: TreeEntry): string {
  const shown = `/${shownName(path)}`;
  if (linkTarget !== undefined) return `${shown} -> ${shownName(linkTarget)}`;
  return kind === 'directory' ? `${shown}/` : shown;
}

async function changesOf(image: Exploration, place: FilePlace): Promise<string> {
  const comparison = await image.compareWithBelow(place);
  switch (comparison.kind) {
    case 'text':
      return comparison.diff;
    case 'equal':
      return `the same as in layer ${comparison.below}\n`;
    case 'binary': {
      const { below, beforeBytes, afterBytes } = comparison;
      return below === undefined
        ? `nothing is hidden by it; ${humanSize(afterBytes)} of no text\n`
        : `not texts: ${humanSize(beforeBytes)} in layer ${below}, ${humanSize(afterBytes)} now\n`;
    }
  }
}

function formatLook({ entry, sha256, type, text, isCut, head, elf, history }: FileLook): string {
  const facts: string[][] = [
    ['path', pathText(entry)],
    ['mode', `${modeText(entry)} ${entry.uid}:${entry.gid}`],
    ['size', `${entry.sizeBytes} bytes`],
    ['modified', new Date(entry.mtimeMs).toISOString()],
    ...(sha256 === undefined ? [] : [['sha256', sha256]]),
    ...(entry.package === undefined ? [] : [['package', entry.package]]),
    ...(entry.capabilities === undefined ? [] : [['capabilities', entry.capabilities]]),
    [
      'layers',
      history
        .map(({ layer, kind, sizeBytes }) =>
          kind === 'absent' ? `${layer} deletes it` : `${layer} (${humanSize(sizeBytes)})`,
        )
        .join(', '),
    ],
    ...(elf === undefined
      ? []
      : [
          ['ELF', `${elf.kind}, ${elf.machine}, ${elf.bits} bits`],
          ['interpreter', elf.interpreter ?? 'none'],
          ['needs', elf.needed.join(', ') || 'nothing'],
          ...Array.from(elf.versions, ([library, versions]) => [library, versions.at(-1) ?? '']),
        ]),
  ];
  const rows = formatTable(
    facts.map((row) => row.map((cell) => displayLine(cell))),
    4,
  );
  if (type === 'text') return `${rows}\n${text ?? ''}${isCut ? '\n… and more: --cat gives all of it\n' : ''}`;
  if (type === 'binary' && head !== undefined) {
    const more = entry.sizeBytes > HEX_SHOWN ? '… and more: --cat gives all of it\n' : '';
    return `${rows}\n${formatHex(head.subarray(0, HEX_SHOWN))}${more}`;
  }
  return rows;
}
