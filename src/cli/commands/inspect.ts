import { isShaleError, ShaleError } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { networkJson, volumeJson } from '../output/inspect-json.ts';
import { FORMAT_FLAG_OF_INSPECT, inspectEach } from './inspect-each.ts';

type Look = (name: string) => Promise<Readonly<Record<string, unknown>>>;

const TYPES = ['container', 'image', 'network', 'volume'] as const;

/** A name that could not be one of its kind is no more found than one that is none. */
const NOT_FOUND: readonly string[] = [
  'CONTAINER_NOT_FOUND',
  'IMAGE_NOT_FOUND',
  'REFERENCE_INVALID',
  'NETWORK_NOT_FOUND',
  'VOLUME_NOT_FOUND',
  'VOLUME_NAME_INVALID',
];

export const command: Command = {
  usage: '[OPTIONS] NAME …',
  description:
    'Prints a JSON list with what docker prints, as far as it exists here; or a Go template for each. A name is looked for among containers, images, networks and volumes, in this order.',
  flags: [
    FORMAT_FLAG_OF_INSPECT,
    { kind: 'boolean', name: 'size', short: 's', summary: 'count what containers take on disk' },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'of an image for several platforms, this one' },
    { kind: 'text', name: 'type', value: 'TYPE', choices: TYPES, summary: 'look for these only' },
  ],
  args: { min: 1, max: Infinity, complete: 'image' },
  examples: [
    { command: 'shale inspect web', says: 'everything' },
    { command: "shale inspect -f '{{.State.ExitCode}}' web", says: 'one value' },
    { command: "shale inspect -f '{{json .Config.Env}}' debian", says: 'one value as JSON' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<number> {
  const { flags } = parsed;
  const type = TYPES.find((one) => one === flags.text('type'));
  const looks = looksFor(await context.engine(), {
    type,
    size: flags.boolean('size'),
    platform: flags.text('platform'),
  });
  return await inspectEach(context, parsed, (name) => firstOf(looks, name));
}

interface Asked {
  readonly type: (typeof TYPES)[number] | undefined;
  readonly size: boolean;
  readonly platform: string | undefined;
}

function looksFor(engine: Engine, { type, size, platform }: Asked): readonly Look[] {
  const network: Look = async (name) => networkJson(await engine.inspectNetwork(name));
  const volume: Look = async (name) => volumeJson(await engine.inspectVolume(name));
  if (type === 'network') return [network];
  if (type === 'volume') return [volume];
  const options = { size, ...(platform !== undefined && { platform }) };
  const stored: Look = (name) => engine.inspect(name, type, options);
  return type === undefined && platform === undefined ? [stored, network, volume] : [stored];
}

/** The error of the only one, where there is but one. */
async function firstOf(looks: readonly Look[], name: string): ReturnType<Look> {
  for (const look of looks) {
    try {
      return await look(name);
    } catch (error) {
      if (looks.length === 1 || !isShaleError(error, ...NOT_FOUND)) throw error;
    }
  }
  throw new ShaleError('OBJECT_NOT_FOUND', `there is no container, image, network or volume ${name}`, {
    data: { name },
  });
}
