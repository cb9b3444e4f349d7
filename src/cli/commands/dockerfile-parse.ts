import { resolve } from 'node:path';
import { collect, isShaleError, isSystemError } from '../../base/index.ts';
import { describeDockerfile, DOCKERFILE_MAX_BYTES } from '../../dockerfile/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { readDockerfile } from '../read-dockerfile.ts';
import { EXIT } from '../exit-codes.ts';
import { UsageError } from '../usage-error.ts';

/** Bytes that a list of paths may have. */
const LIST_MAX_BYTES = 64 * 1024 * 1024;
/** Lines are written together: 1,500 writes would take longer than the reading. */
const FLUSH_CHARACTERS = 64 * 1024;

export const command: Command = {
  usage: '[OPTIONS] FILE… | -',
  description:
    'Prints one JSON object a file, in a line of its own: "file"; "escape", "dump" (the syntax tree), "lines" (first and last of each instruction), "stages", "checks" (what the build checks find), and "error" where the file cannot be built. Nothing is looked up: base images count as empty, the platform as linux/amd64. A file with an error is an answer too; the status is 1 when one cannot be opened.',
  flags: [
    { kind: 'text', name: 'format', value: 'json', default: 'json', choices: ['json'], summary: 'how it is printed' },
    { kind: 'boolean', name: 'stdin-list', summary: 'read the paths from standard input, one a line' },
  ],
  args: { min: 0, max: Number.POSITIVE_INFINITY, complete: 'file' },
  examples: [
    { command: 'shale dockerfile parse Dockerfile', says: 'one file' },
    { command: 'git ls-files "*Dockerfile" | shale dockerfile parse --stdin-list', says: 'all of a repository' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const isList = flags.boolean('stdin-list');
  if (isList === args.length > 0)
    throw new UsageError('it takes files, or --stdin-list', 'shale dockerfile parse Dockerfile');
  const paths = isList ? await readList(context) : args;
  let status: number = EXIT.success;
  let lines = '';
  for (const file of paths) {
    context.signal.throwIfAborted();
    const answer = await describe(context, file);
    if (answer.error?.phase === 'read') status = EXIT.failure;
    lines += `${JSON.stringify({ file, ...answer })}\n`;
    if (lines.length < FLUSH_CHARACTERS) continue;
    await context.stdout.write(lines);
    lines = '';
  }
  if (lines !== '') await context.stdout.write(lines);
  return status;
}

/** An answer for a file that cannot be opened, so that each path has one. */
interface Unreadable {
  readonly error: { readonly phase: 'read'; readonly message: string };
}

async function describe(
  context: Context,
  file: string,
): Promise<Awaited<ReturnType<typeof describeDockerfile>> | Unreadable> {
  try {
    const bytes =
      file === '-'
        ? await collect(context.stdin.bytes(), DOCKERFILE_MAX_BYTES, 'the Dockerfile on standard input')
        : readDockerfile(resolve(context.cwd, file));
    return await describeDockerfile(bytes);
  } catch (error) {
    if (!isShaleError(error) && !isSystemError(error)) throw error;
    return { error: { phase: 'read', message: error.message } };
  }
}

async function readList({ stdin }: Context): Promise<string[]> {
  const text = await collect(stdin.bytes(), LIST_MAX_BYTES, 'the list on standard input');
  return Buffer.from(text)
    .toString()
    .split(/\r?\n/)
    .filter((line) => line !== '');
}
