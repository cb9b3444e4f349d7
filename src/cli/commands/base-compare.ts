import { dirname, resolve } from 'node:path';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { CompareBasesRequest } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';
import { openProgress } from '../progress/open.ts';
import { formatComparison } from '../output/base-comparison.ts';
import { comparisonPage } from '../output/base-comparison-page.ts';

const FORMATS = ['tty', 'json', 'html'] as const;

export const command: Command = {
  usage: '[OPTIONS] IMAGE IMAGE',
  description:
    'Compares two images as bases: sizes, packages, C library and what it means, what programs need and lack, setuid files, users, start and memory of a shell, end of support. With --dockerfile the same application is built on both. Tells which one to take, and why.',
  flags: [
    { kind: 'text', name: 'dockerfile', value: 'FILE', summary: 'build this application on both' },
    {
      kind: 'text',
      name: 'context',
      value: 'FOLDER',
      summary: 'its context; the folder of the Dockerfile if not given',
    },
    { kind: 'boolean', name: 'probe', default: true, summary: 'start a shell in each, to measure it' },
    {
      kind: 'text',
      name: 'format',
      value: 'FORMAT',
      choices: FORMATS,
      default: 'tty',
      summary: 'a table, JSON, or a page',
    },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress of builds' },
  ],
  args: { min: 2, max: 2, complete: 'image' },
  examples: [
    { command: 'shale base compare debian:trixie-slim alpine:3.22', says: 'Alpine or Debian?' },
    {
      command: 'shale base compare debian:13 alpine:3.22 --dockerfile Dockerfile --format html > bases.html',
      says: 'for an application, as a page',
    },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<void> {
  const { flags } = parsed;
  const { settings } = await context.config();
  const request = compareRequest(parsed, context.cwd);
  const isQuiet = flags.boolean('quiet') || request.application === undefined;
  await using progress = openProgress(context, isQuiet ? 'quiet' : settings.progress);
  const engine = await context.engine();
  const comparison = await engine.compareBases(request, progress.watch);
  await progress.close();
  const format = flags.text('format');
  const text =
    format === 'json'
      ? `${JSON.stringify(comparison, undefined, 2)}\n`
      : format === 'html'
        ? comparisonPage(comparison)
        : formatComparison(comparison);
  await context.stdout.write(text);
}

export function compareRequest({ flags, args }: ParsedArguments, cwd: string): CompareBasesRequest {
  const [a = '', b = ''] = args;
  const file = flags.text('dockerfile');
  const dockerfile = file === undefined ? undefined : resolve(cwd, file);
  const folder = flags.text('context');
  if (folder !== undefined && dockerfile === undefined)
    throw new UsageError('--context is for an application', '--dockerfile FILE --context FOLDER');
  return {
    images: [a, b],
    probe: flags.boolean('probe'),
    ...(dockerfile !== undefined && {
      application: { dockerfile, context: folder === undefined ? dirname(dockerfile) : resolve(cwd, folder) },
    }),
  };
}
