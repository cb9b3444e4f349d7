import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { BuildReport, BuildStep } from '../../engine/index.ts';
import { humanSize, humanTime } from '../output/human.ts';
import { formatTable } from '../output/table.ts';
import { compileTemplate } from '../output/template.ts';
import { displayLine } from '../output/text-width.ts';
import { seconds } from '../progress/plain.ts';

export const command: Command = {
  usage: '[OPTIONS] [BUILD]',
  description:
    'BUILD is an id, the beginning of one, "latest", or the image that was built; without it the last build. What went in, what came out, and each step with its time and the size of its log.',
  flags: [{ kind: 'text', name: 'format', value: 'FORMAT', summary: 'json, or a Go template as "{{.imageId}}"' }],
  refused: [{ name: 'builder', why: 'there is one builder' }],
  args: { min: 0, max: 1, complete: 'build' },
  examples: [
    { command: 'shale builds show', says: 'the last build' },
    {
      command: 'shale builds show web --format \'{{range .steps}}{{.number}} {{.name}}{{"\\n"}}{{end}}\'',
      says: 'chosen fields',
    },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const format = flags.text('format');
  const template = format === undefined || format === 'json' ? undefined : compileTemplate(format);
  const engine = await context.engine();
  const report = await engine.buildReport(args[0] ?? 'latest');
  if (template !== undefined) await context.stdout.write(`${template.render(report)}\n`);
  else await context.stdout.write(format === 'json' ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report));
}

/** The report for people: a line for each fact, then a table of the steps. */
export function formatReport(report: BuildReport): string {
  const facts: (readonly [string, string | undefined])[] = [
    ['Build', report.id],
    ['Name', report.name],
    ['Status', report.status],
    ['Started', humanTime(report.startedMs)],
    ['Duration', report.endedMs === undefined ? undefined : seconds(report.endedMs - report.startedMs)],
    ['Context', report.context],
    ['Dockerfile', withDigest(report.dockerfile, report.dockerfileDigest)],
    ['Target', report.target],
    ['Bake target', report.bakeTarget],
    ['Platform', report.platform],
    ['Build args', report.buildArgs.length === 0 ? undefined : report.buildArgs.join(', ')],
    ['No cache', report.noCache ? 'every step was run' : undefined],
    ['Epoch', report.epoch === undefined ? undefined : new Date(report.epoch * 1000).toISOString()],
    ...report.bases.map((base): [string, string] => ['Base', withDigest(base.reference, base.digest)]),
    ['Image', report.imageId],
    ...report.warnings.map((warning): [string, string] => ['Warning', warning]),
    ['Error', report.error],
  ];
  const lines = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined);
  const head = lines.map(([name, value]) => `${`${name}:`.padEnd(13)}${displayLine(value)}\n`).join('');
  if (report.steps.length === 0) return head;
  const rows = report.steps.map((step) => [
    `#${step.number}`,
    step.outcome,
    timeOf(step),
    step.logBytes === 0 ? '' : humanSize(step.logBytes),
    displayLine(step.name),
  ]);
  return `${head}\n${formatTable([['STEP', 'OUTCOME', 'TIME', 'LOG', 'NAME'], ...rows])}`;
}

function withDigest(name: string, digest: string | undefined): string {
  return digest === undefined ? name : `${name} (${digest})`;
}

function timeOf({ startedMs, endedMs }: BuildStep): string {
  return startedMs === undefined || endedMs === undefined ? '' : seconds(endedMs - startedMs);
}
