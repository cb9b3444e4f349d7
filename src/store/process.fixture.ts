/**
 * A program for the tests that need processes: `node process.fixture.ts ROOT COMMAND [ARGUMENT…]`. It prints one line
 * for each thing that the store has reported done.
 */
import { once } from 'node:events';
import { asDiffId, parseDigest } from '../oci/index.ts';
import { publishImage, storeImage } from './store.fixture.ts';
import { openStore } from './open.ts';
import type { Store } from './types.ts';

const [root = '', command = '', ...rest] = process.argv.slice(2);
const [first = '', second = ''] = rest;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const COMMANDS: Record<string, (store: Store) => Promise<void>> = {
  /** One of everything, each reported when it is done. */
  tour: async (store) => {
    for (const name of ['a', 'b']) {
      const image = await publishImage(store, name, [`layer of ${name}`.repeat(2000), 'a shared layer']);
      say(`tag ${name} ${image.id}`);
    }
    const layer = asDiffId(await store.blobs.put(Buffer.from('cached layer')));
    const kind = { name: 'erofs', version: 1, folder: 'index', type: 'file' } as const;
    await store.derived.write(kind, layer, Buffer.from('index'));
    await store.cacheRecords.put({ keys: ['k'], slot: 's', result: null, diffIds: [layer] });
    const { id } = await publishImage(store, 'c', ['layer of c']);
    say(`tag c ${id}`);
    const build = await store.builds.start({ name: 'x' });
    await store.builds.finish(build, { status: 'done' });
    const container = {
      id: 'c'.repeat(64),
      name: 'c',
      diffIds: [layer],
      volumes: [],
      config: {},
      state: {},
      active: false,
    };
    if ((await store.containers.find('c')) === undefined) await store.containers.create(container);
    say(`container ${container.id}`);
    say('removing b');
    await store.images.remove((await store.tags.get('b')).target.digest);
    say('untag b');
    await store.leases.release();
    await store.collect({ maxCacheBytes: 0 });
    say('removing container');
    await store.containers.remove(container.id);
    say('gone container');
    await store.collect();
  },
  /** Publishes `first` images whose layers others publish too. */
  publish: async (store) => {
    for (let i = 0; i < Number(first); i++) {
      const { id } = await publishImage(store, `${second} ${i}`, [`shared ${i % 4}`, `own ${second} ${i}`]);
      say(`tag ${second} ${i} ${id}`);
    }
  },
  /** Stores an image in two steps with time in between for a collection. */
  slow: async (store) => {
    const image = await storeImage(store, first, [`layer ${first}`]);
    say('stored');
    await once(process.stdin, 'data');
    await store.publish({
      images: [image],
      tags: [{ name: first, target: { kind: 'image', digest: image.id } }],
      reason: 'x',
    });
    say(`tag ${first} ${image.id}`);
    process.stdin.destroy();
  },
  /** Collects for `first` milliseconds. */
  collect: async (store) => {
    const end = Date.now() + Number(first);
    let deleted = 0;
    while (Date.now() < end) deleted += (await store.collect({ budgetMs: 50, maxCacheBytes: 0 })).deletedBlobs;
    say(`deleted ${deleted}`);
  },
  /** Makes the blobs whose digests are given, and says which it had to fill. */
  ensure: async (store) => {
    for (const content of rest) {
      const [digest, text = ''] = content.split('=');
      await store.blobs.ensure(parseDigest(digest), {}, async (ingest) => {
        say(`fill ${digest}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        await ingest.write(Buffer.from(text));
      });
    }
  },
  tags: async (store) => {
    const targets = await store.images.list();
    for (let i = 0; i < Number(first); i++) {
      const target = targets[i % targets.length];
      if (target === undefined) continue;
      if (i % 7 === 0) await store.tags.remove('raced', second);
      else await store.tags.set('raced', { kind: 'image', digest: target.id }, second);
    }
  },
  /** Begins an ingest, says so and waits to be killed. */
  stall: async (store) => {
    const ingest = await store.blobs.createIngest({ ref: first });
    await ingest.write(Buffer.from('half'));
    say('stalled');
    await once(process.stdin, 'data');
    process.stdin.destroy();
  },
  read: async (store) => {
    for (const { id } of await store.images.list()) {
      try {
        await store.blobs.read(id, 1 << 20);
        say(`read ${id}`);
      } catch (error) {
        say(`failed ${id} ${codeOf(error)}`);
      }
    }
  },
  check: async (store) => {
    const { problems } = await store.check({ full: true });
    say(JSON.stringify(problems));
    for (const { name, target } of await store.tags.list()) say(`tag ${name} ${target.digest}`);
  },
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

async function run(): Promise<void> {
  const work = COMMANDS[command];
  if (work === undefined) throw new Error(`no command ${command}`);
  await using store = await openStore({ root });
  await work(store);
}

try {
  await run();
} catch (error) {
  say(`error ${codeOf(error)} ${error instanceof Error ? error.message : ''}`);
  process.exitCode = 1;
}
