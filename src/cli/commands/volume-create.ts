import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseAssignment, parseLabels } from '../options/assignments.ts';
import { UsageError } from '../usage-error.ts';

export const command: Command = {
  usage: '[OPTIONS] [NAME]',
  description:
    'Prints the name. A volume that is there already is left as it is. The options are those of mount(8): --opt type=nfs --opt device=:/export --opt o=addr=10.0.0.1; what they name is mounted when a container starts.',
  flags: [
    { kind: 'text', name: 'driver', short: 'd', value: 'DRIVER', choices: ['local'], summary: 'the only one there is' },
    { kind: 'list', name: 'label', value: 'KEY[=VALUE]', summary: 'label the volume' },
    { kind: 'list', name: 'opt', short: 'o', value: 'NAME=VALUE', summary: 'type, device or o, as for mount' },
    { kind: 'text', name: 'name', value: 'NAME', summary: 'the same as the argument' },
  ],
  args: { min: 0, max: 1 },
  examples: [
    { command: 'shale volume create data', says: 'a folder of the store' },
    { command: 'shale volume create -o type=tmpfs -o device=tmpfs -o o=size=100m scratch', says: 'in memory' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const named = flags.text('name');
  if (named !== undefined && args[0] !== undefined) throw new UsageError('the name is given twice');
  const name = args[0] ?? named;
  const options = Object.fromEntries(flags.list('opt').map((word) => parseAssignment('--opt', word)));
  const engine = await context.engine();
  const volume = await engine.createVolume({
    ...(name !== undefined && { name }),
    labels: parseLabels(flags.list('label')),
    ...(flags.given('opt') && { options }),
  });
  await context.stdout.write(`${volume.name}\n`);
}
