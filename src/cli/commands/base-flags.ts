import type { Flag, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { BaseRequest } from '../../engine/index.ts';
import { openProgress } from '../progress/open.ts';
import { UsageError } from '../usage-error.ts';

/** What every command that makes a base image takes, about the image. */
export const RESULT_FLAGS: readonly Flag[] = [
  { kind: 'list', name: 'tag', short: 't', value: 'NAME[:TAG]', summary: 'name the image' },
  { kind: 'boolean', name: 'no-cache', summary: 'make it anew even if nothing changed' },
  { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress' },
];

/** Makes a base image, shows how, and prints its id. */
export async function makeBase(context: Context, { flags }: ParsedArguments, request: BaseRequest): Promise<void> {
  const { settings } = await context.config();
  const isQuiet = flags.boolean('quiet');
  await using progress = openProgress(context, isQuiet ? 'quiet' : settings.progress);
  const engine = await context.engine();
  const { imageId, tags } = await engine.makeBase(request, progress.watch);
  await progress.close();
  await context.stdout.write(`${imageId}\n`);
  if (!isQuiet) await context.stderr.write(tags.map((tag) => `named ${tag}\n`).join(''));
}

/** @throws USAGE for what is no address of a mirror */
export function mirrorOf(address: string | undefined): string | undefined {
  if (address !== undefined && !/^https?:$/.test(URL.parse(address)?.protocol ?? ''))
    throw new UsageError(`--mirror ${JSON.stringify(address)} is not an http or https address`);
  return address;
}

/** Words of a flag that may come several times and have several words, as `--include a,b --include c`. */
export function wordsOf(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(/[\s,]+/)).filter((word) => word !== '');
}
