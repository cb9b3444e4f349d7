import type { Flag, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { BaseRequest } from '../../engine/index.ts';
import { openProgress } from '../progress/open.ts';
import { EXIT } from '../exit-codes.ts';
import { UsageError } from '../usage-error.ts';
import { parseClock, tellVerified, VERIFY_FLAGS } from './verify-flags.ts';

/** What every command that makes a base image takes, about the image. */
export const RESULT_FLAGS: readonly Flag[] = [
  { kind: 'list', name: 'tag', short: 't', value: 'NAME[:TAG]', summary: 'name the image' },
  { kind: 'boolean', name: 'no-cache', summary: 'make it anew even if nothing changed' },
  {
    kind: 'boolean',
    name: 'verify',
    summary: 'then make it again from scratch in other surroundings, and compare; the status is 2 when it differs',
  },
  ...VERIFY_FLAGS,
  { kind: 'boolean', name: 'quiet', short: 'q', summary: 'show no progress' },
];

/** Makes a base image, shows how, prints its id, and gives the exit code. @throws USAGE */
export async function makeBase(context: Context, { flags }: ParsedArguments, request: BaseRequest): Promise<number> {
  const { settings } = await context.config();
  const verifies = flags.boolean('verify');
  const clock = parseClock(flags.text('clock'));
  const lone = verifies ? undefined : ['clock', 'report'].find((name) => flags.given(name));
  if (lone !== undefined) throw new UsageError(`--${lone} is of --verify`);
  const isQuiet = flags.boolean('quiet');
  await using progress = openProgress(context, isQuiet ? 'quiet' : settings.progress);
  const engine = await context.engine();
  const verify = { base: request, ...(clock !== undefined && { clockAheadSeconds: clock }) };
  const made = verifies
    ? await engine.verifyBase(verify, progress.watch)
    : await engine.makeBase(request, progress.watch);
  await progress.close();
  await context.stdout.write(`${'image' in made ? made.image : made.imageId}\n`);
  if (!isQuiet) await context.stderr.write(made.tags.map((tag) => `named ${tag}\n`).join(''));
  return 'image' in made ? tellVerified(context, flags, made) : EXIT.success;
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
