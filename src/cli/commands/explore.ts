import { SHALE_VERSION } from '../../base/index.ts';
import {
  checkBudgets,
  compareExplorations,
  comparisonJson,
  comparisonMarkdown,
  comparisonSummary,
  exploreJson,
  exploreMarkdown,
  exploreSarif,
  exploreSummary,
  type BudgetResult,
  type Exploration,
} from '../../explore/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import { PROGRESS_CHOICES } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { openProgress } from '../progress/open.ts';
import { canTakeTerminal } from '../terminal/session.ts';
import { UsageError } from '../usage-error.ts';
import { BUDGET_FLAGS, budgetsOf } from './explore-budgets.ts';
import { FILE_FLAGS, fileQuestion, answerQuestion } from './explore-files.ts';
import { PAGE_FLAGS, pageRequest, showPage, type PageRequest } from './explore-page.ts';

const FORMATS = ['summary', 'json', 'markdown', 'sarif'] as const;

export const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE]',
  description:
    'Looks into an image without unpacking it: what each layer holds and which instruction made it, what of that is waste, for what cause, and which rule of shale lint mends it. On a terminal it is shown there, ? tells the keys; else a summary is printed. Two images are compared. IMAGE is one of the store, a place as "shale copy" names it (docker://NAME, oci:FOLDER, docker-archive:FILE), or the path of an archive or layout, with a slash in it. With budgets the status is 2 when one is broken.',
  flags: [
    {
      kind: 'text',
      name: 'format',
      value: 'FORMAT',
      choices: FORMATS,
      summary: 'print this instead of showing it on the terminal',
    },
    {
      kind: 'text',
      name: 'score',
      value: 'shale|dive',
      default: 'shale',
      choices: ['shale', 'dive'],
      summary: 'how the summary counts waste: with causes, or as dive does',
    },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'of an image for several platforms' },
    ...PAGE_FLAGS,
    ...FILE_FLAGS,
    ...BUDGET_FLAGS,
    { kind: 'text', name: 'progress', value: 'KIND', choices: PROGRESS_CHOICES, summary: 'how progress is shown' },
  ],
  args: { min: 1, max: 2, complete: 'image' },
  examples: [
    { command: 'shale explore web', says: 'on the terminal' },
    { command: 'shale explore --format json ./image.tar | jq .scores', says: 'an archive, for a program' },
    { command: 'shale explore --ci docker://registry.example/web:2', says: 'in CI, with the budgets of this folder' },
    { command: 'shale explore --web web', says: 'as a page in a browser' },
    { command: 'shale explore web:1 web:2', says: 'what another version changes' },
    { command: 'shale explore --cat /etc/passwd --layer 0 web > passwd', says: 'a file as the lowest layer has it' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const [name = '', other] = args;
  const question = fileQuestion(flags);
  const budgets = await budgetsOf(context, flags);
  const page = pageRequest(context, flags);
  const format = flags.text('format');
  if (page !== undefined && (question !== undefined || budgets !== undefined || format !== undefined))
    throw new UsageError('a page is made alone, without questions for files, --format and budgets');
  if (other !== undefined && (question !== undefined || budgets !== undefined || format === 'sarif'))
    throw new UsageError('two images are only compared: without questions for files, budgets and sarif');
  if (question !== undefined && (budgets !== undefined || format !== undefined))
    throw new UsageError('a question for files is answered alone, without --format and budgets');
  await using image = await open(context, flags, name);
  if (other !== undefined) {
    await using second = await open(context, flags, other);
    return await compare(context, page ?? format, image, second);
  }
  if (question !== undefined) {
    await answerQuestion(context, image, question);
    return EXIT.success;
  }
  if (page !== undefined) {
    await showPage(context, page, image);
    return EXIT.success;
  }
  const results = budgets === undefined ? [] : checkBudgets(image.report, budgets);
  if (format === undefined && budgets === undefined && canTakeTerminal(context)) {
    const { runExplorer } = await import('../explorer/run-explorer.ts');
    await runExplorer(context, image);
    return EXIT.success;
  }
  const score = flags.text('score') === 'dive' ? 'dive' : 'shale';
  await context.stdout.write(reportAs(format ?? 'summary', image, { score, results, folder: context.cwd }));
  return results.every(({ isKept }) => isKept) ? EXIT.success : EXIT.found;
}

/** With the progress of looking into layers that are not in the store. */
async function open(context: Context, flags: ParsedFlags, name: string): Promise<Exploration> {
  const { settings } = await context.config();
  await using progress = openProgress(context, flags.text('progress') ?? settings.progress, {
    whenNeeded: true,
    doing: 'Looking into layers',
  });
  const engine = await context.engine();
  const platform = flags.text('platform');
  const request = { image: name, folder: context.cwd, ...(platform !== undefined && { platform }) };
  const exploration = await engine.explore(request, progress.watch);
  await progress.close();
  return exploration;
}

async function compare(
  context: Context,
  how: PageRequest | string | undefined,
  before: Exploration,
  after: Exploration,
): Promise<number> {
  const comparison = compareExplorations(before, after);
  if (typeof how === 'object') {
    await showPage(context, how, after, comparison);
    return EXIT.success;
  }
  if (how === undefined && canTakeTerminal(context)) {
    const { runExplorer } = await import('../explorer/run-explorer.ts');
    await runExplorer(context, after, comparison);
    return EXIT.success;
  }
  const forms = { json: comparisonJson, markdown: comparisonMarkdown } as const;
  const form = how === 'json' || how === 'markdown' ? forms[how] : comparisonSummary;
  await context.stdout.write(form(comparison));
  return EXIT.success;
}

function reportAs(
  format: string,
  { report }: Exploration,
  options: {
    readonly score: 'shale' | 'dive';
    readonly results: readonly BudgetResult[];
    readonly folder: string;
  },
): string {
  const { score, results, folder } = options;
  if (format === 'json') return exploreJson(report, results);
  if (format === 'markdown') return exploreMarkdown(report, results);
  if (format === 'sarif') return exploreSarif(report, results, { version: SHALE_VERSION, folder });
  return exploreSummary(report, { score, budgets: results });
}
