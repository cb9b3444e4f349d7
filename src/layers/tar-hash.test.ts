import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { HashThread } from './hash-thread.ts';
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

test('TarHash of several tars at once keeps them apart, and one that is given up disturbs nobody', async () => {
  using dropped = new TarHash();
  const tars = [1, 2, 3].map((seed) => ({ seed, hash: new TarHash(), expected: createHash('sha256') }));
  for (let i = 0; i < 12; i++) {
    for (const { seed, hash, expected } of tars) {
      expected.update(hash.buffer.fill(seed * 16 + i));
      hash.submit(TAR_BUFFER_BYTES);
    }
    if (i < 10) dropped.submit(TAR_BUFFER_BYTES);
    else dropped[Symbol.dispose]();
  }
  const got = await Promise.all(tars.map(({ hash }) => hash.digest()));
  assert.deepEqual(
    got,
    tars.map(({ expected }) => expected.digest('hex')),
  );
});

test('TarHash says when its thread was lost, and the next one gets a new thread', async () => {
  using lost = new TarHash();
  for (let i = 0; i < 12; i++) lost.submit(TAR_BUFFER_BYTES);
  HashThread.shared().giveUp();
  assert.equal(await lost.digest(), undefined);
  using next = new TarHash();
  const expected = createHash('sha256');
  for (let i = 0; i < 12; i++) {
    expected.update(next.buffer.fill(i));
    next.submit(TAR_BUFFER_BYTES);
  }
  assert.equal(await next.digest(), expected.digest('hex'));
});
