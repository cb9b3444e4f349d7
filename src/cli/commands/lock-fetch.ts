import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { displayLine } from '../output/text-width.ts';
import { LOCK_FILE_FLAG, lockFileOf, parseVendorPlace } from './lock-place.ts';

export const command: Command = {
  usage: '[OPTIONS] [CONTEXT]',
  description:
    'Brings all that a lock file names into the store, so that "shale build --locked" needs no network: from a place that "shale lock vendor" has written, else from where it came. Nothing is taken that is not what the lock file says. The status is 1 when something could not be had.',
  flags: [
    LOCK_FILE_FLAG,
    { kind: 'text', name: 'from', value: 'PLACE', summary: 'a folder, or docker://NAME, that was vendored' },
  ],
  args: { min: 0, max: 1, complete: 'file' },
  examples: [
    { command: 'shale lock fetch', says: 'from the mirrors that the lock file names' },
    { command: 'shale lock fetch --from ./vendor', says: 'from a folder' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const from = flags.text('from');
  const place = from === undefined ? undefined : parseVendorPlace(from, context.cwd);
  const engine = await context.engine();
  const path = lockFileOf(context, flags, args[0]);
  const { fetched, failed } = await engine.locks.fetchLocked(path, place, { signal: context.signal });
  await context.stdout.write(`fetched ${fetched.length}${failed.length === 0 ? '' : `, failed ${failed.length}`}\n`);
  for (const { what, why } of failed) await context.stderr.write(`shale: ${displayLine(what)}: ${displayLine(why)}\n`);
  return failed.length === 0 ? EXIT.success : EXIT.failure;
}
