import type { Command } from '../command.ts';
import { networkJson } from '../output/inspect-json.ts';
import { FORMAT_FLAG_OF_INSPECT, inspectEach } from './inspect-each.ts';

export const command: Command = {
  usage: '[OPTIONS] NETWORK …',
  flags: [FORMAT_FLAG_OF_INSPECT],
  refused: [{ name: 'verbose', short: 'v', why: 'shale runs containers on this machine only' }],
  args: { min: 1, max: Infinity },
  examples: [{ command: "shale network inspect -f '{{json .Containers}}' back", says: 'who is on it' }],
  run: async (context, parsed) => {
    const engine = await context.engine();
    return await inspectEach(context, parsed, async (name) => networkJson(await engine.inspectNetwork(name)));
  },
};
