import assert from 'node:assert/strict';
import { existsSync, lstatSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import type { Json } from '../base/index.ts';
import { diffIdOf, digestOf, ownerOfAnotherBoot, scratchStore } from './store.fixture.ts';

test('a cache record is found by each of its keys, counts its uses and keeps its inputs', async () => {
  let now = 5;
  await using fixture = await scratchStore({ clock: () => now });
  const { cacheRecords } = fixture.store;
  const layer = diffIdOf('layer');
  const put = await cacheRecords.put({
    keys: ['fast', 'content'],
    slot: 'Dockerfile/final/3',
    result: { diffIds: [layer] },
    diffIds: [layer],
    inputs: { op: 'run', args: ['true'] },
    sizeBytes: 10,
    costMs: 2500,
  });
  now = 6;
  for (const key of ['fast', 'content']) assert.equal((await cacheRecords.find(key))?.id, put.id);
  await cacheRecords.addKey(put.id, 'more');
  const found = await cacheRecords.find('more');
  assert.deepEqual(found, {
    id: put.id,
    keys: ['content', 'fast', 'more'],
    slot: 'Dockerfile/final/3',
    result: { diffIds: [layer] },
    diffIds: [layer],
    blobs: [],
    inputs: { op: 'run', args: ['true'] },
    sizeBytes: 10,
    costMs: 2500,
    uses: 3,
    createdAt: 5,
    lastUsedAt: 6,
    trusted: true,
  });
  await cacheRecords.addBlob(put.id, digestOf('a'));
  await cacheRecords.addBlob(put.id, digestOf('b'));
  await cacheRecords.addBlob(put.id, digestOf('a'));
  await cacheRecords.addBlob(put.id + 1, digestOf('a'));
  assert.deepEqual((await cacheRecords.find('more'))?.blobs, [digestOf('a'), digestOf('b')]);
  assert.equal(await cacheRecords.find('none'), undefined);
  await cacheRecords.remove(put.id);
  assert.equal(await cacheRecords.find('fast'), undefined);
  await assert.rejects(cacheRecords.addKey(put.id, 'x'), { code: 'CACHE_RECORD_NOT_FOUND' });
});

test('F-148: of two builders of one step the first result counts for both, unless it is to be replaced', async () => {
  await using fixture = await scratchStore();
  const other = await fixture.again();
  const first = await fixture.store.cacheRecords.put({ keys: ['fast'], slot: 's', result: 1 });
  const second = await other.cacheRecords.put({ keys: ['fast', 'content'], slot: 's', result: 2 });
  assert.deepEqual([second.id, second.result], [first.id, 1]);
  assert.equal((await other.cacheRecords.find('content'))?.result, 1);
  const third = await other.cacheRecords.put({ keys: ['fast', 'content'], slot: 's', result: 3 }, { replace: true });
  assert.equal((await fixture.store.cacheRecords.find('content'))?.id, third.id);
});

test('an imported record is not trusted, and yields to one that was made here', async () => {
  await using fixture = await scratchStore();
  const { cacheRecords } = fixture.store;
  const imported = await cacheRecords.put({ keys: ['k'], slot: 's', result: 'theirs', trusted: false });
  assert.equal((await cacheRecords.find('k'))?.trusted, false);
  const own = await cacheRecords.put({ keys: ['k'], slot: 's', result: 'ours' });
  assert.notEqual(own.id, imported.id);
  assert.equal((await cacheRecords.put({ keys: ['k'], slot: 's', result: 'theirs', trusted: false })).result, 'ours');
  const late = await cacheRecords.put({ keys: ['l'], slot: 's', result: 'theirs', trusted: false });
  await cacheRecords.trust(late.id);
  assert.equal((await cacheRecords.find('l'))?.trusted, true);
});

test('findNearest() gives earlier records of the same place, newest first, also those that no key leads to', async () => {
  await using fixture = await scratchStore();
  const { cacheRecords } = fixture.store;
  for (const n of [1, 2, 3]) {
    await cacheRecords.put(
      { keys: ['k'], slot: 's', result: n, inputs: { n }, diffIds: [diffIdOf(`${n}`)] },
      { replace: true },
    );
  }
  await cacheRecords.put({ keys: ['z'], slot: 'other', result: 9 });
  const nearest = await cacheRecords.findNearest('s', 2);
  assert.deepEqual(
    nearest.map(({ result, inputs, diffIds }) => [result, inputs, diffIds.length]),
    [
      [3, { n: 3 }, 1],
      [2, { n: 2 }, 0],
    ],
  );
});

test('a build record is there from its start, step by step, and is found by prefix, as latest and by image', async () => {
  let now = 1;
  await using fixture = await scratchStore({ clock: () => now++ });
  const { builds } = fixture.store;
  const id = await builds.start({
    name: 'app',
    dockerfileDigest: digestOf('Dockerfile'),
    details: { target: 'final' },
  });
  assert.match(id, /^b[a-z2-7]{10}$/);
  await builds.putStep(id, { number: 1, name: 'FROM alpine', status: 'cached' });
  await builds.putStep(id, { number: 2, name: 'RUN true', status: 'running', inputs: { a: 1 } });
  await builds.putSteps(id, [
    {
      number: 2,
      name: 'RUN true',
      status: 'done',
      inputs: { a: 1 },
      diffId: diffIdOf('x'),
      fetched: [{ url: 'https://r.example/', digest: digestOf('f') }],
    },
  ]);
  assert.equal((await builds.find('latest'))?.status, 'running');
  writeFileSync(builds.logPath(id, 2), 'hello');
  await builds.finish(id, { status: 'done', imageId: digestOf('image') });
  const found = await builds.find(id.slice(0, 5));
  assert.deepEqual(
    [found?.id, found?.status, found?.details, found?.imageId],
    [id, 'done', { target: 'final' }, digestOf('image')],
  );
  assert.equal((await builds.findByImage(digestOf('image')))?.id, id);
  const steps = await builds.steps(id);
  assert.deepEqual(
    steps.map(({ status }) => status),
    ['cached', 'done'],
  );
  assert.deepEqual(
    [steps[1]?.inputs, steps[1]?.diffId, steps[1]?.fetched],
    [{ a: 1 }, diffIdOf('x'), [{ url: 'https://r.example/', digest: digestOf('f') }]],
  );
  const later = await builds.start({ name: 'app' });
  assert.equal((await builds.find('latest'))?.id, later);
  await assert.rejects(builds.find('b'), ({ code, message }: NodeJS.ErrnoException) => {
    return code === 'NAME_AMBIGUOUS' && message.includes(later);
  });
  assert.equal(await builds.find('zzz'), undefined);
  assert.throws(() => builds.logPath('../../etc', 1), { code: 'BUILD_NOT_FOUND' });
  await builds.remove(id);
  assert.ok(!existsSync(dirname(builds.logPath(id, 1))));
  await assert.rejects(builds.putStep(id, { number: 1, name: 'x', status: 'done' }), { code: 'BUILD_NOT_FOUND' });
});

test('a build whose process is gone reads as interrupted', async () => {
  await using fixture = await scratchStore({ owner: ownerOfAnotherBoot() });
  const id = await fixture.store.builds.start({ name: 'app' });
  assert.equal((await fixture.store.builds.find(id))?.status, 'interrupted');
});

const ID = 'c0ffee'.padEnd(64, '0');
const CONTAINER = {
  id: ID,
  name: 'web',
  diffIds: [diffIdOf('l')],
  volumes: ['data'],
  config: { a: 1 },
  state: { status: 'created' },
  active: false,
};

test('of two containers that are made with one name at once one is made, and nothing is left of the other', async () => {
  await using fixture = await scratchStore();
  const stores = [fixture.store, await fixture.again()];
  const ids = ['e'.repeat(64), 'f'.repeat(64)];
  const made = await Promise.allSettled(
    stores.map(({ containers }, index) =>
      containers.create({ ...CONTAINER, diffIds: [], id: ids[index] ?? '' }, { durable: 'later' }),
    ),
  );
  await fixture.store.containers.settle();
  assert.deepEqual(made.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  for (const [index, { status }] of made.entries()) {
    const id = ids[index] ?? '';
    const found = await fixture.store.containers.find(id);
    assert.equal(found?.id, status === 'fulfilled' ? id : undefined);
    assert.equal(existsSync(fixture.store.containers.folder(id)), status === 'fulfilled');
  }
  assert.deepEqual((await fixture.store.check()).problems, []);
});

test('F-284: containers are found by id, name and prefix; names are unique; updates see the record as it is', async () => {
  await using fixture = await scratchStore();
  const { containers } = fixture.store;
  const made = await containers.create(CONTAINER);
  assert.ok(lstatSync(containers.folder(ID)).isDirectory());
  for (const name of [ID, 'web', 'c0ff'])
    assert.deepEqual(await containers.find(name), { ...made, imageId: undefined, owner: undefined });
  await assert.rejects(containers.create({ ...CONTAINER, id: 'd'.repeat(64) }), { code: 'CONTAINER_EXISTS' });
  await assert.rejects(containers.create({ ...CONTAINER, name: 'other' }), { code: 'CONTAINER_EXISTS' });
  await containers.create({ ...CONTAINER, id: 'c1'.padEnd(64, '0'), name: 'c0ffee' }, { durable: false });
  assert.equal((await containers.find('c0ffee'))?.id, 'c1'.padEnd(64, '0'), 'a name goes before a prefix');
  await assert.rejects(containers.find('c'), {
    code: 'NAME_AMBIGUOUS',
    message: 'more than one container id begins with c: c0ffee000000 (web), c10000000000 (c0ffee)',
  });
  const other = await fixture.again();
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      (i % 2 === 0 ? containers : other.containers).update(ID, ({ state }) => {
        const count = typeof state === 'object' && state !== null && 'count' in state ? Number(state['count']) : 0;
        return { state: { count: count + 1 }, active: true };
      }),
    ),
  );
  assert.deepEqual((await containers.get(ID)).state, { count: 20 });
  await assert.rejects(
    containers.update(ID, () => ({ name: 'c0ffee' })),
    { code: 'CONTAINER_EXISTS' },
  );
  await containers.update(ID, () => ({ name: 'renamed' }));
  await containers.remove(ID);
  assert.equal(await containers.find('renamed'), undefined);
  assert.ok(!existsSync(containers.folder(ID)));
  await assert.rejects(containers.remove(ID), { code: 'CONTAINER_NOT_FOUND' });
  await assert.rejects(containers.get('nobody'), { code: 'CONTAINER_NOT_FOUND' });
  assert.throws(() => containers.folder('../x'), { code: 'CONTAINER_NOT_FOUND' });
});

