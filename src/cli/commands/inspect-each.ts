import type { Flag, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { compileTemplate } from '../output/template.ts';
import { forEachName } from './each.ts';

export const FORMAT_FLAG_OF_INSPECT: Flag = {
  kind: 'text',
  name: 'format',
  short: 'f',
  value: 'FORMAT',
  summary: 'json, or a Go template as "{{.Config.Env}}"',
};

/** What every form of `inspect` does: a JSON list of what `look` gives for each name, or a template for each. */
export async function inspectEach(
  context: Context,
  { flags, args }: ParsedArguments,
  look: (name: string) => Promise<Readonly<Record<string, unknown>>>,
): Promise<number> {
  const format = flags.text('format');
  const template = format === undefined || format === 'json' ? undefined : compileTemplate(format, { shape: 'docker' });
  const found: Readonly<Record<string, unknown>>[] = [];
  const status = await forEachName(context, args, async (name) => {
    const value = await look(name);
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
