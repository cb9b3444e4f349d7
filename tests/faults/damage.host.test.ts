/**
 * A store with something of everything is damaged in every way; `system check` says what it is, `--repair` mends what follows
 * from the rest, and what cannot be mended is told until a pull or a build brings it back. Nothing else is touched.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { checkStore, openEngine, type EngineOptions } from '../../src/engine/index.ts';
import { Layers, TREE_KIND } from '../../src/layers/index.ts';
import { unpackStored } from '../../src/mounts/index.ts';
import { parseDiffId } from '../../src/oci/index.ts';
import { openStore } from '../../src/store/index.ts';
import { imageOf, layerOf, seed } from '../support/image-of.ts';
import { buildWith } from '../support/lab.ts';
import { sha256 } from '../support/oci-layout.ts';
import { startScriptedRegistry, type ScriptedRegistry } from '../support/scripted-registry.ts';
import { containerRequest } from '../support/requests.ts';

interface Damage {
  readonly name: string;
  readonly damage: (home: string) => void;
  /** What the check says, in its order. */
  readonly found: readonly RegExp[];
  /** What is left of that after a repair: only a pull or a build can mend it. */
  readonly left?: readonly RegExp[];
}

const PULLED = imageOf([layerOf('pulled', 3000)]);
const [LAYER] = PULLED.layers;
const TAR = sha256(LAYER?.tar ?? Buffer.of());
const PACKED = sha256(LAYER?.packed ?? Buffer.of());
const CONFIG = sha256(PULLED.config);
const MANIFEST = PULLED.digest.slice('sha256:'.length);

const blob = (home: string, hex: string): string => join(home, 'blobs/sha256', hex);

/** Writes over some bytes of a file that nobody may write to. */
function flip(path: string, at = 100): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  chmodSync(path, 0o600);
  writeFileSync(path, bytes);
}

function query(home: string, statement: string): void {
  const db = new DatabaseSync(join(home, 'shale.db'));
  db.exec(statement);
  db.close();
}

function onlyIn(folder: string): string {
  const [first] = readdirSync(folder);
  assert.ok(first !== undefined, folder);
  return join(folder, first);
}

