import { ShaleError } from '../../base/index.ts';
import type { PortMapping } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../usage-error.ts';

export const command: Command = {
  usage: 'CONTAINER [PORT[/PROTOCOL]]',
  description: 'Where the published ports of a container are reached.',
  flags: [],
  args: { min: 1, max: 2, complete: 'container' },
  examples: [
    { command: 'shale port web', says: 'all of them' },
    { command: 'shale port web 80', says: 'one' },
  ],
  run,
};

async function run(context: Context, { args }: ParsedArguments): Promise<void> {
  const [container = '', asked] = args;
  const engine = await context.engine();
  const { Id } = await engine.inspect(container, 'container');
  const rows = await engine.containers({ all: true });
  const row = rows.find(({ id }) => id === Id);
  // Docker publishes nothing of a container that does not run.
  const ports = row?.state.kind === 'running' || row?.state.kind === 'paused' ? row.ports : [];
  if (asked === undefined) return await context.stdout.write(ports.map(line).toSorted().join(''));
  const [, number = '', protocol = 'tcp'] = /^(\d{1,5})(?:\/([a-z]+))?$/.exec(asked) ?? [];
  if (number === '') throw new UsageError(`${JSON.stringify(asked)} is not a port`, 'shale port CONTAINER 80/tcp');
  const found = ports.filter((port) => port.containerPort === Number(number) && port.protocol === protocol);
  if (found.length === 0)
    throw new ShaleError('PORT_NOT_PUBLISHED', `no public port ${number}/${protocol} published for ${container}`);
  await context.stdout.write(found.map((port) => `${address(port)}\n`).join(''));
}

function line(port: PortMapping): string {
  return `${port.containerPort}/${port.protocol} -> ${address(port)}\n`;
}

function address({ hostIp = '0.0.0.0', hostPort }: PortMapping): string {
  return `${hostIp.includes(':') ? `[${hostIp}]` : hostIp}:${hostPort ?? 0}`;
}
