import { resolve } from 'node:path';
import { createReadStream } from 'node:fs';
import { collect, messageOf, ShaleError } from '../../base/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../usage-error.ts';
import { PRIVATE_KEY_FLAG, privateKey } from './key-flags.ts';
import { predicateType } from './predicate-types.ts';

const PREDICATE_MAX_BYTES = 32 * 1024 * 1024;

export const command: Command = {
  usage: '[OPTIONS] --key FILE --type TYPE --predicate FILE NAME[:TAG | @DIGEST]',
  description:
    'Signs a statement about the manifest that the name leads to in its registry, and attaches it there, so that ' +
    '`cosign verify-attestation` finds it. The predicate is JSON: an SBOM, a scan, provenance.',
  flags: [
    PRIVATE_KEY_FLAG,
    {
      kind: 'text',
      name: 'type',
      value: 'TYPE',
      summary: 'what the predicate is: slsaprovenance1, spdxjson, cyclonedx, or a URI',
    },
    { kind: 'text', name: 'predicate', value: 'FILE', summary: 'the file with the predicate; "-" for standard input' },
    { kind: 'boolean', name: 'yes', short: 'y', summary: 'changes nothing: nobody is asked' },
  ],
  refused: [{ name: 'tlog-upload', why: 'no transparency log is written to' }],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [
    {
      command: 'shale attest --key cosign.key --type spdxjson --predicate web.spdx.json registry.example/web:1.2',
      says: 'vouch for an SBOM',
    },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const type = predicateType(flags.text('type'));
  const predicate = await predicateBytes(context, flags.text('predicate') ?? '');
  const key = await privateKey(context, flags);
  const engine = await context.engine();
  const request = { image: args[0] ?? '', key, predicateType: type, predicate };
  const { name } = await engine.attest(request, { signal: context.signal });
  await context.stdout.write(`${name}\n`);
}

/** @throws USAGE, LIMIT_EXCEEDED, FILE_UNREADABLE */
async function predicateBytes(context: Context, file: string): Promise<Buffer> {
  if (file === '') throw new UsageError('--predicate FILE is missing');
  const what = 'the predicate';
  if (file === '-') return collect(context.stdin.bytes(), PREDICATE_MAX_BYTES, what);
  try {
    return await collect(createReadStream(resolve(context.cwd, file)), PREDICATE_MAX_BYTES, what);
  } catch (cause) {
    if (cause instanceof ShaleError) throw cause;
    throw new ShaleError('FILE_UNREADABLE', `${what} ${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
