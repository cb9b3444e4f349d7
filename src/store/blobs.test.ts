import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { diffIdOf, digestOf, ownerOfAnotherBoot, publishImage, scratchStore } from './store.fixture.ts';

const HELLO = Buffer.from('hello, blob');

function staged(root: string): readonly string[] {
  return readdirSync(join(root, 'ingest'));
}

test('put() stores bytes once, read-only, and find(), read(), open() and stream() give them back', async () => {
  await using fixture = await scratchStore();
  const { blobs } = fixture.store;
  const digest = await blobs.put(HELLO);
  assert.equal(digest, digestOf(HELLO));
  assert.equal(await blobs.put(HELLO), digest);
  const stat = await blobs.get(digest);
  assert.deepEqual({ size: stat.sizeBytes, path: stat.path }, { size: HELLO.length, path: blobs.path(digest) });
  assert.equal(lstatSync(stat.path).mode & 0o777, 0o400);
  assert.deepEqual(await blobs.read(digest, 100), HELLO);
  const chunks: Uint8Array[] = [];
  for await (const chunk of blobs.stream(digest)) chunks.push(chunk);
  assert.deepEqual(Buffer.concat(chunks), HELLO);
  await using open = await blobs.open(digest);
  assert.deepEqual(readFileSync(open.fd), HELLO);
  assert.deepEqual(staged(fixture.root), []);
});

test('read() refuses a blob above the limit and get() one that is not there', async () => {
  await using fixture = await scratchStore();
  const digest = await fixture.store.blobs.put(HELLO);
  await assert.rejects(fixture.store.blobs.read(digest, 5), { code: 'BLOB_TOO_LARGE' });
  await assert.rejects(fixture.store.blobs.get(digestOf('no')), { code: 'BLOB_NOT_FOUND' });
  await assert.rejects(fixture.store.blobs.read(digestOf('no'), 5), { code: 'BLOB_NOT_FOUND' });
});

test('F-101: commit() with a wrong digest or size, after close, and twice', async () => {
  await using fixture = await scratchStore();
  const { blobs } = fixture.store;
  {
    await using ingest = await blobs.createIngest({ ref: 'r', expectedDigest: digestOf('other') });
    await ingest.write(HELLO);
    await assert.rejects(ingest.commit(), { code: 'DIGEST_MISMATCH' });
    await assert.rejects(ingest.commit(), { code: 'DIGEST_MISMATCH' });
  }
  {
    await using ingest = await blobs.createIngest({ ref: 'r', expectedSizeBytes: HELLO.length + 1 });
    await ingest.write(HELLO);
    await assert.rejects(ingest.commit(), { code: 'SIZE_MISMATCH' });
  }
  {
    await using ingest = await blobs.createIngest({ expectedSizeBytes: 3 });
    await assert.rejects(ingest.write(HELLO), { code: 'SIZE_MISMATCH' });
  }
  {
    await using ingest = await blobs.createIngest();
    await ingest.write(HELLO);
    await assert.rejects(ingest.commit(digestOf('a lie')), { code: 'DIGEST_MISMATCH' });
  }
  assert.equal(await blobs.find(digestOf(HELLO)), undefined);
  assert.deepEqual(staged(fixture.root), []);
  const closed = await blobs.createIngest();
  await closed[Symbol.asyncDispose]();
  await assert.rejects(closed.commit(), { code: 'INGEST_CLOSED' });
  await assert.rejects(closed.write(HELLO), { code: 'INGEST_CLOSED' });
  await using ingest = await blobs.createIngest({ ref: 'r', expectedDigest: digestOf(HELLO) });
  await ingest.write(HELLO);
  assert.equal(await ingest.commit(), digestOf(HELLO));
  assert.equal(await ingest.commit(), digestOf(HELLO));
  assert.ok(await blobs.find(digestOf(HELLO)));
});

