import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { TAR_BUFFER_BYTES, TarHash } from './tar-hash.ts';

for (const [buffers, where] of [
  [3, 'in place'],
  [20, 'on a thread'],
] as const) {
  test(`TarHash gives the sha256 of ${buffers} buffers, hashed ${where}`, async () => {
    using hash = new TarHash();
    const expected = createHash('sha256');
    for (let i = 0; i < buffers; i++) {
      const length = i === buffers - 1 ? 1234 : TAR_BUFFER_BYTES;
      const bytes = hash.buffer.fill(i + 1).subarray(0, length);
      expected.update(bytes);
      hash.submit(length);
    }
    assert.equal(await hash.digest(), expected.digest('hex'));
  });
}

test('TarHash of nothing is the sha256 of nothing', async () => {
  using hash = new TarHash();
  assert.equal(await hash.digest(), createHash('sha256').digest('hex'));
});
