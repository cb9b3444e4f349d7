import type { Volume } from '../../engine/index.ts';
import type { Command } from '../command.ts';
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

/** docker's JSON of a volume. */
function volumeJson(volume: Volume): Record<string, unknown> {
  return {
    CreatedAt: new Date(volume.createdMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    Driver: 'local',
    Labels: orNull(volume.anonymous ? { 'com.docker.volume.anonymous': '', ...volume.labels } : volume.labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: orNull(volume.options),
    Scope: 'local',
  };
}

function orNull(fields: Readonly<Record<string, string>>): Readonly<Record<string, string>> | null {
  return Object.keys(fields).length === 0 ? null : fields;
}