const DAMAGES: readonly Damage[] = [
  {
    name: 'F-105: a flipped bit of a layer',
    damage: (home) => flip(blob(home, TAR)),
    found: [/BLOB_CORRUPT/],
  },
  {
    name: 'F-105: a flipped bit of a config and of a manifest',
    damage: (home) => [CONFIG, MANIFEST].forEach((hex) => flip(blob(home, hex))),
    found: [/BLOB_CORRUPT/, /MANIFEST_UNREADABLE/, /BLOB_CORRUPT/, /MANIFEST_UNREADABLE/],
    left: [/BLOB_MISSING/, /BLOB_MISSING/],
  },
  {
    name: 'F-106: a cut layer',
    damage: (home) => truncateSync(blob(home, TAR), 600),
    found: [/BLOB_TRUNCATED/],
  },
  {
    name: 'F-106: an emptied compressed layer',
    damage: (home) => truncateSync(blob(home, PACKED)),
    found: [/BLOB_TRUNCATED/],
  },
  {
    name: 'F-106: a missing config',
    damage: (home) => rmSync(blob(home, CONFIG)),
    found: [/BLOB_MISSING/],
    left: [/BLOB_MISSING/],
  },
  {
    name: 'F-106: a link in the place of a manifest',
    damage: (home) => {
      rmSync(blob(home, MANIFEST));
      symlinkSync('/etc/hostname', blob(home, MANIFEST));
    },
    found: [/BLOB_NOT_A_FILE/, /MANIFEST_UNREADABLE/],
    left: [/BLOB_MISSING/],
  },
  {
    name: 'an index that is whole, and that of another tar',
    damage: (home) => {
      // As a fault of shale itself would make it: with the checksum that it has.
      const index = join(home, 'index/erofs-v1', TAR);
      flip(index, readFileSync(index).length - 1);
      query(
        home,
        `UPDATE derived SET sha256 = '${sha256(readFileSync(index))}' WHERE kind = 'erofs' AND key = 'sha256:${TAR}'`,
      );
    },
    found: [/INDEX_MISMATCH/],
  },
  {
    name: 'F-109: an index that was cut',
    damage: (home) => truncateSync(join(home, 'index/erofs-v1', TAR), 512),
    found: [/INDEX_STALE/],
  },
  {
    name: 'an unpacked tree in which a file was changed',
    damage: (home) => flip(join(home, 'trees/tree-v1', TAR, 'pulled')),
    found: [/TREE_MISMATCH.*\/pulled/],
  },
  {
    name: 'an unpacked tree in which a file is missing',
    damage: (home) => rmSync(join(home, 'trees/tree-v1', TAR, 'pulled')),
    found: [/TREE_MISMATCH.*\/pulled/],
  },
  {
    name: 'F-124: an unpacked tree that a power cut tore, which is made again and never used',
    damage: (home) => {
      flip(join(home, 'trees/tree-v1', TAR, 'pulled'));
      query(home, "UPDATE derived SET boot = 'an earlier boot' WHERE folder = 'trees'");
    },
    found: [],
  },
  {
    name: 'an encoding that holds another layer',
    damage: (home) =>
      query(
        home,
        `UPDATE encodings SET diff_id = (SELECT diff_id FROM image_layers WHERE diff_id <> 'sha256:${TAR}' LIMIT 1)`,
      ),
    found: [/ENCODING_MISMATCH/],
  },
  {
    name: 'F-109: a record of an image whose config is not there, and blobs that nothing knows',
    damage: (home) => {
      query(home, `INSERT INTO tags VALUES ('docker.io/library/none:1', 'image', 'sha256:${'d'.repeat(64)}', 1)`);
      writeFileSync(blob(home, 'e'.repeat(64)), 'foreign');
      mkdirSync(join(home, 'containers', 'f'.repeat(64)));
    },
    found: [/TAG_DANGLING/],
  },
  {
    name: 'F-109: a container without its folder',
    damage: (home) => rmSync(onlyIn(join(home, 'containers')), { recursive: true }),
    found: [/CONTAINER_FOLDER_MISSING/],
  },
  {
    name: 'a deleted database',
    damage: (home) => ['', '-wal', '-shm'].forEach((end) => rmSync(join(home, `shale.db${end}`), { force: true })),
    found: [/DATABASE_DAMAGED.*missing/],
  },
  {
    name: 'a database that is garbage',
    damage: (home) => {
      // A log that was not copied into it yet would make it whole again.
      for (const end of ['-wal', '-shm']) rmSync(join(home, `shale.db${end}`), { force: true });
      writeFileSync(join(home, 'shale.db'), Buffer.alloc(100_000, 0x5a));
    },
    found: [/DATABASE_DAMAGED/],
  },
];

const watch = { signal: new AbortController().signal };