test('F-102: an ingest that was interrupted at byte k is resumed, truncated or discarded', async () => {
  await using fixture = await scratchStore();
  const { blobs } = fixture.store;
  const bytes = Buffer.alloc(5000, 0).map((_, i) => (i * 131) % 251);
  for (let round = 0; round < 100; round++) {
    const content = Buffer.concat([Buffer.from([round]), bytes]);
    const k = (round * 7919) % content.length;
    const ref = `round ${round}`;
    const first = await blobs.createIngest({ ref });
    await first.write(content.subarray(0, k));
    await first.keep();
    const mode = (['resume', 'truncate', 'discard'] as const)[round % 3];
    if (mode === 'discard') await (await blobs.createIngest({ ref }))[Symbol.asyncDispose]();
    await using again = await blobs.createIngest({ ref, existing: mode === 'truncate' ? 'truncate' : 'resume' });
    assert.equal(again.sizeBytes, mode === 'resume' ? k : 0);
    await again.write(content.subarray(again.sizeBytes));
    assert.equal(await again.commit(), digestOf(content));
  }
  assert.deepEqual(staged(fixture.root), []);
});

test('F-102: truncate() cuts a resumed ingest back to any byte', async () => {
  await using fixture = await scratchStore();
  await using ingest = await fixture.store.blobs.createIngest();
  await ingest.write(Buffer.from('hello, wrong'));
  await ingest.truncate(7);
  ingest.writeSync(Buffer.from('blob'));
  assert.equal(await ingest.commit(), digestOf(HELLO));
});

test('F-102: bytes of another boot are not resumed, since they may never have reached the disk', async () => {
  await using fixture = await scratchStore({ owner: ownerOfAnotherBoot() });
  const ingest = await fixture.store.blobs.createIngest({ ref: 'r' });
  await ingest.write(HELLO);
  await ingest.keep();
  const now = await fixture.again({ owner: ownerOfAnotherBoot('this-boot') });
  await using again = await now.blobs.createIngest({ ref: 'r' });
  assert.equal(again.sizeBytes, 0);
});

test('a write that has to be resumed is resumed, or not found', async () => {
  await using fixture = await scratchStore();
  const { blobs } = fixture.store;
  const required = { ref: 'r', existing: 'required' } as const;
  await assert.rejects(blobs.createIngest(required), { code: 'INGEST_NOT_FOUND' });
  const first = await blobs.createIngest({ ref: 'r' });
  await first.write(HELLO);
  await assert.rejects(blobs.createIngest(required), { code: 'INGEST_BUSY' });
  await first.keep();
  const again = await blobs.createIngest(required);
  assert.equal(again.sizeBytes, HELLO.length);
  await again[Symbol.asyncDispose]();
  await assert.rejects(blobs.createIngest(required), { code: 'INGEST_NOT_FOUND' });
});

test('F-103: of two writers of one ref the second is told so, or waits', async () => {
  await using fixture = await scratchStore();
  const { blobs } = fixture.store;
  const first = await blobs.createIngest({ ref: 'one' });
  await assert.rejects(blobs.createIngest({ ref: 'one' }), { code: 'INGEST_BUSY' });
  const second = blobs.createIngest({ ref: 'one', wait: true });
  const abort = new AbortController();
  const third = blobs.createIngest({ ref: 'one', wait: true, signal: abort.signal });
  abort.abort();
  await assert.rejects(third, { name: 'AbortError' });
  await first.write(HELLO);
  await first.commit();
  await (await second)[Symbol.asyncDispose]();
});

test('F-103: two writers of the same digest under different refs both succeed and leave one blob', async () => {
  await using fixture = await scratchStore();
  const other = await fixture.again();
  const ingests = [
    await fixture.store.blobs.createIngest({ ref: 'a' }),
    await other.blobs.createIngest({ ref: 'b' }),
    await other.blobs.createIngest(),
  ];
  for (const ingest of ingests) await ingest.write(HELLO);
  assert.deepEqual(
    await Promise.all(ingests.map((ingest) => ingest.commit())),
    ingests.map(() => digestOf(HELLO)),
  );
  for (const ingest of ingests) await ingest[Symbol.asyncDispose]();
  assert.equal((await other.blobs.list()).length, 1);
  assert.deepEqual(staged(fixture.root), []);
});

test('F-104: a reader sees nothing of a blob until all of it is there', async () => {
  await using fixture = await scratchStore();
  const reader = await fixture.again();
  const bytes = Buffer.alloc(300_000, 'x');
  const digest = digestOf(bytes);
  await using ingest = await fixture.store.blobs.createIngest({ expectedDigest: digest });
  for (let at = 0; at < bytes.length; at += 50_000) {
    await ingest.write(bytes.subarray(at, at + 50_000));
    assert.equal(await reader.blobs.find(digest), undefined);
    assert.deepEqual(await reader.blobs.list(), []);
  }
  const watching = (async () => {
    for (;;) {
      const stat = await reader.blobs.find(digest);
      if (stat === undefined) continue;
      assert.equal(stat.sizeBytes, bytes.length);
      return;
    }
  })();
  await ingest.commit();
  await watching;
});

