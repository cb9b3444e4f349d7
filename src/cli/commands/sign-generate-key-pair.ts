import { closeSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { isSystemError, messageOf, ShaleError } from '../../base/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { passwordOf } from './key-flags.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Makes cosign.key (ECDSA P-256, encrypted with a password) and cosign.pub, as cosign does. The password comes from ' +
    'COSIGN_PASSWORD, or is asked for. Files that are there are not replaced.',
  flags: [
    {
      kind: 'text',
      name: 'output-key-prefix',
      value: 'NAME',
      default: 'cosign',
      summary: 'what the files are called',
    },
  ],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale sign generate-key-pair --output-key-prefix team', says: 'team.key and team.pub' }],
  run,
};

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const prefix = resolve(context.cwd, flags.text('output-key-prefix') ?? 'cosign');
  const password = await passwordOf(context, 'Password for the private key: ');
  if (context.env['COSIGN_PASSWORD'] === undefined && password !== (await passwordOf(context, 'Again: ')))
    throw new ShaleError('KEY_PASSWORD', 'the two passwords differ');
  const engine = await context.engine();
  const { privateKey, publicKey } = await engine.generateKeyPair(password);
  writeNewFile(`${prefix}.key`, privateKey, 0o600);
  writeNewFile(`${prefix}.pub`, publicKey, 0o644);
  await context.stdout.write(`${prefix}.key\n${prefix}.pub\n`);
}

/** @throws OUTPUT_EXISTS, OUTPUT_FAILED */
function writeNewFile(path: string, text: string, mode: number): void {
  try {
    const fd = openSync(path, 'wx', mode);
    try {
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if (isSystemError(cause, 'EEXIST'))
      throw new ShaleError('OUTPUT_EXISTS', `${path} is there already, and a lost key cannot be made again`, { cause });
    throw new ShaleError('OUTPUT_FAILED', `cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
}
