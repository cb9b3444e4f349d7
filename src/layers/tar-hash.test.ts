import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { HashThread } from './hash-thread.ts';
import { TAR_BUFFER_BYTES, TarHash } from './tar-hash.ts';

/** Fills a buffer and has it hashed; every other time it waits for the next buffer in the other way. */
async function submit(hash: TarHash, value: number, length: number = TAR_BUFFER_BYTES): Promise<Uint8Array> {
  const bytes = Buffer.from(hash.buffer.fill(value).subarray(0, length));
  hash.submit(length);
  if (value % 2 === 0) hash.awaitBufferNow();
  else await hash.awaitBuffer();
  return bytes;
}

for (const [buffers, where] of [
  [3, 'in place'],
  [20, 'on a thread'],
] as const) {
  test(`TarHash gives the sha256 of ${buffers} buffers, hashed ${where}`, async () => {
    using hash = new TarHash();
    const expected = createHash('sha256');
    for (let i = 0; i < buffers; i++) {
      expected.update(await submit(hash, i + 1, i === buffers - 1 ? 1234 : TAR_BUFFER_BYTES));
    }
    assert.equal((await hash.digest())?.hex, expected.digest('hex'));
  });
}

test('TarHash of nothing is the sha256 of nothing', async () => {
  using hash = new TarHash();
  assert.equal((await hash.digest())?.hex, createHash('sha256').digest('hex'));
});

test('TarHash of several tars at once keeps them apart, and one that is given up disturbs nobody', async () => {
  using dropped = new TarHash();
  const tars = [1, 2, 3].map((seed) => ({ seed, hash: new TarHash(), expected: createHash('sha256') }));
  for (let i = 0; i < 12; i++) {
    for (const { seed, hash, expected } of tars) {
      expected.update(await submit(hash, seed * 16 + i));
    }
    if (i < 10) await submit(dropped, i);
    else dropped[Symbol.dispose]();
  }
  const got = await Promise.all(tars.map(({ hash }) => hash.digest()));
  assert.deepEqual(
    got.map((sums) => sums?.hex),
    tars.map(({ expected }) => expected.digest('hex')),
  );
});

test('TarHash says when its thread was lost, and the next one gets a new thread', async () => {
  using lost = new TarHash();
  for (let i = 0; i < 12; i++) await submit(lost, i);
  HashThread.shared().giveUp();
  assert.equal(await lost.digest(), undefined);
  using next = new TarHash();
  const expected = createHash('sha256');
  for (let i = 0; i < 12; i++) {
    expected.update(await submit(next, i));
  }
  assert.equal((await next.digest())?.hex, expected.digest('hex'));
});

test('TarHash: who waits for a buffer hears at once that the thread was lost', async () => {
  using hash = new TarHash();
  for (let i = 0; i < 6; i++) await submit(hash, i);
  // It gets nothing done any more, and does not say so by itself.
  for (let i = 0; i < 6; i++) hash.submit(TAR_BUFFER_BYTES);
  const waiting = hash.awaitBuffer();
  HashThread.shared().giveUp();
  await waiting;
  assert.equal(await hash.digest(), undefined);
});

for (const [buffers, where] of [
  [3, 'in place'],
  [9, 'on a thread'],
] as const) {
  test(`TarHash gives the sha256 of files in the tar, hashed ${where}`, async () => {
    using hash = new TarHash();
    const tar = Buffer.alloc(buffers * TAR_BUFFER_BYTES, 'content of no period');
    const end = tar.length;
    // Empty, within a buffer, up to its end, from its end on, over two borders, empty at the end of the tar.
    const files = [0, 0, 0, 1, 512, 3000, TAR_BUFFER_BYTES - 512, 512, TAR_BUFFER_BYTES, 7];
    files.push(TAR_BUFFER_BYTES + 1024, TAR_BUFFER_BYTES * 2 - 1024 - 1, end - 512, 512, end, 0);
    for (let i = 0; i < buffers; i++) {
      hash.buffer.set(tar.subarray(i * TAR_BUFFER_BYTES, (i + 1) * TAR_BUFFER_BYTES));
      hash.submit(TAR_BUFFER_BYTES, i === 0 ? files.slice(0, 8) : i === 1 ? files.slice(8) : []);
      await hash.awaitBuffer();
    }
    const expected: Buffer[] = [];
    for (let i = 0; i < files.length; i += 2) {
      const [begin = 0, length = 0] = files.slice(i);
      expected.push(
        createHash('sha256')
          .update(tar.subarray(begin, begin + length))
          .digest(),
      );
    }
    const sums = await hash.digest();
    assert.equal(sums?.hex, createHash('sha256').update(tar).digest('hex'));
    assert.deepEqual(Buffer.from(sums.contents), Buffer.concat(expected));
  });
}