test('events are numbered, and follow() gives those of other processes too', async () => {
  await using fixture = await scratchStore();
  const other = await fixture.again();
  const { events } = fixture.store;
  assert.equal(await events.latest(), 0);
  const seq = await events.append({ type: 'volume', action: 'create', subject: 'data' });
  await fixture.store.containers.create(CONTAINER);
  assert.deepEqual(
    (await events.since(seq)).map(({ type, action, attributes }) => [type, action, attributes]),
    [['container', 'create', { name: 'web' }]],
  );
  const stop = new AbortController();
  const seen: string[] = [];
  const following = (async () => {
    for await (const event of events.follow(seq, { signal: stop.signal, pollMs: 2 })) {
      seen.push(event.subject);
      if (seen.length === 3) stop.abort();
    }
  })();
  await other.events.append({ type: 'x', action: 'y', subject: 'one', attributes: { exitCode: '0' } });
  await other.events.append({ type: 'x', action: 'y', subject: 'two' });
  await following;
  assert.deepEqual(seen, [ID, 'one', 'two']);
});

test('a lease lists what it holds, ends by dispose, and does not count when its owner is gone or its time over', async () => {
  let now = 100;
  await using fixture = await scratchStore({ clock: () => now });
  const { leases } = fixture.store;
  {
    await using lease = await leases.create({ expiresAt: 200 });
    await lease.hold([
      { kind: 'blob', digest: digestOf('b') },
      { kind: 'container', id: 'c' },
    ]);
    const [listed] = await leases.list();
    assert.deepEqual(listed?.resources, [
      { kind: 'blob', digest: digestOf('b') },
      { kind: 'container', id: 'c' },
    ]);
    assert.equal(listed?.alive, true);
    now = 300;
    assert.equal((await leases.list())[0]?.alive, false);
    await lease.renew(400);
    assert.equal((await leases.list())[0]?.alive, true);
    now = 500;
    await fixture.store.collect();
    await assert.rejects(lease.renew(600), { code: 'LEASE_NOT_FOUND' });
  }
  const dead = await fixture.again({ owner: ownerOfAnotherBoot() });
  await dead.leases.hold([{ kind: 'blob', digest: digestOf('b') }]);
  assert.equal((await leases.list())[0]?.alive, false);
});

