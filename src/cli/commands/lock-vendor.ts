import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { counted, humanSize } from '../output/human.ts';
import { displayLine } from '../output/text-width.ts';
import { LOCK_FILE_FLAG, lockFileOf, parseVendorPlace } from './lock-place.ts';

export const command: Command = {
  usage: '[OPTIONS] PLACE [CONTEXT]',
  description:
    'Writes all that a lock file names, base images included, to a place: a folder (an OCI layout), or docker://NAME in a registry. Years later, with no mirror, "shale lock fetch --from PLACE" and "shale build --locked" make the same image of it.',
  flags: [LOCK_FILE_FLAG],
  args: { min: 1, max: 2, complete: 'file' },
  examples: [
    { command: 'shale lock vendor ./vendor', says: 'into a folder' },
    { command: 'shale lock vendor docker://registry.example/web-lock:1.2', says: 'into a registry' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const [place = '', folder] = args;
  const engine = await context.engine();
  const path = lockFileOf(context, flags, folder);
  const outcome = await engine.locks.vendorLocked(path, parseVendorPlace(place, context.cwd), {
    signal: context.signal,
  });
  const { blobs, bases, sizeBytes } = outcome;
  await context.stdout.write(
    `wrote ${counted(blobs, 'file')} (${humanSize(sizeBytes)}) and ${counted(bases, 'base image')} to ${displayLine(place)}\n`,
  );
}
