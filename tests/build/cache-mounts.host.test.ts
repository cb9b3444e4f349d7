/** Cache mounts between machines and under their cap: list, remove, prune, export, import. */
import assert from 'node:assert/strict';
import { createReadStream, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { collect, isShaleError, streamOf } from '../../src/base/index.ts';
import type { MountExportRequest, MountImport, MountImportSource } from '../../src/engine/index.ts';
import { startScriptedRegistry } from '../support/scripted-registry.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';

const ARCHIVE_BYTES_MAX = 64 * 1024 * 1024;

describe('the build cache', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  let other: Lab;
  before(async () => {
    [lab, other] = await Promise.all([Lab.open(), Lab.open()]);
    await Promise.all([lab.importBusybox(), other.importBusybox()]);
    await lab.build({
      dockerfile: `FROM busybox
RUN echo 'app:x:1000:1001::/home/app:/bin/sh' >> /etc/passwd
RUN --mount=type=cache,id=npm,target=/npm cd /npm && mkdir -p a/b && echo one > a/b/file && chown 7:8 a/b/file && chmod 4750 a/b/file && \\
  ln a/b/file hard && ln -s a/b soft && touch -d '2020-01-02 03:04:05' a/b && dd if=/dev/urandom of=random bs=1k count=300
USER app
RUN --mount=type=cache,id=own,target=/own,uid=1000,gid=1001,mode=0700 echo mine > /own/file
`,
    });
  });
  after(async () => {
    await lab[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(60_000) });

  async function archive(request: Partial<MountExportRequest> = {}): Promise<Buffer> {
    const { archive: bytes } = await lab.engine.cache.exportMounts({ names: [], ...request }, watch());
    return collect(bytes ?? streamOf(), ARCHIVE_BYTES_MAX, 'the archive');
  }

  const take = (into: Lab, source: MountImportSource, maxBytes?: number): Promise<MountImport> =>
    into.engine.cache.importMounts(source, maxBytes === undefined ? {} : { maxBytes }, watch());

  async function mountNames(of: Lab): Promise<string[]> {
    const entries = await of.engine.cache.list();
    return entries.flatMap(({ kind, name }) => (kind === 'mount' ? [name] : [])).toSorted();
  }

  test('lists steps and mounts with their sizes', async () => {
    const entries = await lab.engine.cache.list();
    const npm = entries.find(({ name }) => name === 'npm');
    assert.ok(npm?.kind === 'mount' && (npm.sizeBytes ?? 0) >= 300 * 1024 && npm.uses === 1 && !npm.inUse);
    assert.equal(entries.filter(({ kind }) => kind === 'step').length, 3);
    const { rows, capBytes } = await lab.engine.cache.usage();
    assert.deepEqual(
      rows.map(({ type, total }) => [type, total]),
      [
        ['Steps', 3],
        ['Mounts', 2],
      ],
    );
    assert.ok(capBytes > 0 && (rows[1]?.reclaimableBytes ?? 0) >= 300 * 1024);
  });

  for (const kind of ['archive', 'folder'] as const) {
    test(`goes to another machine in an ${kind === 'archive' ? kind : 'OCI layout'}, and a build finds all of it there`, async () => {
      const folder = join(lab.newFolder(), 'layout');
      const source: MountImportSource =
        kind === 'archive'
          ? { kind, bytes: streamOf(await archive()) }
          : { kind, path: (await lab.engine.cache.exportMounts({ names: [], folder }, watch()), folder) };
      const { imported, skipped } = await take(other, source);
      assert.deepEqual([imported.map(({ name }) => name).toSorted(), skipped], [['npm', 'own'], []]);
      assert.deepEqual(await mountNames(other), ['npm', 'own']);
      const { log } = await other.build(
        {
          dockerfile: `FROM busybox
RUN --mount=type=cache,id=npm,target=/npm cd /npm && stat -c '%n %a %u:%g %h' a/b/file hard && cat soft/file && readlink soft && \\
  stat -c '%Y' a/b && wc -c < random && rm -rf a random hard soft
RUN --mount=type=cache,id=own,target=/own,uid=1000,gid=1001,mode=0700 stat -c '%a %u:%g' /own && cat /own/file
`,
        },
        { noCache: true },
      );
      assert.equal(log, 'a/b/file 4750 7:8 2\nhard 4750 7:8 2\none\na/b\n1577934245\n307200\n700 1000:1001\nmine\n');
    });
  }

  test('goes to another machine through a registry, and is not sent again', async () => {
    await using registry = await startScriptedRegistry();
    const name = `${registry.host}/cache/mounts:main`;
    await lab.engine.cache.exportMounts({ names: [], registry: name }, watch());
    assert.equal(registry.manifests.has('cache/mounts:main'), true);
    const uploads = (): number =>
      registry.requests.filter(({ method }) => method === 'PUT' || method === 'POST').length;
    const sent = uploads();
    await lab.engine.cache.exportMounts({ names: [], registry: name }, watch());
    assert.equal(uploads(), sent);
    await other.engine.cache.prune({}, watch());
    const { imported, skipped } = await take(other, { kind: 'registry', name });
    assert.deepEqual([imported.map((entry) => entry.name).toSorted(), skipped], [['npm', 'own'], []]);
    const dockerfile = 'FROM busybox\nRUN --mount=type=cache,id=npm,target=/npm cat /npm/a/b/file\n';
    assert.equal((await other.build({ dockerfile }, { noCache: true })).log, 'one\n');
    const missing = take(other, { kind: 'registry', name: `${registry.host}/cache/none` });
    await assert.rejects(missing, (error) => isShaleError(error, 'MANIFEST_UNKNOWN'));
  });

  test('exports the same bytes for the same mounts, and only what was named', async () => {
    assert.deepEqual(await archive(), await archive());
    const one = await archive({ names: ['own'] });
    await other.engine.cache.prune({}, watch());
    assert.deepEqual(
      (await take(other, { kind: 'archive', bytes: streamOf(one) })).imported.map(({ name }) => name),
      ['own'],
    );
    await assert.rejects(lab.engine.cache.exportMounts({ names: ['none'] }, watch()), (error) =>
      isShaleError(error, 'CACHE_NOT_FOUND'),
    );
  });

  test('a folder that is exported to again holds the latest state only', async () => {
    const folder = lab.newFolder();
    const names = ['own'];
    await lab.engine.cache.exportMounts({ names, folder }, watch());
    const before = readdirSync(join(folder, 'blobs/sha256')).length;
    await lab.build({
      dockerfile:
        'FROM busybox\nRUN --mount=type=cache,id=own,target=/own,uid=1000,gid=1001,mode=0700 echo more > /own/more\n',
    });
    await lab.engine.cache.exportMounts({ names, folder }, watch());
    assert.equal(readdirSync(join(folder, 'blobs/sha256')).length, before);
    const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
    assert.equal(index.manifests.length, 1);
    assert.equal(index.manifests[0].artifactType, 'application/vnd.shale.cache-mount.v1+json');
  });

  test('leaves out what goes beyond a size, on both sides', async () => {
    const small = await lab.engine.cache.exportMounts({ names: [], maxBytes: 100 * 1024 }, watch());
    assert.deepEqual(
      [small.exported.map(({ name }) => name), small.skipped.map(({ entry }) => entry.name)],
      [['own'], ['npm']],
    );
    await other.engine.cache.prune({}, watch());
    const { imported, skipped } = await take(other, { kind: 'archive', bytes: streamOf(await archive()) }, 100 * 1024);
    assert.deepEqual([imported.map(({ name }) => name), skipped.map(({ name }) => name)], [['own'], ['npm']]);
  });

  test('refuses an archive whose bytes are not what their names say, and changes nothing', async () => {
    const whole = await archive({ names: ['own'] });
    await other.engine.cache.prune({}, watch());
    const at = whole.indexOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])); // the zstd frame of the layer
    const broken = Buffer.from(whole);
    broken.writeUInt8(broken.readUInt8(at + 20) ^ 1, at + 20);
    for (const bytes of [broken, whole.subarray(0, whole.length - 4096), Buffer.from('no archive'), Buffer.alloc(1024)])
      await assert.rejects(take(other, { kind: 'archive', bytes: streamOf(bytes) }));
    assert.deepEqual(await mountNames(other), []);
    assert.deepEqual(readdirSync(join(other.home, 'cache-mounts')), []);
  });

  test('never touches what a build is using', async () => {
    const [npm] = (await lab.store.cacheMounts.list()).filter(({ name }) => name === 'npm');
    assert.ok(npm);
    const bytes = await archive({ names: ['npm'] });
    {
      await using _held = await lab.store.cacheMounts.hold(npm.id);
      const inUse = (error: unknown): boolean => isShaleError(error, 'CACHE_MOUNT_IN_USE');
      await assert.rejects(lab.engine.cache.remove('npm'), inUse);
      await assert.rejects(lab.engine.cache.exportMounts({ names: ['npm'] }, watch()), inUse);
      const all = await lab.engine.cache.exportMounts({ names: [] }, watch());
      assert.deepEqual(
        all.skipped.map(({ entry }) => entry.name),
        ['npm'],
      );
      const back = await take(lab, { kind: 'archive', bytes: streamOf(bytes) });
      assert.deepEqual(
        back.skipped.map(({ name }) => name),
        ['npm'],
      );
      await lab.engine.cache.prune({}, watch());
      assert.deepEqual(await mountNames(lab), ['npm']);
      assert.ok(existsSync(npm.path));
    }
    assert.deepEqual(
      (await lab.engine.cache.remove(npm.id.slice(0, 8))).map(({ id }) => id),
      [npm.id],
    );
    assert.ok(!existsSync(npm.path));
    await assert.rejects(lab.engine.cache.remove('npm'), (error) => isShaleError(error, 'CACHE_NOT_FOUND'));
  });

  test('a build keeps the cache under its cap, mounts included', async () => {
    const capped = await other.again({ cacheMax: { kind: 'bytes', bytes: 600 * 1024 } });
    try {
      for (const name of ['a', 'b', 'c'])
        await capped.build({
          dockerfile: `FROM busybox\nRUN --mount=type=cache,id=${name},target=/c dd if=/dev/urandom of=/c/x bs=1k count=400\n`,
        });
      const left = (await capped.engine.cache.list()).filter(({ kind }) => kind === 'mount');
      assert.equal(left.length, 1);
      assert.equal(left[0]?.name, 'c');
    } finally {
      await capped[Symbol.asyncDispose]();
    }
  });

  test('an archive that leads to files beside it, or to names that mean deletion, brings in none of them', async () => {
    const secret = join(other.folder, 'host-file');
    writeFileSync(secret, 'of the host');
    await lab.build({
      dockerfile: `FROM busybox\nRUN --mount=type=cache,id=links,target=/l ln -s ${secret} /l/link && ln -s / /l/root\n`,
    });
    const folder = join(lab.newFolder(), 'links.tar');
    writeFileSync(folder, await archive({ names: ['links'] }));
    await take(other, { kind: 'archive', bytes: createReadStream(folder) });
    const { log } = await other.build({
      dockerfile: `FROM busybox\nRUN --mount=type=cache,id=links,target=/l test -L /l/link && ! cat /l/link && ls /l/root/bin/sh\n`,
    });
    assert.match(log, /\/l\/root\/bin\/sh/);
    assert.doesNotMatch(log, /of the host/);
  });
});
