import { basename, dirname, resolve } from 'node:path';
import { collect, ShaleError } from '../../base/index.ts';
import { DOCKERFILE_MAX_BYTES, parseDockerfile, resolveIncludes, transpileDockerfile } from '../../dockerfile/index.ts';
import { includeReader } from '../../engine/index.ts';
import { hostPlatform, parsePlatform } from '../../oci/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseAssignments } from '../options/assignments.ts';
import { displayLine } from '../output/text-width.ts';

export const command: Command = {
  usage: '[OPTIONS] [FILE | -]',
  description:
    'Prints the Dockerfile without the extensions that "# shale:extensions" allows, for other builders: INCLUDE is replaced by what it includes, the others by what comes nearest. What the plain language cannot say is told on standard error, with its line. A file without extensions is printed as it is.',
  flags: [
    {
      kind: 'list',
      name: 'build-arg',
      value: 'NAME[=VALUE]',
      summary: 'set an ARG, for INCLUDE and COPY --from; without value, pass the variable on',
    },
    { kind: 'text', name: 'platform', value: 'OS/ARCH', summary: 'the platform that TARGETPLATFORM and the like say' },
    { kind: 'text', name: 'target', value: 'STAGE', summary: 'the stage that TARGETSTAGE says' },
  ],
  args: { min: 0, max: 1, complete: 'file' },
  examples: [
    { command: 'shale transpile > Dockerfile.plain', says: 'the Dockerfile of this folder' },
    {
      command: 'shale transpile --build-arg KIND=debug prod.Dockerfile',
      says: 'another file, with an argument for its INCLUDE',
    },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const [file = 'Dockerfile'] = args;
  const path = file === '-' ? undefined : resolve(context.cwd, file);
  const bytes =
    path === undefined
      ? await collect(context.stdin.bytes(), DOCKERFILE_MAX_BYTES, 'the Dockerfile on standard input')
      : readDockerfile(path);
  const platform = flags.text('platform');
  const options = {
    buildArgs: parseAssignments('--build-arg', flags.list('build-arg'), context.env),
    platform: platform === undefined ? hostPlatform() : parsePlatform(platform),
    target: flags.text('target'),
  };
  // A Dockerfile on standard input includes from here.
  const read = includeReader({ kind: 'directory', path: context.cwd }, path ?? resolve(context.cwd, 'Dockerfile'));
  const written = parseDockerfile(bytes, path === undefined ? 'Dockerfile' : basename(path));
  const { text, notes } = transpileDockerfile(resolveIncludes(written, { ...options, read }), options);
  await context.stdout.write(text);
  for (const note of notes) {
    await context.stderr.write(`${displayLine(`${note.file}:${note.start.line}: ${note.message}`)}\n`);
  }
}

/** @throws DOCKERFILE_NOT_FOUND, and what reading it gives */
function readDockerfile(path: string): Uint8Array {
  const bytes = includeReader({ kind: 'directory', path: dirname(path) }, path)(basename(path));
  if (bytes !== undefined) return bytes;
  throw new ShaleError('DOCKERFILE_NOT_FOUND', `there is no Dockerfile ${path}`, { data: { path } });
}
