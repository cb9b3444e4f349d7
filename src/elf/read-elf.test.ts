import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareSymbolVersions, type ElfFile, readElf } from './index.ts';

function read(bytes: Buffer): ElfFile | undefined {
  return readElf({
    sizeBytes: bytes.length,
    read: ({ offset, lengthBytes }) => bytes.subarray(offset, offset + lengthBytes),
  });
}

test('readElf() knows what is no ELF file', () => {
  for (const text of ['', '#!/bin/sh\n', '\x7fELF', `\x7fELF${'\0'.repeat(70)}`])
    assert.equal(read(Buffer.from(text, 'latin1')), undefined);
});

test('readElf() survives files that are cut, flipped and full of nonsense', (t) => {
  // The program that runs this is a large one, of which the parts that are read lie at its beginning.
  if (process.platform !== 'linux') return t.skip('the program is no ELF file');
  const whole = readFileSync('/proc/self/exe').subarray(0, 65_536);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1023), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: whole.length }),
      (changes, length) => {
        const bytes = Buffer.from(whole.subarray(0, length));
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        read(bytes);
      },
    ),
    { numRuns: process.env['SHALE_TEST_LONG'] === '1' ? 20_000 : 300, seed: 11 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void read(Buffer.concat([whole.subarray(0, 20), bytes]))),
    {
      numRuns: 300,
      seed: 11,
    },
  );
});

test('compareSymbolVersions() takes numbers as numbers', () => {
  const versions = ['GLIBC_2.34', 'GLIBC_2.9', 'GLIBC_2.2.5', 'GLIBCXX_3.4', 'GLIBC_2.2'];
  assert.deepEqual(versions.toSorted(compareSymbolVersions), [
    'GLIBCXX_3.4',
    'GLIBC_2.2',
    'GLIBC_2.2.5',
    'GLIBC_2.9',
    'GLIBC_2.34',
  ]);
});
