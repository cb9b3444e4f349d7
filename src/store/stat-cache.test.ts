import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { scratchStore } from './store.fixture.ts';
import type { FileStat } from './types.ts';

const SWEEP_MS = 2_000_000_000_000;
const SUM = Buffer.alloc(32, 7);

function stat(change: Partial<FileStat> = {}): FileStat {
  const ns = 1_700_000_000_123_456_789n;
  return { dev: 1n, ino: 2n ** 60n, size: 3n, mtimeNs: ns, ctimeNs: ns + 1n, mode: 0o100644n, ...change };
}

test('the stat cache gives a digest back as long as nothing about the file has changed', async () => {
  await using fixture = await scratchStore();
  const { statCache } = fixture.store;
  assert.equal((await statCache.load('/ctx')).count, 0);
  await statCache.save('/ctx', {
    startedAtMs: SWEEP_MS,
    files: [
      { path: 'a/b', stat: stat(), sha256: SUM },
      { path: '\xff\x00é', stat: stat({ ino: 5n }), sha256: Buffer.alloc(32, 9) },
      { path: 'nobody asks', stat: stat(), sha256: SUM },
    ],
  });
  const cache = await statCache.load('/ctx');
  assert.deepEqual(Buffer.from(cache.find('a/b', stat()) ?? []), SUM);
  assert.equal(cache.find('\xff\x00é', stat({ ino: 5n }))?.[0], 9);
  assert.equal(cache.find('a', stat()), undefined);
  for (const field of ['dev', 'ino', 'size', 'mtimeNs', 'ctimeNs', 'mode'] as const) {
    assert.equal(cache.find('a/b', stat({ [field]: stat()[field] + 1n })), undefined, field);
  }
  assert.equal((await statCache.load('/other')).count, 0);
});

test('a stat cache whose files were all asked for is empty: it gives its memory back', async () => {
  await using fixture = await scratchStore();
  const { statCache } = fixture.store;
  const paths = Array.from({ length: 20 }, (_, i) => `file ${i}`);
  await statCache.save('/ctx', {
    startedAtMs: SWEEP_MS,
    files: paths.map((path) => ({ path, stat: stat(), sha256: SUM })),
  });
  const cache = await statCache.load('/ctx');
  for (const path of paths.slice(1)) {
    assert.deepEqual(Buffer.from(cache.find(path, stat()) ?? []), SUM);
    assert.deepEqual(Buffer.from(cache.find(path, stat()) ?? []), SUM, 'again');
  }
  assert.equal(cache.find('file 0', stat({ size: 4n })), undefined, 'a file that has changed was asked for too');
  assert.deepEqual(
    paths.filter((path) => cache.find(path, stat()) !== undefined),
    [],
  );
  assert.equal(cache.count, 20);
});

test('a file that changed as late as the sweep began is not remembered (the racy rule)', async () => {
  await using fixture = await scratchStore();
  const { statCache } = fixture.store;
  const sweep = BigInt(SWEEP_MS) * 1_000_000n;
  const times: Record<string, Partial<FileStat>> = {
    settled: { mtimeNs: sweep - 30_000_001n },
    'at the same tick': { mtimeNs: sweep - 1n },
    later: { mtimeNs: sweep + 1n },
    'changed without its mtime': { ctimeNs: sweep + 1n },
    'whole seconds': { mtimeNs: sweep - 1_000_000_000n, ctimeNs: sweep - 1_000_000_000n },
  };
  const files = Object.entries(times).map(([path, change]) => ({ path, stat: stat(change), sha256: SUM }));
  await statCache.save('/ctx', { startedAtMs: SWEEP_MS, files });
  const cache = await statCache.load('/ctx');
  const kept = files.filter(({ path, stat }) => cache.find(path, stat) !== undefined);
  assert.deepEqual(
    kept.map(({ path }) => path),
    ['settled'],
  );
});

test('a cut, flipped or foreign stat cache is empty, never wrong', async () => {
  await using fixture = await scratchStore();
  const { statCache } = fixture.store;
  const files = Array.from({ length: 5 }, (_, i) => ({
    path: `file ${i}`,
    stat: stat({ ino: BigInt(i) }),
    sha256: SUM,
  }));
  await statCache.save('/ctx', { startedAtMs: SWEEP_MS, files });
  const [name = ''] = readdirSync(join(fixture.root, 'sources'));
  const path = join(fixture.root, 'sources', name);
  const whole = readFileSync(path);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, xor, cut) => {
      const bytes = Buffer.from(cut ? whole.subarray(0, at) : whole);
      if (!cut) bytes[at] = (bytes[at] ?? 0) ^ xor;
      writeFileSync(path, bytes);
      const cache = await statCache.load('/ctx');
      // The last word of the header is not used.
      assert.equal(cache.count, !cut && at >= 20 && at < 24 ? 5 : 0);
    }),
    { numRuns: 60 },
  );
});

test('the stat cache of 20,000 files gives each digest back', async () => {
  await using fixture = await scratchStore();
  const { statCache } = fixture.store;
  const paths = Array.from({ length: 20_000 }, (_, i) => `src/some/folder-${i % 200}/file-${i}.ts`);
  const stats = paths.map((_, i) => stat({ ino: BigInt(i) }));
  const files = paths.map((path, i) => ({ path, stat: stats[i] ?? stat(), sha256: SUM }));
  await statCache.save('/ctx', { startedAtMs: SWEEP_MS, files });
  const cache = await statCache.load('/ctx');
  for (const [i, path] of paths.entries())
    assert.deepEqual(Buffer.from(cache.find(path, stats[i] ?? stat()) ?? []), SUM);
});
