import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { PRIVATE_KEY_FLAG, privateKey } from './key-flags.ts';

export const command: Command = {
  usage: '[OPTIONS] --key FILE NAME[:TAG | @DIGEST]',
  description:
    'Signs the manifest that the name leads to in its registry, so that cosign verifies it: `cosign verify --key ' +
    'cosign.pub --insecure-ignore-tlog NAME`. No transparency log and no certificate is asked; the key is all. ' +
    'Sign by digest where others can move the tag.',
  flags: [
    PRIVATE_KEY_FLAG,
    {
      kind: 'text',
      name: 'form',
      value: 'FORM',
      choices: ['bundle', 'simple'],
      default: 'bundle',
      summary: 'an artifact that refers to the image, as cosign 3 makes; or under a tag, for cosign 1 and 2',
    },
    { kind: 'boolean', name: 'recursive', short: 'r', summary: 'of an image for several platforms, sign each one too' },
    { kind: 'boolean', name: 'yes', short: 'y', summary: 'changes nothing: nobody is asked' },
  ],
  refused: [
    { name: 'tlog-upload', why: 'no transparency log is written to' },
    { name: 'identity-token', why: 'images are signed with keys', instead: '--key cosign.key' },
  ],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [
    { command: 'shale sign --key cosign.key registry.example/team/web:1.2', says: 'sign an image in its registry' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const key = await privateKey(context, flags);
  const engine = await context.engine();
  const signed = await engine.sign(
    {
      image: args[0] ?? '',
      key,
      form: flags.text('form') === 'simple' ? 'simple' : 'bundle',
      recursive: flags.boolean('recursive'),
    },
    { signal: context.signal },
  );
  for (const { name } of signed) await context.stdout.write(`${name}\n`);
}