describe('a damaged store', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  let folder: string;
  let registry: ScriptedRegistry;
  let original: unknown;

  const optionsIn = (store: string): EngineOptions => ({
    home: join(folder, store, 'home'),
    runRoot: join(folder, store, 'run'),
    now: Date.now,
    env: {},
    insecureRegistries: [],
    mountDriver: 'unpack',
  });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shale-damage-'));
    registry = await startScriptedRegistry();
    seed(registry, { 1: PULLED });
    const options = optionsIn('original');
    mkdirSync(join(folder, 'original'));
    await using engine = await openEngine(options);
    await engine.pull({ image: `${registry.host}/team/app:1` }, watch);
    await unpackPulled(options.home);
    await engine.createVolume({ name: 'kept', labels: {}, options: {} });
    await buildIn(engine);
    await engine.tag('built:1', 'built:2');
    await engine.create(containerRequest('built:1', ['/bin/true'], { name: 'one' }), watch);
    original = await knownBy(options);
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const { name, damage, found, left = [] } of DAMAGES) {
    test(`${name}: found, mended, and everything else as before`, async () => {
      const options = optionsIn('store');
      rmSync(join(folder, 'store'), { recursive: true, force: true });
      assert.equal(spawnSync('cp', ['-a', join(folder, 'original'), join(folder, 'store')]).status, 0);
      damage(options.home);
      const told = await findings(options, false);
      assert.deepEqual(told.map(({ problem }) => problem).length, found.length, JSON.stringify(told));
      for (const [at, pattern] of found.entries()) assert.match(told[at]?.problem ?? '', pattern);
      await findings(options, true);
      const after = await findings(options, false);
      assert.equal(after.length, left.length, JSON.stringify(after));
      for (const [at, pattern] of left.entries()) assert.match(after[at]?.problem ?? '', pattern);
      // What was lost comes back with the bytes, and nothing needs a word of the user.
      await using engine = await openEngine(options);
      await engine.pull({ image: `${registry.host}/team/app:1` }, watch);
      await buildIn(engine);
      await engine.prune({ what: ['images'], all: false }, watch);
      assert.deepEqual(await findings(options, false), []);
      assert.deepEqual(await knownBy(options), original);
    });
  }

  test('the command says what it found, mends it and ends with 0 once all is well', () => {
    const { home } = optionsIn('store');
    rmSync(join(home, 'shale.db'), { force: true });
    const shale = (...words: string[]): { status: number | null; stdout: string } =>
      spawnSync(join(import.meta.dirname, '../../bin/shale'), words, {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '', SHALE_HOME: home },
      });
    assert.equal(shale('images').status, 1);
    const damaged = shale('system', 'check');
    assert.equal(damaged.status, 2);
    assert.match(damaged.stdout, /^damaged .*shale\.db: DATABASE_DAMAGED: .* is missing\nchecked 0 blobs/);
    const repaired = shale('system', 'check', '--repair');
    assert.match(repaired.stdout, /^repaired .*shale\.db: DATABASE_DAMAGED: .*made anew/);
    assert.equal(repaired.status, 0);
    assert.match(shale('images').stdout, /built +2 /);
    assert.equal(shale('system', 'check', '--full').status, 0);
  });
});

async function buildIn(engine: Awaited<ReturnType<typeof openEngine>>): Promise<void> {
  const context = mkdtempSync(join(tmpdir(), 'shale-damage-context-'));
  try {
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    await buildWith(engine, context, { tags: ['built:1'] });
  } finally {
    rmSync(context, { recursive: true });
  }
}

async function findings(options: EngineOptions, repair: boolean): Promise<readonly { problem: string }[]> {
  const report = await checkStore(options, { full: true, repair }, watch);
  return report.findings.filter((finding) => repair || !finding.repaired);
}

/** What people see of a store: names with their ids, containers, volumes. */
async function knownBy(options: EngineOptions): Promise<unknown> {
  await using engine = await openEngine(options);
  return {
    images: (await engine.images({ all: true }))
      .map(({ id, tag }) => `${tag?.repository}:${tag?.tag} ${id}`)
      .toSorted(),
    log: (await engine.tagLog('built:2')).length,
    containers: (await engine.containers({ all: true })).map(({ id, name }) => `${name} ${id}`),
    volumes: (await engine.volumes()).map(({ name }) => name),
  };
}

/** As a mount without EROFS makes it. */
async function unpackPulled(home: string): Promise<void> {
  await using store = await openStore({ root: home });
  const { tarPath, indexPath } = await new Layers(store).open(parseDiffId(`sha256:${TAR}`));
  await using draft = await store.derived.create(TREE_KIND, parseDiffId(`sha256:${TAR}`));
  unpackStored({ id: TAR, indexPath, data: [{ path: tarPath }] }, { directory: draft.path });
  await draft.commit();
}
