import type { ContainerStats } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { binarySize, humanSize } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { FORMAT_FLAG, NO_TRUNC_FLAG } from './list-flags.ts';

/** Between two readings: what the share of a CPU is counted over. */
const OVER_MS = 1000;
/** Back to the top, and the rest of the screen cleared. */
const CLEAR = '\u001B[H\u001B[J';

export const command: Command = {
  usage: '[OPTIONS] [CONTAINER …]',
  description: 'What running containers use, once a second.',
  flags: [
    { kind: 'boolean', name: 'all', short: 'a', summary: 'show those that do not run too' },
    { kind: 'boolean', name: 'no-stream', summary: 'show it once' },
    NO_TRUNC_FLAG,
    FORMAT_FLAG,
  ],
  args: { min: 0, max: Infinity, complete: 'container' },
  examples: [
    { command: 'shale stats', says: 'until Ctrl-C' },
    { command: "shale stats --no-stream --format '{{.Name}} {{.MemUsage}}'", says: 'once, chosen fields' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  const layout = statsLayout(flags.boolean('no-trunc'));
  const options = { overMs: OVER_MS, all: flags.boolean('all') };
  do {
    const rows = await engine.stats(args, options);
    const text = formatList(rows, layout, { format: flags.text('format') });
    await context.stdout.write(context.stdout.isTerminal && !flags.boolean('no-stream') ? `${CLEAR}${text}` : text);
  } while (!flags.boolean('no-stream') && !context.signal.aborted);
}

/** Docker's columns. */
export function statsLayout(whole: boolean): ListLayout<ContainerStats> {
  const id = (row: ContainerStats): string => (whole ? row.id : row.id.slice(0, 12));
  return {
    columns: [
      { name: 'Container', title: 'CONTAINER', value: id },
      { name: 'ID', title: 'CONTAINER ID', value: id },
      { name: 'Name', title: 'NAME', value: (row) => row.name },
      { name: 'CPUPerc', title: 'CPU %', value: (row) => percent(row.cpuShare) },
      {
        name: 'MemUsage',
        title: 'MEM USAGE / LIMIT',
        value: (row) => `${binarySize(row.memoryBytes)} / ${binarySize(row.memoryLimitBytes)}`,
      },
      {
        name: 'MemPerc',
        title: 'MEM %',
        value: (row) => percent(row.memoryLimitBytes === 0 ? 0 : row.memoryBytes / row.memoryLimitBytes),
      },
      {
        name: 'NetIO',
        title: 'NET I/O',
        value: (row) => `${humanSize(row.networkInBytes)} / ${humanSize(row.networkOutBytes)}`,
      },
      {
        name: 'BlockIO',
        title: 'BLOCK I/O',
        value: (row) => `${humanSize(row.blockReadBytes)} / ${humanSize(row.blockWriteBytes)}`,
      },
      { name: 'PIDs', title: 'PIDS', value: (row) => String(row.processes) },
    ],
    table: ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'],
    quiet: 'ID',
  };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
