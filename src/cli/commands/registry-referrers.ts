import type { Referrer } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { humanSize } from '../output/human.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { FORMAT_FLAG, quietFlag } from './list-flags.ts';

const LAYOUT: ListLayout<Referrer> = {
  columns: [
    { name: 'Digest', title: 'DIGEST', value: (row) => row.digest },
    { name: 'ArtifactType', title: 'TYPE', value: (row) => row.artifactType ?? '' },
    { name: 'MediaType', title: 'MEDIA TYPE', value: (row) => row.mediaType },
    { name: 'Size', title: 'SIZE', value: (row) => humanSize(row.size) },
  ],
  table: ['Digest', 'ArtifactType', 'Size'],
  quiet: 'Digest',
};

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG | @DIGEST]',
  description: 'What says in the registry that it is about this image: signatures, SBOMs, provenance.',
  flags: [
    { kind: 'text', name: 'artifact-type', value: 'TYPE', summary: 'only what is of this type' },
    quietFlag('print digests only'),
    FORMAT_FLAG,
  ],
  args: { min: 1, max: 1 },
  examples: [{ command: 'shale registry referrers registry.example:5000/web:1.2', says: 'what belongs to an image' }],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const engine = await context.engine();
  const found = await engine.registry.referrers(args[0] ?? '', flags.text('artifact-type'), context.signal);
  const how = { format: flags.text('format'), quiet: flags.boolean('quiet') };
  await context.stdout.write(formatList(found, LAYOUT, how));
}
