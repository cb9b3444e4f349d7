import { resolve } from 'node:path';
import { ShaleError, streamOf, writeWholeFile } from '../../base/index.ts';
import type { FoundPackage, SbomFormat } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { formatList, type ListLayout } from '../output/list.ts';
import { openProgress } from '../progress/open.ts';
import { optional } from './run.ts';

const DOCUMENTS: Readonly<Record<string, SbomFormat>> = { 'spdx-json': 'spdx', 'cyclonedx-json': 'cyclonedx' };

const LAYOUT: ListLayout<FoundPackage> = {
  columns: [
    { name: 'Type', title: 'TYPE', value: (row) => row.type },
    { name: 'Name', title: 'NAME', value: (row) => row.name },
    { name: 'Version', title: 'VERSION', value: (row) => row.version },
    { name: 'Architecture', title: 'ARCHITECTURE', value: (row) => row.architecture ?? '' },
    { name: 'Licences', title: 'LICENCES', value: (row) => row.licences.join(', ') },
    { name: 'Layer', title: 'LAYER', value: (row) => String(row.layer) },
    { name: 'Purl', title: 'PURL', value: (row) => row.purl },
    { name: 'FoundIn', title: 'FOUND IN', value: (row) => row.foundIn },
  ],
  table: ['Type', 'Name', 'Version', 'Layer', 'Licences'],
  quiet: 'Purl',
};

export const command: Command = {
  usage: '[OPTIONS] IMAGE',
  description:
    'The packages of dpkg, apk, npm and pip, read from the layers of an image; nothing is run. IMAGE is a name of the ' +
    'store, or a place: docker://NAME (a registry), oci:FOLDER[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], ' +
    'dir:FOLDER. The same image always gives the same document.',
  flags: [
    {
      kind: 'text',
      name: 'format',
      value: 'FORMAT',
      default: 'table',
      summary: 'spdx-json, cyclonedx-json; or table, json, or a Go template as "{{.Purl}}"',
    },
    { kind: 'text', name: 'output', short: 'o', value: 'FILE', summary: 'write to a file' },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'of an image for several platforms, this one' },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress; of a table, package URLs only' },
  ],
  refused: [
    { name: 'exclude', why: 'only databases of packages are read, wherever they lie' },
    { name: 'layers', why: 'packages are listed with the layer that brought them' },
  ],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [
    { command: 'shale sbom web', says: 'a table of packages' },
    { command: 'shale sbom --format spdx-json -o web.spdx.json web', says: 'an SBOM in SPDX 2.3' },
    { command: 'shale sbom docker://debian:12', says: 'of an image in a registry' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const quiet = flags.boolean('quiet');
  const { settings } = await context.config();
  const engine = await context.engine();
  await using progress = openProgress(context, quiet ? 'quiet' : settings.progress, { doing: 'Reading' });
  const request = { image: args[0] ?? '', folder: context.cwd, ...optional('platform', flags.text('platform')) };
  const report = await engine.sbom(request, progress.watch);
  await progress.close();
  for (const problem of report.problems) await context.stderr.write(`warning: ${problem}\n`);
  const format = flags.text('format');
  const document = format === undefined || !Object.hasOwn(DOCUMENTS, format) ? undefined : DOCUMENTS[format];
  const text =
    document === undefined
      ? formatList(report.packages, LAYOUT, { format: quiet && format === 'table' ? undefined : format, quiet })
      : `${report.document(document)}\n`;
  const file = flags.text('output');
  if (file === undefined) await context.stdout.write(text);
  else if (file === '') throw new ShaleError('OUTPUT_FAILED', '--output names no file');
  else await writeWholeFile(resolve(context.cwd, file), streamOf(text), context.signal);
}
