import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { diskUsage } from './files.ts';
import { has, runProcess, validate } from './host.fixture.ts';
import { diffIdOf, digestOf, publishImage, scratch, scratchStore } from './store.fixture.ts';
import { openStore } from './open.ts';

const LONG = process.env['SHALE_TEST_LONG'] !== undefined;

const FAILPOINTS = [
  'open.created',
  'ingest.created',
  'ingest.written',
  'ingest.placed',
  'ingest.recorded',
  'derived.placed',
  'durable.synced',
  'publish.begun',
  'publish.written',
  'publish.done',
  'container.folder',
  'collect.marked',
  'collect.moved',
  'collect.recorded',
];

for (const name of FAILPOINTS) {
  test(`F-121: kill -9 at ${name} leaves a store that opens, is whole, and does the same work again`, async () => {
    using folder = scratch();
    const root = join(folder.path, 'store');
    const killed = await runProcess(root, ['tour'], { env: { SHALE_FAILPOINT: name } });
    assert.equal(killed.signal, 'SIGKILL', killed.errors + killed.lines.join('\n'));
    await validate(root, killed.lines, name);
    const again = await runProcess(root, ['tour']);
    assert.equal(again.code, 0, again.lines.join('\n') + again.errors);
    await validate(root, again.lines, name);
  });
}

test('F-111: a repair that is killed in the middle is finished by the next one', async () => {
  await using fixture = await scratchStore();
  const image = await publishImage(fixture.store, 'a', ['x', 'y']);
  const program = `
    import { openStore } from ${JSON.stringify(new URL('./open.ts', import.meta.url).href)};
    await (await openStore({ root: ${JSON.stringify(fixture.root)} })).repair();`;
  const { spawnSync } = await import('node:child_process');
  const { truncateSync, chmodSync } = await import('node:fs');
  for (const layer of image.diffIds) {
    chmodSync(fixture.store.blobs.path(layer), 0o600);
    truncateSync(fixture.store.blobs.path(layer));
  }
  const env = { ...process.env, SHALE_FAILPOINT: 'repair.step' };
  assert.equal(spawnSync(process.execPath, ['--input-type=module', '-e', program], { env }).signal, 'SIGKILL');
  assert.deepEqual((await fixture.store.check()).problems.map(({ code }) => code).toSorted(), [
    'BLOB_MISSING',
    'BLOB_TRUNCATED',
  ]);
  await fixture.store.repair();
  assert.deepEqual(
    (await fixture.store.check()).problems.map(({ code }) => code),
    ['BLOB_MISSING', 'BLOB_MISSING'],
  );
  await publishImage(fixture.store, 'a', ['x', 'y']);
  assert.deepEqual((await fixture.store.check({ full: true })).problems, []);
});

test(
  'F-121: kill -9 at the n-th system call that changes files',
  { skip: !has('strace') && 'needs strace' },
  async () => {
    const calls = 'pwrite64,write,rename,renameat2,fsync,fdatasync,unlink,rmdir,mkdir,ftruncate,fchmod';
    for (const n of LONG ? Array.from({ length: 420 }, (_, i) => i + 1) : [3, 60, 100, 130, 160, 190, 220, 250, 280]) {
      using folder = scratch();
      const root = join(folder.path, 'store');
      const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `inject=${calls}:signal=KILL:when=${n}`];
      const killed = await runProcess(root, ['tour'], { under });
      if (killed.code === 0) break;
      await validate(root, killed.lines, `call ${n}`);
      const again = await runProcess(root, ['tour']);
      assert.equal(again.code, 0, again.lines.join('\n'));
      await validate(root, again.lines, `call ${n}, again`);
    }
  },
);

test('F-122: kill -9 at random times with three publishing at once', async () => {
  using folder = scratch();
  const root = join(folder.path, 'store');
  const reported: string[] = [];
  for (let round = 0; round < (LONG ? 200 : 5); round++) {
    const outcomes = await Promise.all(
      ['p', 'q', 'r'].map((name, i) =>
        runProcess(root, ['publish', '60', name], {
          onLine: (line, child) => {
            if (!/ 0 sha256:/.test(line)) return;
            setTimeout(() => child.kill('SIGKILL'), (round * 61 + i * 37) % 250).unref();
          },
        }),
      ),
    );
    for (const { lines } of outcomes) reported.push(...lines);
    await validate(root, reported, `round ${round}`);
  }
  assert.ok(reported.length > 0, 'something was reported done');
  // The same work in a store that nobody disturbed takes as much room.
  const fresh = join(folder.path, 'fresh');
  for (const [at, name] of [
    [root, 'p'],
    [root, 'q'],
    [root, 'r'],
    [fresh, 'p'],
    [fresh, 'q'],
    [fresh, 'r'],
  ] as const) {
    await runProcess(at, ['publish', '60', name]);
  }
  await runProcess(root, ['collect', '1']);
  const [after, expected] = [await bytesIn(root), await bytesIn(fresh)];
  assert.ok(after < expected * 1.05, `${after} and ${expected} bytes`);
});

