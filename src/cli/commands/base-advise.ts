import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { BaseAdvice } from '../../engine/index.ts';
import { humanSize } from '../output/human.ts';
import { displayLine } from '../output/text-width.ts';

export const command: Command = {
  usage: '[OPTIONS] IMAGE',
  description:
    'Names smaller bases that would do for what an image runs: the program of its Entrypoint and Cmd with the libraries that it needs. Nothing is run; what a program loads or starts later is not known.',
  flags: [{ kind: 'text', name: 'format', value: 'json', choices: ['json'], summary: 'print JSON' }],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [{ command: 'shale base advise web', says: 'what web could be made on' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const [image = ''] = args;
  const advice = await (await context.engine()).adviseBase(image);
  const isJson = flags.text('format') === 'json';
  await context.stdout.write(isJson ? `${JSON.stringify(advice, undefined, 2)}\n` : formatAdvice(advice));
}

/** What it runs now, then each base with its reasons and cautions. */
export function formatAdvice({ image, program, sizeBytes, suggestions, remarks }: BaseAdvice): string {
  const runs = program === undefined ? '' : `, runs ${program}`;
  const lines = [`${image}: ${humanSize(sizeBytes)}${runs}`];
  for (const { base, estimatedBytes, reasons, cautions } of suggestions)
    lines.push(
      '',
      `${base}: about ${humanSize(estimatedBytes)}`,
      ...reasons.map((each) => `  ${each}`),
      ...cautions.map((each) => `  but: ${each}`),
    );
  if (remarks.length > 0) lines.push('', ...remarks);
  return lines.map((line) => `${displayLine(line)}\n`).join('');
}
