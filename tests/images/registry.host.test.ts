/** Images from a real registry, pushed there by a program of others. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { isShaleError } from '../../src/base/index.ts';
import { parseDiffId } from '../../src/oci/index.ts';
import { debianTool } from '../support/debian-tools.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { putBlob } from '../support/oci-layout.ts';
import { registryProgram, startRegistry, type TestRegistry } from '../support/registry.ts';

const execute = promisify(execFile);
const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(120_000) });
const programs =
  BUSYBOX.missing === false && process.getuid?.() === 0
    ? { skopeo: debianTool('bookworm', 'skopeo', 'usr/bin/skopeo'), registry: registryProgram() }
    : undefined;
const skip =
  BUSYBOX.missing ||
  (process.getuid?.() !== 0 && 'needs root: skopeo gives what it unpacks to its owners') ||
  (programs?.skopeo === undefined || programs.registry === undefined
    ? 'skopeo and docker-registry cannot be fetched'
    : false);

describe('a registry', { skip }, () => {
  let lab: Lab;
  let registry: TestRegistry;
  let madeId: string;
  before(async () => {
    lab = await Lab.open();
    registry = await startRegistry(programs?.registry ?? '', join(lab.folder, 'registry'));
    await lab.importBusybox();
    const context = lab.context({
      Dockerfile: 'FROM busybox\nCOPY f /f\nCOPY --chmod=700 f /g\nENV FROM=registry\n',
      f: 'content',
    });
    madeId = (await lab.build(context, { tags: ['made:1'] })).imageId;
    const archive = join(lab.folder, 'made.tar');
    await save('made:1', archive);
    for (const format of ['gzip', 'zstd'])
      await skopeo(['copy', '--dest-compress-format', format, `oci-archive:${archive}`, remote(`made:${format}`)]);
    await skopeo(['copy', '--format', 'v2s2', `oci-archive:${archive}`, remote('made:v2s2')]);
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  function remote(name: string): string {
    return `docker://${registry.host}/team/${name}`;
  }

  async function skopeo(args: readonly string[]): Promise<string> {
    const [command = '', ...rest] = args;
    const tls =
      command === 'copy' ? ['--quiet', '--src-tls-verify=false', '--dest-tls-verify=false'] : ['--tls-verify=false'];
    const all = ['--insecure-policy', command, ...tls, ...rest];
    return (await execute(programs?.skopeo ?? '', all, { maxBuffer: 64 * 1024 * 1024 })).stdout;
  }

  async function save(image: string, path: string): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of lab.engine.save({ images: [image], format: 'oci' }, watch()))
      parts.push(Buffer.from(chunk));
    writeFileSync(path, Buffer.concat(parts));
  }

  async function layersOf(one: Lab, image: string): Promise<readonly string[]> {
    const inspected = await one.engine.inspect(image, 'image');
    return (inspected['RootFS'] as { Layers: string[] }).Layers; // Docker's shape.
  }

  async function isHere(one: Lab, diffId: string): Promise<boolean> {
    return (await one.store.blobs.find(parseDiffId(diffId))) !== undefined;
  }

  for (const format of ['gzip', 'zstd']) {
    test(`F-301: an image whose layers are in ${format} is pulled as what was pushed`, async () => {
      await using other = await Lab.open();
      const name = `${registry.host}/team/made:${format}`;
      const pulled = await other.engine.pull({ image: name }, watch());
      assert.equal(pulled.imageId, madeId);
      assert.equal(pulled.changed, true);
      assert.equal(
        pulled.digest,
        (await skopeo(['inspect', '--format', '{{.Digest}}', remote(`made:${format}`)])).trim(),
      );
      assert.deepEqual(await layersOf(other, name), await layersOf(lab, 'made:1'));
      assert.equal((await other.read(name, '/f')).toString(), 'content');
      const again = await other.engine.pull({ image: name }, watch());
      assert.equal(again.changed, false);
      const byDigest = await other.engine.pull({ image: `${registry.host}/team/made@${pulled.digest}` }, watch());
      assert.equal(byDigest.imageId, madeId);
      assert.deepEqual((await other.engine.check({ full: true, repair: false }, watch())).findings, []);
    });
  }

  test("an image with docker's media types is pulled too", async () => {
    await using other = await Lab.open();
    const name = `${registry.host}/team/made:v2s2`;
    await other.engine.pull({ image: name }, watch());
    assert.deepEqual(await layersOf(other, name), await layersOf(lab, 'made:1'));
    const { Env } = (await other.config(name)) as { Env: string[] };
    assert.ok(Env.includes('FROM=registry'));
  });

  test('F-093: of an index the image of the asked platform is taken, and the others are named when there is none', async () => {
    const layout = lab.newFolder();
    const manifests: Record<string, unknown>[] = [];
    for (const architecture of ['amd64', 'arm64']) {
      const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY f /f\n', f: architecture });
      const built = await lab.build(context, { platforms: [`linux/${architecture}`], tags: [`multi:${architecture}`] });
      assert.match(built.imageId, /^sha256:/);
      const archive = join(lab.folder, `${architecture}.tar`);
      await save(`multi:${architecture}`, archive);
      execFileSync('tar', ['-xf', archive, '-C', layout]);
      const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
        manifests: Record<string, unknown>[];
      };
      const [{ annotations: _annotations, ...manifest } = {}] = index.manifests;
      manifests.push({ ...manifest, platform: { os: 'linux', architecture } });
    }
    const type = 'application/vnd.oci.image.index.v1+json';
    const inner = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests }));
    const outer = { ...putBlob(layout, inner, type), annotations: { 'org.opencontainers.image.ref.name': 'multi' } };
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [outer] }));
    await skopeo(['copy', '--all', `oci:${layout}:multi`, remote('multi:1')]);

    await using other = await Lab.open();
    const name = `${registry.host}/team/multi:1`;
    const { imageId } = await other.engine.pull({ image: name, platform: 'linux/arm64' }, watch());
    assert.equal((await other.read(imageId, '/f')).toString(), 'arm64');
    const host = await other.engine.pull({ image: name, platform: 'linux/amd64' }, watch());
    assert.equal((await other.read(host.imageId, '/f')).toString(), 'amd64');
    await assert.rejects(other.engine.pull({ image: name, platform: 'linux/s390x' }, watch()), (error) => {
      assert.ok(isShaleError(error, 'PLATFORM_UNKNOWN'), String(error));
      assert.match(error.message + String(error.hint), /linux\/amd64/);
      assert.match(error.message + String(error.hint), /linux\/arm64/);
      return true;
    });
    const arm = await other.build(
      { dockerfile: `FROM ${name}\nCOPY --from=${name} /f /g\n` },
      { platforms: ['linux/arm64'] },
    );
    assert.equal((await other.read(arm.imageId, '/g')).toString(), 'arm64');
    assert.equal((await other.engine.inspect(name, 'image'))['Architecture'], 'amd64', 'the name stays');
  });

  test('a build takes only what it needs of a remote base', async () => {
    await using other = await Lab.open();
    const name = `${registry.host}/team/made:gzip`;
    const labelled = await other.build({ dockerfile: `FROM ${name}\nLABEL a=b\n` });
    const layers = await layersOf(other, labelled.imageId);
    assert.deepEqual(layers, await layersOf(lab, 'made:1'));
    assert.deepEqual(await Promise.all(layers.map((layer) => isHere(other, layer))), [false, false, false]);
    const built = await other.build({ dockerfile: `FROM ${name}\nCOPY --from=${name} /f /copied\n` });
    assert.equal((await other.read(built.imageId, '/copied')).toString(), 'content');
    const all = await Promise.all(layers.map((layer) => isHere(other, layer)));
    assert.deepEqual(all, [true, true, true]);
  });

  test('a cached build of a remote base fetches nothing but names', async () => {
    await using other = await Lab.open();
    const name = `${registry.host}/team/made:gzip`;
    const context = other.context({ Dockerfile: `FROM ${name}\nCOPY --link x /x\n`, x: 'x' });
    const first = await other.build(context);
    const second = await other.build(context);
    assert.equal(second.imageId, first.imageId);
    assert.equal(second.steps.at(-1)?.cached, true);
  });

  test('RUN on a remote base fetches its layers', { skip: cannotRun }, async () => {
    await using other = await Lab.open();
    const built = await other.build({ dockerfile: `FROM ${registry.host}/team/made:zstd\nRUN cat /f > /ran\n` });
    assert.equal((await other.read(built.imageId, '/ran')).toString(), 'content');
  });

  test('a lazily pulled image is saved whole', async () => {
    await using other = await Lab.open();
    await other.build({ dockerfile: `FROM ${registry.host}/team/made:zstd\nLABEL lazy=yes\n` }, { tags: ['lazy:1'] });
    const parts: Uint8Array[] = [];
    for await (const chunk of other.engine.save({ images: ['lazy:1'], format: 'docker' }, watch())) parts.push(chunk);
    await using third = await Lab.open();
    const [loaded] = await third.engine.load(
      (async function* () {
        yield* parts;
      })(),
      watch(),
    );
    assert.equal((await third.read(loaded?.imageId ?? '', '/f')).toString(), 'content');
  });

  for (const [what, damage] of [
    ['empty', (path: string): void => truncateSync(path, 0)],
    ['cut', (path: string): void => truncateSync(path, 700)],
  ] as const) {
    test(`F-107: a pull repairs an image whose layer is ${what}`, async () => {
      const other = await Lab.open();
      await using _owner = other;
      const name = `${registry.host}/team/made:gzip`;
      const pulled = await other.engine.pull({ image: name }, watch());
      const [layer = ''] = await layersOf(other, name);
      damage(other.store.blobs.path(parseDiffId(layer)));
      await using fresh = await other.again();
      await fresh.engine.pull({ image: name }, watch());
      assert.deepEqual((await fresh.engine.check({ full: true, repair: false }, watch())).findings, []);
      assert.equal((await fresh.read(pulled.imageId, '/f')).toString(), 'content');
    });
  }

  test('F-147: many pulls of one image at once, also in other processes, all succeed', async () => {
    await using other = await Lab.open();
    const name = `${registry.host}/team/made:gzip`;
    const program = join(import.meta.dirname, '../../bin/shale');
    const env = { ...process.env, SHALE_HOME: other.home, SHALE_RUN: other.runRoot };
    const processes = Array.from({ length: 4 }, () =>
      execute(process.execPath, [program, 'pull', '-q', name], { env }),
    );
    const engines = Array.from({ length: 6 }, () => other.engine.pull({ image: name }, watch()));
    const pulled = await Promise.all(engines);
    for (const { stdout } of await Promise.all(processes)) assert.match(stdout, /team\/made:gzip/);
    assert.deepEqual([...new Set(pulled.map((one) => one.imageId))], [madeId]);
    assert.deepEqual((await other.engine.check({ full: true, repair: false }, watch())).findings, []);
  });

  test('what is not there is told apart: a tag, a repository, a server', async () => {
    await using other = await Lab.open();
    const refused = async (image: string): Promise<string> => {
      try {
        await other.engine.pull({ image }, watch());
      } catch (error) {
        assert.ok(isShaleError(error), String(error));
        return error.code;
      }
      return 'pulled';
    };
    assert.equal(await refused(`${registry.host}/team/made:missing`), 'MANIFEST_UNKNOWN');
    assert.equal(await refused(`${registry.host}/nobody/here:1`), 'MANIFEST_UNKNOWN');
    assert.equal(await refused('127.0.0.1:1/x:1'), 'REGISTRY_UNREACHABLE');
    assert.deepEqual(await other.engine.images({ all: true }), []);
  });

  test('a tag that was made here is not replaced by a pull', async () => {
    await using other = await Lab.open();
    const name = `${registry.host}/team/made:gzip`;
    await other.build({ dockerfile: 'FROM scratch\nLABEL mine=yes\nCOPY <<EOF /f\nf\nEOF\n' }, { tags: [name] });
    await assert.rejects(other.engine.pull({ image: name }, watch()), (error) => isShaleError(error, 'TAG_MADE_HERE'));
  });

  test('a base that was made here for another platform is refused by name', async () => {
    const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY f /\n', f: '' });
    await lab.build(context, { platforms: ['linux/arm64'], tags: ['arm:1'] });
    await assert.rejects(lab.build({ dockerfile: 'FROM arm:1\n' }), (error) => {
      assert.ok(isShaleError(error));
      assert.match(String(error.message), /arm:1 was made here for linux\/arm64/);
      return true;
    });
    await lab.build({ dockerfile: 'FROM --platform=linux/arm64 arm:1\n' });
  });

  test('a pulled image can be built from when the registry is gone', async () => {
    await using gone = await startRegistry(programs?.registry ?? '', join(lab.newFolder(), 'registry'));
    await skopeo(['copy', `oci-archive:${join(lab.folder, 'made.tar')}`, `docker://${gone.host}/made:1`]);
    await using other = await Lab.open();
    const name = `${gone.host}/made:1`;
    await other.engine.pull({ image: name }, watch());
    await gone[Symbol.asyncDispose]();
    const built = await other.build({ dockerfile: `FROM ${name}\nCOPY --from=${name} /f /x\n` });
    assert.equal((await other.read(built.imageId, '/x')).toString(), 'content');
    await assert.rejects(other.build({ dockerfile: `FROM ${gone.host}/other:1\n` }), (error) =>
      isShaleError(error, 'BASE_IMAGE_NOT_FOUND'),
    );
  });
});
