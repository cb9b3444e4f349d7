import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { compileTemplate } from '../output/template.ts';
import { forEachName } from './each.ts';

const TYPES = ['image', 'container'] as const;

export const command: Command = {
  usage: '[OPTIONS] NAME …',
  description: 'Prints a JSON list with what docker prints, as far as it exists here; or a Go template for each.',
  flags: [
    {
      kind: 'text',
      name: 'format',
      short: 'f',
      value: 'FORMAT',
      summary: 'json, or a Go template as "{{.Config.Env}}"',
    },
    { kind: 'text', name: 'type', value: 'TYPE', choices: TYPES, summary: 'look for these only' },
  ],
  refused: [{ name: 'size', short: 's', why: 'sizes are not counted here', instead: 'shale system df' }],
  args: { min: 1, max: Infinity, complete: 'image' },
  examples: [
    { command: 'shale inspect web', says: 'everything' },
    { command: "shale inspect -f '{{.State.ExitCode}}' web", says: 'one value' },
    { command: "shale inspect -f '{{json .Config.Env}}' debian", says: 'one value as JSON' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const format = flags.text('format');
  const template = format === undefined || format === 'json' ? undefined : compileTemplate(format);
  const type = TYPES.find((one) => one === flags.text('type'));
  const engine = await context.engine();
  const found: Readonly<Record<string, unknown>>[] = [];
  const status = await forEachName(context, args, async (name) => {
    const value = await engine.inspect(name, type);
    if (template === undefined) found.push(value);
    else await context.stdout.write(`${template.render(value)}\n`);
  });
  if (template === undefined) await context.stdout.write(formatInspection(found, format === 'json'));
  return status;
}

function formatInspection(found: readonly unknown[], oneLine: boolean): string {
  if (oneLine) return found.map((value) => `${JSON.stringify(value)}\n`).join('');
  return `${JSON.stringify(found, null, 4)}\n`;
}
