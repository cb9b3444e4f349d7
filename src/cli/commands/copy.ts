import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { openProgress } from '../progress/open.ts';
import { optional } from './run.ts';

const FORMATS = ['oci', 'docker'] as const;

export const command: Command = {
  usage: '[OPTIONS] SOURCE DESTINATION',
  description:
    'Nothing is unpacked, and bytes and digests stay as they are unless --format asks for other media types. Places: ' +
    'docker://NAME (a registry), store:NAME, oci:FOLDER[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], ' +
    'dir:FOLDER (as skopeo writes it). An image for several platforms is copied whole.',
  flags: [
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'of an image for several platforms, this one' },
    {
      kind: 'text',
      name: 'format',
      short: 'f',
      value: 'FORMAT',
      choices: FORMATS,
      summary: 'give the manifests these media types; their digests change',
    },
    { kind: 'boolean', name: 'referrers', summary: 'copy what refers to the image too: signatures, SBOMs' },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress' },
  ],
  refused: [
    { name: 'all', short: 'a', why: 'an image for several platforms is copied whole anyway' },
    { name: 'src-tls-verify', why: 'the setting registry.insecure names hosts that are not verified' },
    { name: 'dest-tls-verify', why: 'the setting registry.insecure names hosts that are not verified' },
    { name: 'src-creds', why: 'passwords on a command line can be seen by others', instead: 'shale login REGISTRY' },
    { name: 'dest-creds', why: 'passwords on a command line can be seen by others', instead: 'shale login REGISTRY' },
  ],
  args: { min: 2, max: 2 },
  examples: [
    { command: 'shale copy docker://debian:12 docker://registry.example:5000/debian:12', says: 'to another registry' },
    { command: 'shale copy store:web oci:layout:web', says: 'from the store into an OCI layout' },
    { command: 'shale copy docker-archive:web.tar store:web', says: 'from an archive into the store' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const [source = '', destination = ''] = args;
  const { settings } = await context.config();
  const kind = flags.boolean('quiet') ? 'quiet' : settings.progress;
  await using progress = openProgress(context, kind, { doing: 'Copying' });
  const engine = await context.engine();
  const format = FORMATS.find((one) => one === flags.text('format'));
  const request = {
    source,
    destination,
    folder: context.cwd,
    ...optional('platform', flags.text('platform')),
    ...(format !== undefined && { format }),
    referrers: flags.boolean('referrers'),
  };
  const { digest } = await engine.copyImage(request, progress.watch);
  await progress.close();
  await context.stdout.write(`${digest}\n`);
}
