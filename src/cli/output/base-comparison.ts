import type { ApplicationFacts, BaseComparison, BaseFacts } from '../../engine/index.ts';
import { humanSize } from './human.ts';
import { formatTable } from './table.ts';
import { displayLine } from './text-width.ts';

const SHOWN_MAX = 5;

/** One line of a comparison: what, and what each of the images has. */
export type ComparisonRow = readonly [what: string, a: string, b: string];

/** The facts of both images, line by line. */
export function comparisonRows({ images, applications }: BaseComparison): ComparisonRow[] {
  const rows: ComparisonRow[] = FACTS.map(([what, show]): ComparisonRow => [what, show(images[0]), show(images[1])]);
  if (applications !== undefined)
    for (const [what, show] of APPLICATION) rows.push([what, show(applications[0]), show(applications[1])]);
  return rows.filter(([, a, b]) => a !== '' || b !== '');
}

/** The choice, in words. */
export function choiceText({ images, recommendation }: BaseComparison): string {
  const { choice } = recommendation;
  return choice === undefined ? 'Neither is clearly better.' : `Take ${images[choice].name}.`;
}

/** As a table for the terminal, with the recommendation below. */
export function formatComparison(comparison: BaseComparison): string {
  const [a, b] = comparison.images;
  const table = formatTable([['', a.name, b.name], ...comparisonRows(comparison)].map((row) => row.map(displayLine)));
  const reasons = comparison.recommendation.reasons.map((reason) => `  - ${displayLine(reason)}\n`);
  return `${table}\n${displayLine(choiceText(comparison))}\n${reasons.join('')}${behaviourText(comparison)}`;
}

/** What the C libraries mean for names and languages, where they are not the same. */
function behaviourText({ images }: BaseComparison): string {
  const [a, b] = images;
  if (a.libc.kind === b.libc.kind) return '';
  return images
    .map(({ name, behaviour }) => `\n${displayLine(name)}:\n${behaviour.map((line) => `  - ${line}\n`).join('')}`)
    .join('');
}

const FACTS: readonly (readonly [what: string, show: (facts: BaseFacts) => string])[] = [
  ['distribution', ({ distribution }) => distribution ?? 'unknown'],
  [
    'support ends',
    ({ support }) => (support.kind === 'unknown' ? 'unknown' : `${support.date}${support.isOver ? ' (over)' : ''}`),
  ],
  ['platform', ({ platform }) => platform],
  ['unpacked', ({ sizeBytes }) => humanSize(sizeBytes)],
  ['compressed', ({ compressedBytes }) => humanSize(compressedBytes)],
  [
    'packages',
    ({ packages }) =>
      Object.entries(packages)
        .map(([type, count]) => `${count} ${type}`)
        .join(', ') || 'none',
  ],
  ['package manager', ({ packageManager }) => packageManager ?? 'none'],
  ['shell', ({ hasShell }) => (hasShell ? '/bin/sh' : 'none')],
  ['C library', ({ libc }) => (libc.kind === 'none' ? 'none' : [libc.kind, libc.version].join(' ').trim())],
  ['loader', ({ libc }) => (libc.kind === 'none' ? '' : libc.loader)],
  ['programs', ({ programs }) => `${programs.dynamic} dynamic, ${programs.static} static`],
  ['highest symbol', ({ programs }) => programs.highestGlibc ?? ''],
  ['Python and Node addons', ({ programs }) => (programs.addons.length === 0 ? '' : String(programs.addons.length))],
  ['lacking', ({ programs }) => problemsText(programs.problems)],
  ['setuid files', ({ setuid }) => String(setuid.length)],
  ['users', ({ users }) => String(users.length)],
  ['start of a shell', ({ probe }) => (probe === undefined ? '' : `${probe.startMs.toFixed(0)} ms`)],
  ['memory of a shell', ({ probe }) => (probe === undefined ? '' : humanSize(probe.memoryBytes))],
];

const APPLICATION: readonly (readonly [what: string, show: (facts: ApplicationFacts) => string])[] = [
  [
    'application',
    (facts) => (facts.kind === 'built' ? `built in ${facts.seconds.toFixed(1)} s` : `failed: ${facts.message}`),
  ],
  ['application, unpacked', (facts) => (facts.kind === 'built' ? humanSize(facts.sizeBytes) : '')],
  ['application, compressed', (facts) => (facts.kind === 'built' ? humanSize(facts.compressedBytes) : '')],
  ['application, lacking', (facts) => (facts.kind === 'built' ? problemsText(facts.problems) : '')],
];

function problemsText(problems: BaseFacts['programs']['problems']): string {
  const shown = problems.slice(0, SHOWN_MAX).map(({ path, missing }) => `${path}: ${missing}`);
  const more = problems.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}