test('what a handle holds stays while somebody keeps it, and is let go of after that', async () => {
  await using fixture = await scratchStore();
  const { leases } = fixture.store;
  const blob = { kind: 'blob', digest: digestOf('b') } as const;
  const outer = leases.keep();
  {
    using _inner = leases.keep();
    await leases.hold([blob]);
    await leases.release();
    assert.deepEqual((await leases.list())[0]?.resources, [blob]);
  }
  await leases.release();
  assert.equal(leases.holds(blob), true);
  outer[Symbol.dispose]();
  outer[Symbol.dispose]();
  await leases.release();
  assert.deepEqual([leases.holds(blob), await leases.list()], [false, []]);
});

test('what is being held while the lease ends is held by the next one, or not taken for held', async () => {
  await using fixture = await scratchStore();
  const { leases } = fixture.store;
  const blobs = Array.from({ length: 40 }, (_, i) => ({ kind: 'blob', digest: digestOf(`b${i}`) }) as const);
  for (const blob of blobs) await Promise.all([leases.hold([blob]), leases.release()]);
  const listed = (await leases.list()).flatMap(({ resources }) => resources);
  assert.deepEqual(
    blobs.filter((blob) => leases.holds(blob)),
    blobs.filter(({ digest }) => listed.some((one) => one.kind === 'blob' && one.digest === digest)),
  );
});

