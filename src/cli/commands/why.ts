import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { WhyReport, WhyStep } from '../../engine/index.ts';
import { parseNumber } from '../options/times.ts';
import { UsageError } from '../usage-error.ts';

const STEPS_MAX = 1_000_000;

export const command: Command = {
  usage: '[OPTIONS] [IMAGE | BUILD[:STEP]]',
  description:
    'Every step records what went into it. Of a step that ran, this says which input differs from the nearest earlier build; of one that was cached, why it could be. Without an argument it is about the last build.',
  flags: [
    { kind: 'text', name: 'step', value: 'N', summary: 'only the step that progress showed as #N' },
    { kind: 'text', name: 'format', value: 'json', choices: ['json'], summary: 'print JSON' },
  ],
  args: { min: 0, max: 1, complete: 'image' },
  examples: [
    { command: 'shale why', says: 'about the last build' },
    { command: 'shale why web --step 4', says: 'about one step of the build that made an image' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const { build, step } = parseBuildStep(args[0] ?? 'latest', flags.text('step'));
  const engine = await context.engine();
  const report = await engine.why({ build, ...(step === undefined ? {} : { step }) });
  await context.stdout.write(
    flags.text('format') === 'json' ? `${JSON.stringify(report, null, 2)}\n` : formatWhy(report),
  );
}

/**
 * `b4k2j…:7` names a step as progress prints it; image tags hold a colon too, so only build ids are split.
 * @throws USAGE
 */
export function parseBuildStep(name: string, stepFlag: string | undefined): { build: string; step?: number } {
  const [, build = name, inName] = /^(b[a-z2-7]{1,10}|latest):(\d+)$/.exec(name) ?? [];
  const text = stepFlag ?? inName;
  if (stepFlag !== undefined && inName !== undefined && stepFlag !== inName) {
    throw new UsageError(`${name} and --step ${stepFlag} name different steps`);
  }
  return text === undefined ? { build } : { build, step: parseNumber('--step', text, { min: 1, max: STEPS_MAX }) };
}

/** The report as text: a line per step, and what differs below it. */
export function formatWhy(report: WhyReport): string {
  const error = report.error === undefined ? '' : `   it failed before its first step: ${report.error}\n`;
  return `build ${report.buildId}\n${error}${report.steps.map(formatStep).join('')}`;
}

function formatStep(step: WhyStep): string {
  const head = `#${step.number} ${step.outcome.toUpperCase()} ${step.name}\n   ${step.reason}\n`;
  return head + step.changes.map((change) => `     ${change.input}: ${beforeAfter(change)}\n`).join('');
}

function beforeAfter({ before, after }: WhyStep['changes'][number]): string {
  if (before === undefined) return `new${after === undefined ? '' : ` (${after})`}`;
  return after === undefined ? `gone (was ${before})` : `${before} → ${after}`;
}
