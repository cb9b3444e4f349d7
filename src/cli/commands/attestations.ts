import { ShaleError } from '../../base/index.ts';
import type { FoundStatement } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { FORMAT_FLAG, quietFlag } from './list-flags.ts';
import { predicateTypes } from './predicate-types.ts';
import { optional } from './run.ts';

const LAYOUT: ListLayout<FoundStatement> = {
  columns: [
    { name: 'PredicateType', title: 'PREDICATE TYPE', value: (row) => row.predicateType },
    { name: 'Artifact', title: 'ARTIFACT', value: (row) => row.artifact ?? '' },
  ],
  table: ['PredicateType', 'Artifact'],
  quiet: 'PredicateType',
};

export const command: Command = {
  usage: '[OPTIONS] IMAGE',
  description:
    'Provenance, SBOMs and other statements that are kept with an image: by a build of shale, as artifacts that refer to ' +
    'it in a registry or layout, or beside it in an index, as BuildKit puts them. IMAGE is a name of the store, or a ' +
    'place: docker://NAME (a registry), oci:FOLDER[:TAG], oci-archive:FILE[:TAG]. Nothing is verified here: anybody who ' +
    'can write to a registry can say anything. With --type the statements of that type are printed.',
  flags: [
    {
      kind: 'text',
      name: 'type',
      value: 'TYPE',
      summary: 'print what statements of this type say: provenance, spdx, cyclonedx, or a URI',
    },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'of an image for several platforms, this one' },
    quietFlag('print types only'),
    FORMAT_FLAG,
  ],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [
    { command: 'shale attestations web', says: 'what is said about an image' },
    { command: 'shale attestations --type provenance docker://registry.example/web', says: 'how it was made' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const image = args[0] ?? '';
  const engine = await context.engine();
  const request = { image, folder: context.cwd, ...optional('platform', flags.text('platform')) };
  const found = await engine.attestations(request, { signal: context.signal });
  const type = flags.text('type');
  if (type === undefined) {
    const how = { format: flags.text('format'), quiet: flags.boolean('quiet') };
    return await context.stdout.write(formatList(found, LAYOUT, how));
  }
  const types = predicateTypes(type);
  const wanted = found.filter(({ predicateType }) => types.includes(predicateType));
  if (wanted.length === 0)
    throw new ShaleError('ATTESTATION_NOT_FOUND', `${image} has no attestation of the type ${type}`, {
      data: { image, type },
      hint: type === 'provenance' ? 'shale build --provenance true' : 'shale attestations lists what it has',
    });
  for (const { predicate } of wanted) await context.stdout.write(`${JSON.stringify(predicate, null, 2)}\n`);
}
