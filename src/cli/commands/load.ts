import { resolve } from 'node:path';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { openProgress } from '../progress/open.ts';
import { UsageError } from '../usage-error.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Reads what "docker save", "podman save" or "shale save" wrote, and OCI image layouts in a tar; compressed or not.',
  flags: [
    { kind: 'text', name: 'input', short: 'i', value: 'FILE', summary: 'read a file instead of standard input' },
    { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress' },
  ],
  refused: [{ name: 'platform', why: 'all that the archive holds is read' }],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale load -i web.tar', says: 'from a file' },
    { command: 'docker save web | shale load', says: 'from docker' },
  ],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const file = flags.text('input');
  if (file === undefined && context.stdin.isTerminal) {
    throw new UsageError('an archive is not read from a terminal', 'shale load -i image.tar');
  }
  const { settings } = await context.config();
  await using progress = openProgress(context, flags.boolean('quiet') ? 'quiet' : settings.progress);
  const engine = await context.engine();
  const archive = file === undefined || file === '-' ? context.stdin.bytes() : { file: resolve(context.cwd, file) };
  const loaded = await engine.load(archive, progress.watch);
  await progress.close();
  for (const { imageId, tags } of loaded) {
    const lines = tags.length === 0 ? [`Loaded image ID: ${imageId}`] : tags.map((tag) => `Loaded image: ${tag}`);
    await context.stdout.write(`${lines.join('\n')}\n`);
  }
}