test('ensure() lets one writer fill and the others wait for it', async () => {
  await using fixture = await scratchStore();
  const other = await fixture.again();
  let fills = 0;
  const fill = async (ingest: { write(chunk: Uint8Array): Promise<void> }): Promise<void> => {
    fills++;
    await new Promise((resolve) => setTimeout(resolve, 30));
    await ingest.write(HELLO);
  };
  const digest = digestOf(HELLO);
  await Promise.all([fixture.store, other, fixture.store, other].map((store) => store.blobs.ensure(digest, {}, fill)));
  assert.equal(fills, 1);
});

test('ensure() resumes after a failure, but never after wrong bytes', async () => {
  await using fixture = await scratchStore();
  const { blobs } = fixture.store;
  const digest = digestOf(HELLO);
  const failing = blobs.ensure(digest, {}, async (ingest) => {
    await ingest.write(HELLO.subarray(0, 5));
    throw new Error('connection reset');
  });
  await assert.rejects(failing, /connection reset/);
  const lying = blobs.ensure(digest, {}, async (ingest) => {
    assert.equal(ingest.sizeBytes, 5);
    await ingest.write(Buffer.from('!!!!!!'));
  });
  await assert.rejects(lying, { code: 'DIGEST_MISMATCH' });
  const stat = await blobs.ensure(digest, {}, async (ingest) => {
    assert.equal(ingest.sizeBytes, 0);
    await ingest.write(HELLO);
  });
  assert.equal(stat.sizeBytes, HELLO.length);
});

test('an ingest that does not hash takes the digest of its caller, or reads the file again', async () => {
  await using fixture = await scratchStore();
  {
    await using ingest = await fixture.store.blobs.createIngest({ hash: false });
    writeSync(ingest.fd, HELLO);
    assert.equal(await ingest.commit(), digestOf(HELLO));
  }
  {
    await using ingest = await fixture.store.blobs.createIngest({ hash: false });
    await ingest.write(Buffer.from('known'));
    assert.equal(await ingest.commit(digestOf('known')), digestOf('known'));
  }
});

/** Keeps size and mode: only the bytes, and the time of the file, change. */
function flipBit(path: string): void {
  const bytes = readFileSync(path);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  chmodSync(path, 0o600);
  writeFileSync(path, bytes);
  chmodSync(path, 0o400);
}

test('F-105: a flipped bit is never read as truth: JSON and streams are refused, find() sees it by its time', async () => {
  await using fixture = await scratchStore();
  const { blobs } = fixture.store;
  const digest = await blobs.put(HELLO);
  flipBit(blobs.path(digest));
  assert.equal(await blobs.find(digest), undefined);
  await assert.rejects(blobs.get(digest), { code: 'BLOB_CORRUPT' });
  await assert.rejects(blobs.read(digest, 100), { code: 'BLOB_CORRUPT' });
  await assert.rejects(
    async () => {
      for await (const _ of blobs.stream(digest));
    },
    { code: 'BLOB_CORRUPT' },
  );
});

test('F-105: a bit that flips without a trace is found when the blob is read, and not trusted from then on', async () => {
  await using fixture = await scratchStore();
  const { blobs } = fixture.store;
  const digest = await blobs.put(HELLO);
  const { atimeMs, mtimeMs } = lstatSync(blobs.path(digest), { bigint: false });
  const past = new Date(Math.floor(mtimeMs) - 5000);
  // A time without microseconds, which utimes can give back exactly.
  utimesSync(blobs.path(digest), new Date(atimeMs), past);
  assert.ok(await blobs.find(digest));
  flipBit(blobs.path(digest));
  utimesSync(blobs.path(digest), new Date(atimeMs), past);
  assert.ok(await blobs.find(digest), 'the time says that nothing happened');
  await assert.rejects(blobs.read(digest, 100), { code: 'BLOB_CORRUPT' });
  assert.equal(await blobs.find(digest), undefined);
});

