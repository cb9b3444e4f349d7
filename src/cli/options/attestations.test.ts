import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttestationRequest } from '../../engine/index.ts';
import { parseAttestations } from './attestations.ts';

function parsed(attest: readonly string[], provenance?: string, sbom?: string): AttestationRequest[] {
  return parseAttestations({ attest, provenance, sbom });
}

test('parseAttestations() reads the words of buildx', () => {
  const max: AttestationRequest = { kind: 'provenance', mode: 'max' };
  const min: AttestationRequest = { kind: 'provenance', mode: 'min' };
  const spdx: AttestationRequest = { kind: 'sbom', format: 'spdx' };
  assert.deepEqual(parsed([]), []);
  assert.deepEqual(parsed([], 'true', '1'), [max, spdx]);
  assert.deepEqual(parsed([], 'false', 'False'), []);
  assert.deepEqual(parsed([], 'mode=min', 'format=cyclonedx'), [min, { kind: 'sbom', format: 'cyclonedx' }]);
  assert.deepEqual(parsed(['type=provenance,mode=full', 'type=sbom']), [max, spdx]);
  assert.deepEqual(parsed(['type=provenance,disabled=true', 'type=sbom,disabled']), []);
  assert.deepEqual(parsed(['type=provenance,version=v1,builder-id=https://ci.example/1']), [
    { ...max, builderId: 'https://ci.example/1' },
  ]);
});

test('parseAttestations() refuses what it cannot do', () => {
  const refusals: [Parameters<typeof parsed>, RegExp][] = [
    [[['mode=min']], /type= is missing/],
    [[['type=vex']], /provenance, sbom/],
    [[['type=sbom'], undefined, 'true'], /sbom is asked for twice/],
    [[[], 'mode=most'], /min, max, full/],
    [[[], 'version=v0.2'], /version 1/],
    [[[], undefined, 'generator=docker/scout-sbom-indexer'], /lists packages itself/],
    [[[], 'inline-only=true'], /inline-only is not known/],
  ];
  for (const [words, message] of refusals) assert.throws(() => parsed(...words), { code: 'USAGE', message });
});
