import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { keyText, PUBLIC_KEY_FLAG } from './key-flags.ts';
import { predicateType } from './predicate-types.ts';

export const command: Command = {
  usage: '[OPTIONS] --key FILE --type TYPE NAME[:TAG | @DIGEST]',
  description:
    'Succeeds when the owner of the key has signed a statement of this type about the very manifest that the name leads ' +
    'to, with cosign 3 or shale, and prints what it says, one predicate on a line.',
  flags: [
    PUBLIC_KEY_FLAG,
    {
      kind: 'text',
      name: 'type',
      value: 'TYPE',
      summary: 'what must be attested: slsaprovenance1, spdxjson, cyclonedx, or a URI',
    },
  ],
  refused: [
    { name: 'policy', why: 'what a predicate must say is checked by whoever reads it' },
    { name: 'certificate-identity', why: 'signatures are checked with keys', instead: '--key cosign.pub' },
  ],
  args: { min: 1, max: 1, complete: 'image' },
  examples: [
    {
      command: 'shale verify-attestation --key cosign.pub --type spdxjson registry.example/web:1.2',
      says: 'the SBOM that was vouched for',
    },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<void> {
  const type = predicateType(flags.text('type'));
  const publicKey = keyText(context, '--key', flags.text('key'));
  const engine = await context.engine();
  const request = { image: args[0] ?? '', publicKey, predicateType: type };
  const { signatures } = await engine.verify(request, { signal: context.signal });
  for (const signature of signatures)
    if (signature.kind === 'bundle') await context.stdout.write(`${JSON.stringify(signature.predicate)}\n`);
}
