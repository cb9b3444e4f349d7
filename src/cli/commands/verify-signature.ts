import type { VerifiedImage } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { keyText, PUBLIC_KEY_FLAG } from './key-flags.ts';

export const command: Command = {
  usage: '[OPTIONS] --key FILE NAME[:TAG | @DIGEST]',
  description:
    'Succeeds when the owner of the key has signed the very manifest that the name leads to, with cosign (1 to 3) or ' +
    'shale. Prints the name by its digest: that is what is verified, so run or pull that. No transparency log is asked.',
  flags: [PUBLIC_KEY_FLAG, { kind: 'boolean', name: 'quiet', short: 'q', summary: 'print the digest alone' }],
  refused: [
    { name: 'certificate-identity', why: 'signatures are checked with keys', instead: '--key cosign.pub' },
    { name: 'insecure-ignore-tlog', why: 'no transparency log is asked anyway' },
  ],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [
    { command: 'shale verify-signature --key cosign.pub registry.example/team/web:1.2', says: 'check an image' },
    {
      command: 'shale verify-signature -q --key cosign.pub registry.example/team/web:1.2',
      says: 'its digest, to pull by',
    },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const publicKey = keyText(context, '--key', flags.text('key'));
  const engine = await context.engine();
  const image: VerifiedImage = await engine.verify({ image: args[0] ?? '', publicKey }, { signal: context.signal });
  await context.stdout.write(flags.boolean('quiet') ? `${image.digest}\n` : `${image.name}\n`);
}
