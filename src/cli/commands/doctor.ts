import type { Command } from '../command.ts';
import { examine } from '../doctor/examine.ts';
import { machineProbes } from '../doctor/probes.ts';
import { formatDoctor } from '../doctor/report.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Three levels: "root" does everything; "user namespace" too, with layers unpacked once; "plain" needs nothing and builds without RUN, pulls, loads, saves and inspects. For each missing part it says what that costs and which command installs it.',
  flags: [{ kind: 'text', name: 'format', value: 'json', choices: ['json'], summary: 'print JSON' }],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale doctor', says: 'look this machine over' }],
  run: async (context, { flags }) => {
    const { settings } = await context.config();
    const report = await examine(machineProbes(context), settings);
    const json = flags.text('format') === 'json';
    const text = json ? `${JSON.stringify(report, null, 2)}\n` : formatDoctor(report, context.stdout.colors);
    await context.stdout.write(text);
  },
};
