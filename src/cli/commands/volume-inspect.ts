import type { Command } from '../command.ts';
import { volumeJson } from '../output/inspect-json.ts';
import { FORMAT_FLAG_OF_INSPECT, inspectEach } from './inspect-each.ts';

export const command: Command = {
  usage: '[OPTIONS] VOLUME …',
  flags: [FORMAT_FLAG_OF_INSPECT],
  args: { min: 1, max: Infinity },
  examples: [{ command: "shale volume inspect -f '{{.Mountpoint}}' data", says: 'where its files lie' }],
  run: async (context, parsed) => {
    const engine = await context.engine();
    return await inspectEach(context, parsed, async (name) => volumeJson(await engine.inspectVolume(name)));
  },
};
