import type { BuildRequest } from '../../engine/index.ts';
import type { Flag } from '../command.ts';
import { parseAttestations } from '../options/attestations.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { UsageError } from '../usage-error.ts';

export const ATTEST_STYLE_FLAG: Flag = {
  kind: 'text',
  name: 'attest-style',
  value: 'referrers|index',
  summary: 'how it goes along: as artifacts that refer to the image, or beside it in an index, as buildx does it',
};

/** What is said about the image, and goes with it. */
export const ATTEST_FLAGS: readonly Flag[] = [
  {
    kind: 'list',
    name: 'attest',
    value: 'type=KIND,…',
    summary: 'attest type=provenance[,mode=min|max][,builder-id=URI] or type=sbom[,format=spdx|cyclonedx]',
  },
  {
    kind: 'text',
    name: 'provenance',
    value: 'BOOL|mode=MODE',
    summary: 'say how the image was made; mode=min leaves out arguments, labels and the Dockerfile',
  },
  {
    kind: 'text',
    name: 'sbom',
    value: 'BOOL|format=FORMAT',
    summary: 'say what packages are in the image, as spdx or cyclonedx',
  },
  ATTEST_STYLE_FLAG,
];

/** @throws USAGE */
export function attestOptions(flags: ParsedFlags): Pick<BuildRequest, 'attestations' | 'attestationStyle'> {
  const attestations = parseAttestations({
    attest: flags.list('attest'),
    provenance: flags.text('provenance'),
    sbom: flags.text('sbom'),
  });
  const attestationStyle = styleOf(flags.text('attest-style'));
  return {
    ...(attestations.length > 0 && { attestations }),
    ...(attestationStyle !== undefined && { attestationStyle }),
  };
}

function styleOf(word: string | undefined): BuildRequest['attestationStyle'] {
  if (word === undefined || word === 'referrers' || word === 'index') return word;
  throw new UsageError(`--attest-style: ${word} is neither referrers nor index`);
}