/** What the content of a store takes; the database keeps room that it has once had. */
async function bytesIn(root: string): Promise<number> {
  let bytes = 0;
  for (const folder of ['blobs', 'ingest', 'index', 'trees', 'containers'])
    bytes += await diskUsage(join(root, folder));
  return bytes;
}

test('F-133: whoever is killed inside a transaction or an ingest is no obstacle to the next', async () => {
  await using fixture = await scratchStore();
  const stalled = await runProcess(fixture.root, ['stall', 'ref'], {
    onLine: (_line, child) => void child.kill('SIGKILL'),
  });
  assert.equal(stalled.signal, 'SIGKILL');
  const before = performance.now();
  await using ingest = await fixture.store.blobs.createIngest({ ref: 'ref' });
  assert.ok(performance.now() - before < 5000, 'it waits for nobody');
  assert.equal(ingest.sizeBytes, 4);
});

test('F-103: a ref is busy while another process writes it', async () => {
  await using fixture = await scratchStore();
  const codes: string[] = [];
  await runProcess(fixture.root, ['stall', 'ref'], {
    onLine: (_line, child) => {
      fixture.store.blobs
        .createIngest({ ref: 'ref' })
        .catch((error: unknown) => codes.push(error instanceof Error && 'code' in error ? String(error.code) : ''))
        .finally(() => child.stdin?.write('go\n'));
    },
  });
  assert.deepEqual(codes, ['INGEST_BUSY']);
});

test('F-147: processes that want the same blobs at once make each of them once', async () => {
  await using fixture = await scratchStore();
  const contents = Array.from({ length: 5 }, (_, i) => `content-${i}`);
  const wanted = contents.map((content) => `${digestOf(content)}=${content}`);
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => runProcess(fixture.root, ['ensure', ...wanted])));
  for (const { code, lines } of outcomes) assert.equal(code, 0, lines.join('\n'));
  const fills = outcomes.flatMap(({ lines }) => lines).toSorted();
  assert.deepEqual(fills, contents.map((content) => `fill ${digestOf(content)}`).toSorted());
  assert.deepEqual(readdirSync(join(fixture.root, 'ingest')), []);
});

test('F-149: collections in a loop never harm what others publish', async () => {
  await using fixture = await scratchStore();
  const [collector, ...publishers] = await Promise.all([
    runProcess(fixture.root, ['collect', '2500']),
    ...['p', 'q', 'r'].map((name) => runProcess(fixture.root, ['publish', '40', name])),
  ]);
  assert.equal(collector.code, 0, collector.lines.join('\n'));
  for (const { code, lines } of publishers) {
    assert.equal(code, 0, lines.join('\n'));
    await validate(fixture.root, lines, 'publisher');
  }
  assert.equal((await fixture.store.tags.list()).length, 120);
});

test('F-149: a collection in another process leaves what a command has stored and will tag', async () => {
  await using fixture = await scratchStore();
  let collected: Promise<unknown> = Promise.resolve();
  const outcome = await runProcess(fixture.root, ['slow', 'img'], {
    onLine: (line, child) => {
      if (line === 'stored') collected = fixture.store.collect().then(() => child.stdin?.write('go\n'));
    },
  });
  await collected;
  assert.equal(outcome.code, 0, outcome.lines.join('\n'));
  await validate(fixture.root, outcome.lines, 'slow');
});

test('F-154: two processes that move one tag: the last one wins, and the history has no gap', async () => {
  await using fixture = await scratchStore();
  await publishImage(fixture.store, 'x', ['x']);
  await publishImage(fixture.store, 'y', ['y']);
  const outcomes = await Promise.all(['p', 'q'].map((name) => runProcess(fixture.root, ['tags', '150', name])));
  for (const { code, lines } of outcomes) assert.equal(code, 0, lines.join('\n'));
  const log = await fixture.store.tags.log('raced');
  assert.deepEqual((await fixture.store.tags.find('raced'))?.target, log[0]?.to);
  for (const [i, move] of log.entries()) assert.deepEqual(move.from, log[i + 1]?.to);
  assert.equal(new Set(log.map(({ reason }) => reason)).size, 2);
});

test('F-132: after a reboot leases are void, running builds interrupted, blobs verified', async () => {
  await using fixture = await scratchStore();
  const before = await runProcess(fixture.root, ['publish', '2', 'old'], { env: { SHALE_BOOT_ID: 'another-boot' } });
  await validate(fixture.root, before.lines, 'reboot');
  const orphan = await fixture.store.blobs.find(diffIdOf('none'));
  assert.equal(orphan, undefined);
});

test('two processes may make a store at the same time', async () => {
  using folder = scratch();
  const root = join(folder.path, 'store');
  const outcomes = await Promise.all(['p', 'q', 'r'].map((name) => runProcess(root, ['publish', '1', name])));
  for (const { code, lines } of outcomes) assert.equal(code, 0, lines.join('\n'));
  assert.ok(existsSync(join(root, 'version')));
  await using store = await openStore({ root });
  assert.equal((await store.tags.list()).length, 3);
});