test('builds beyond a number, a size of logs or an age are dropped with their logs, but not running ones', async () => {
  let now = 1000;
  await using fixture = await scratchStore({ clock: () => now });
  const { builds } = fixture.store;
  const ids: string[] = [];
  for (const logBytes of [10, 20, 30, 40]) {
    now += 1000;
    const id = await builds.start({ name: 'app' });
    writeFileSync(builds.logPath(id, 1), 'x');
    await builds.finish(id, { status: 'done', details: { logBytes } });
    ids.push(id);
  }
  const [first = '', second = '', third = '', fourth = ''] = ids;
  now += 1000;
  const running = await builds.start({ name: 'running' });
  assert.deepEqual(await builds.prune({ startedBefore: 2001 }), [first]);
  assert.equal(existsSync(dirname(builds.logPath(first, 1))), false);
  assert.deepEqual(await builds.prune({ logBytesMax: 75 }), [second]);
  assert.deepEqual(await builds.prune({ kept: 2 }), [third]);
  assert.deepEqual(await builds.prune({ kept: 0, logBytesMax: 0, startedBefore: now + 1 }), [fourth]);
  assert.deepEqual(
    (await builds.list()).map(({ id }) => id),
    [running],
  );
});

test('containers.list() can leave out those of which nothing is to be known', async () => {
  await using scratch = await scratchStore();
  const { containers } = scratch.store;
  const make = (number: number, active: boolean, config: Json): Promise<unknown> =>
    containers.create({
      id: String(number).repeat(64),
      name: `c${number}`,
      diffIds: [],
      volumes: [],
      config,
      state: {},
      active,
      createdAt: number,
    });
  await make(1, true, {});
  await make(2, false, { request: { removeWhenDone: true } });
  await make(3, false, { request: { removeWhenDone: false } });
  const names = async (activeOr?: string): Promise<string[]> =>
    (await containers.list(activeOr === undefined ? {} : { activeOr })).map(({ name }) => name);
  assert.deepEqual(await names(), ['c3', 'c2', 'c1']);
  assert.deepEqual(await names('"removeWhenDone":true'), ['c2', 'c1']);
});
