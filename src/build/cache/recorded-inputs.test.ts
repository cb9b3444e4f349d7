import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { isShaleError, streamOf } from '../../base/index.ts';
import { compressInputs, decompressInputs } from './recorded-inputs.ts';

async function read(compressed: Uint8Array): Promise<(readonly [string, string])[]> {
  return Array.fromAsync(decompressInputs(streamOf(compressed)));
}

async function compress(inputs: Iterable<readonly [string, string]>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  await compressInputs(inputs, async (part) => void parts.push(part));
  return Buffer.concat(parts);
}

test('decompressInputs() is the inverse of compressInputs()', async () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('"', '\\', '],["', '\\"', '"],["a","', '\n'));
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name }), async (pairs) => {
      assert.deepEqual(await read(await compress(pairs)), pairs);
    }),
    { numRuns: 50 },
  );
});

test('decompressInputs() puts pairs together that the pieces of a stream divide', async () => {
  const pairs = Array.from(
    { length: 30_000 },
    (_, i) => [`file:é${i} -> /"${i}`, `file 0644 0:0 ${'x'.repeat(i % 90)}`] as const,
  );
  assert.deepEqual(await read(await compress(pairs)), pairs);
});

test('decompressInputs() refuses what is cut or something else', async () => {
  const whole = await compress([['a', 'b']]);
  await assert.rejects(read(whole.subarray(0, 9)));
  for (const text of ['{}', '[["a"]]', '[["a","b"]', '[["a",1]]', '', '[["a","b"]]x'])
    await assert.rejects(read(zstdCompressSync(text)), (error) => isShaleError(error, 'INPUTS_INVALID'), text);
});