const DAMAGES: Record<string, (path: string) => void> = {
  'a flipped bit': flipBit,
  'a cut to nothing': (path) => {
    rmSync(path);
    writeFileSync(path, '');
  },
  'a symbolic link': (path) => {
    rmSync(path);
    symlinkSync('/etc/hostname', path);
  },
  'a folder': (path) => {
    rmSync(path);
    mkdirSync(path);
    writeFileSync(join(path, 'x'), '');
  },
  'bytes behind the end': (path) => {
    chmodSync(path, 0o600);
    writeFileSync(path, 'hello, blob and more');
  },
};

for (const [name, damage] of Object.entries(DAMAGES)) {
  test(`F-107: a blob with ${name} in its place counts as absent, and a new ingest repairs it`, async () => {
    await using fixture = await scratchStore();
    const { blobs } = fixture.store;
    const digest = await blobs.put(HELLO);
    await fixture.store.makeDurable([digest]);
    damage(blobs.path(digest));
    const other = await fixture.again();
    assert.equal(await other.blobs.find(digest), undefined);
    assert.equal(await other.blobs.put(HELLO), digest);
    assert.deepEqual(await blobs.read(digest, 100), HELLO);
    assert.ok(await blobs.find(digest));
    assert.deepEqual(staged(fixture.root), []);
  });
}

test('after a reboot an unsynced blob is verified before use, a synced one is not', async () => {
  await using fixture = await scratchStore({ owner: ownerOfAnotherBoot() });
  const image = await publishImage(fixture.store, 'a', ['kept layer']);
  const cached = await fixture.store.blobs.put(Buffer.from('cache'));
  const torn = await fixture.store.blobs.put(Buffer.from('torn'));
  const times = lstatSync(fixture.store.blobs.path(torn));
  chmodSync(fixture.store.blobs.path(torn), 0o600);
  writeFileSync(fixture.store.blobs.path(torn), '\0\0\0\0');
  utimesSync(fixture.store.blobs.path(torn), times.atime, times.mtime);

  const now = await fixture.again({ owner: ownerOfAnotherBoot('this-boot') });
  assert.equal((await now.blobs.get(image.id)).synced, true);
  assert.ok(await now.blobs.find(cached));
  assert.equal(await now.blobs.find(torn), undefined);
});

test('makeDurable() marks what is synced, once, and refuses what is not there', async () => {
  await using fixture = await scratchStore();
  const digest = await fixture.store.blobs.put(HELLO);
  assert.equal((await fixture.store.blobs.get(digest)).synced, false);
  await fixture.store.makeDurable([digest, digest]);
  assert.equal((await fixture.store.blobs.get(digest)).synced, true);
  await fixture.store.makeDurable([digest]);
  await assert.rejects(fixture.store.makeDurable([digestOf('no')]), { code: 'BLOB_NOT_FOUND' });
});

test('a dead process leaves nothing in ingest/ for longer than until the next write', async () => {
  await using fixture = await scratchStore();
  const left = join(fixture.root, 'ingest', 'some-boot.1234.5678.1');
  mkdirSync(join(left, 'deep'), { recursive: true });
  chmodSync(join(left, 'deep'), 0);
  await fixture.store.blobs.put(HELLO);
  assert.ok(!existsSync(left));
});

test('a lazy layer is published without its tar, an unknown one is refused', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const lazy = diffIdOf('lazy');
  const id = await store.blobs.put(Buffer.from('{}'));
  const image = {
    id,
    platform: { os: 'linux', architecture: 'amd64' },
    diffIds: [lazy],
    madeHere: false,
    manifests: [],
  };
  await assert.rejects(store.publish({ images: [image], reason: 'pull' }), { code: 'BLOB_NOT_FOUND' });
  assert.deepEqual(await store.images.list(), []);
  const source = { repository: 'r.example/a', digest: digestOf('gz'), sizeBytes: 2, mediaType: 'm' };
  await store.layers.put({ diffId: lazy, sources: [source] });
  await store.layers.put({ diffId: lazy, sizeBytes: 4, sources: [source] });
  await store.publish({ images: [image], reason: 'pull' });
  assert.deepEqual(await store.layers.find(lazy), { diffId: lazy, sizeBytes: 4, sources: [source] });
});
