/** What a build gives out: folders, tars, archives, layouts, annotations, metadata. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { OutputRequest } from '../../src/engine/index.ts';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import { streamOf } from '../../src/base/index.ts';
import { debianTool } from '../support/debian-tools.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { checkLayout, sha256 } from '../support/oci-layout.ts';
import { snapshot } from '../support/tree-snapshot.ts';

const isRoot = process.getuid?.() === 0;
/** Docker's answers are taken where it is and sees the same files. */
const DOCKER_FOLDER = process.env['LAB'] ?? '/tmp/lab';
const DOCKER = join(DOCKER_FOLDER, 'bin/docker-ctrd');
const cannotAsk =
  existsSync(DOCKER) && spawnSync(DOCKER, ['version']).status === 0 ? false : 'the lab has not started docker';

interface IndexJson {
  readonly mediaType: string;
  readonly manifests: readonly {
    readonly mediaType: string;
    readonly digest: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly platform?: Readonly<Record<string, string>>;
  }[];
  readonly annotations?: Readonly<Record<string, string>>;
}

describe('outputs of a build', { skip: BUSYBOX.missing }, () => {
  let lab: Lab;
  let context: string;
  before(async () => {
    lab = await Lab.open();
    context = lab.context({
      Dockerfile: 'FROM scratch\nADD tree.tar /\nCOPY --chmod=600 note /etc/note\n',
      note: 'a note\n',
      'tree.tar': tar(
        member({ name: 'd/', type: '5', mode: '1777' }),
        member({ name: 'd/f', mode: '4755', uid: '5', gid: '6' }, 'content'),
        member({ name: 'd/hard', type: '1', link: 'd/f', mode: '4755', uid: '5', gid: '6' }),
        member({ name: 'd/sym', type: '2', link: '/etc/passwd' }),
      ),
    });
  });
  after(() => lab[Symbol.asyncDispose]());

  const build = async (...outputs: readonly OutputRequest[]): Promise<Awaited<ReturnType<Lab['build']>>> =>
    lab.build(context, { outputs });
  const json = (path: string): IndexJson => JSON.parse(readFileSync(path, 'utf8')) as IndexJson; // Looked at field by field.

  /** Builds into an archive and unpacks it. */
  async function layoutOf(
    how: Partial<Extract<OutputRequest, { kind: 'archive' }>>,
    more: Parameters<Lab['build']>[1] = {},
  ): Promise<{ readonly folder: string; readonly metadata: Readonly<Record<string, unknown>> }> {
    const path = join(lab.newFolder(), 'image.tar');
    const output = { kind: 'archive', format: 'oci', to: { kind: 'file', path }, names: ['web:1'], ...how } as const;
    const { metadata } = await lab.build(context, { outputs: [output], ...more });
    const folder = lab.newFolder();
    execFileSync('tar', ['-xf', path, '-C', folder]);
    return { folder, metadata };
  }

  test('local writes files with modes, links, times and names as they are, owned by the caller', async () => {
    const folder = join(lab.newFolder(), 'a/b');
    const built = await build({ kind: 'local', folder, mode: 'copy' });
    const stat = lstatSync(join(folder, 'd/f'));
    assert.deepEqual([stat.mode & 0o7777, stat.uid, stat.nlink], [0o4755, process.getuid?.(), 2]);
    assert.equal(lstatSync(join(folder, 'd/hard')).ino, stat.ino);
    assert.equal(stat.mtimeMs, 0);
    assert.equal(lstatSync(join(folder, 'd')).mode & 0o7777, 0o1777);
    assert.equal(readFileSync(join(folder, 'etc/note'), 'utf8'), 'a note\n');
    assert.deepEqual(built.metadata, { 'buildx.build.ref': built.buildId });
    assert.equal(await lab.store.images.find(built.imageId as never), undefined, 'nothing is stored');
  });

  test('names that are no text come through local and tar as the bytes that they are', async () => {
    const odd = lab.context({
      Dockerfile: 'FROM scratch\nADD t.tar /\n',
      't.tar': tar(member({ name: 'd/\xff' }, 'x'), member({ name: 'l\xfe', type: '1', link: 'd/\xff' })),
    });
    const folder = lab.newFolder();
    const path = join(lab.newFolder(), 'odd.tar');
    const outputs = [
      { kind: 'local', folder, mode: 'copy' },
      { kind: 'tar', to: { kind: 'file', path } },
    ] as const;
    await lab.build(odd, { outputs });
    await lab.build(odd, { outputs });
    assert.equal(readFileSync(Buffer.from(`${folder}/d/\xff`, 'latin1'), 'utf8'), 'x');
    assert.equal(lstatSync(Buffer.from(`${folder}/l\xfe`, 'latin1')).nlink, 2);
    assert.match(execFileSync('tar', ['-tf', path], { encoding: 'utf8' }), /^d\/\\377$/m);
  });

  test('local replaces what stands there, keeps what has other names, and follows no link out of the folder', async () => {
    const folder = lab.newFolder();
    const outside = lab.newFolder();
    writeFileSync(join(outside, 'note'), 'mine');
    symlinkSync(outside, join(folder, 'etc'));
    mkdirSync(join(folder, 'd/f/deep'), { recursive: true });
    writeFileSync(join(folder, 'other'), 'kept');
    await build({ kind: 'local', folder, mode: 'copy' });
    assert.equal(readFileSync(join(outside, 'note'), 'utf8'), 'mine');
    assert.equal(lstatSync(join(folder, 'etc')).isDirectory(), true);
    assert.equal(readFileSync(join(folder, 'd/f'), 'utf8'), 'content');
    assert.equal(readFileSync(join(folder, 'other'), 'utf8'), 'kept');
    await build({ kind: 'local', folder, mode: 'copy' });
    assert.deepEqual(readdirSync(folder).toSorted(), ['d', 'etc', 'other'], 'a second time gives the same');
  });

  test('local in mode delete leaves nothing but the result', async () => {
    const folder = lab.newFolder();
    const outside = lab.newFolder();
    writeFileSync(join(outside, 'note'), 'mine');
    mkdirSync(join(folder, 'd/old'), { recursive: true });
    symlinkSync(outside, join(folder, 'link'));
    await build({ kind: 'local', folder, mode: 'delete' });
    assert.deepEqual(readdirSync(folder).toSorted(), ['d', 'etc']);
    assert.equal(existsSync(join(folder, 'd/old')), false);
    assert.deepEqual(readdirSync(outside), ['note']);
  });

  test('a folder that cannot be written, and a tar whose name is a folder, are said by name', async () => {
    const folder = lab.newFolder();
    writeFileSync(join(folder, 'file'), '');
    const failed = { code: 'OUTPUT_FAILED' };
    await assert.rejects(build({ kind: 'local', folder: join(folder, 'file/x'), mode: 'copy' }), failed);
    await assert.rejects(build({ kind: 'tar', to: { kind: 'file', path: folder } }), failed);
    await assert.rejects(build({ kind: 'tar', to: { kind: 'file', path: join(folder, 'a/b.tar') } }), failed);
    assert.deepEqual(readdirSync(folder), ['file']);
  });

  test('tar has owners, and the same bytes every time; several outputs are written at once', async () => {
    const folder = lab.newFolder();
    const parts: Uint8Array[] = [];
    const path = join(folder, 'files.tar');
    await build(
      { kind: 'tar', to: { kind: 'file', path } },
      { kind: 'tar', to: { kind: 'stream', write: async (bytes) => void parts.push(Buffer.from(bytes)) } },
      { kind: 'local', folder: join(folder, 'files'), mode: 'copy' },
    );
    assert.deepEqual(readFileSync(path), Buffer.concat(parts));
    const listed = execFileSync('tar', ['--numeric-owner', '-tvf', path], { encoding: 'utf8' });
    assert.match(listed, /-rwsr-xr-x 5\/6 +7 1970-01-01 00:00 d\/f/);
    assert.match(listed, /^h.* d\/hard link to d\/f$/m);
    assert.equal(existsSync(join(folder, 'files/etc/note')), true);
  });

  test('BUILDKIT_MULTI_PLATFORM makes an index, and a folder, of one platform', async () => {
    const buildArgs = { BUILDKIT_MULTI_PLATFORM: '1' };
    const folder = join(lab.newFolder(), 'split');
    await lab.build(context, { buildArgs, outputs: [{ kind: 'local', folder, mode: 'copy' }] });
    const [platform = '', ...others] = readdirSync(folder);
    assert.match(platform, /^linux_/);
    assert.deepEqual(others, []);
    const layout = await layoutOf({}, { buildArgs });
    assert.equal(layout.metadata['containerimage.config.digest'], undefined);
    const built = await lab.build(context, { buildArgs, tags: ['one:index'] });
    assert.notEqual(built.imageId, (await lab.build(context)).imageId);
    const refused = lab.build(context, { buildArgs: { BUILDKIT_MULTI_PLATFORM: 'perhaps' } });
    await assert.rejects(refused, { code: 'OUTPUT_UNSUPPORTED' });
  });

  test('metadata of an archive and the store together has the digest of the archive’s manifest', async () => {
    const to = { kind: 'file', path: join(lab.newFolder(), 'image.tar') } as const;
    const built = await build({ kind: 'archive', format: 'oci', to, names: ['web:1'] }, { kind: 'image', names: [] });
    const { 'containerimage.descriptor': descriptor, 'containerimage.digest': digest, ...rest } = built.metadata;
    assert.deepEqual(digest, (descriptor as { readonly digest: string }).digest);
    assert.equal(rest['containerimage.config.digest'], built.imageId);
    assert.notEqual(digest, built.imageId);
  });

  test('an OCI archive is a valid layout in every compression, and loads again as the same image', async () => {
    const { imageId } = await lab.build(context, { tags: ['stored'] });
    for (const packing of [{}, { compression: 'none' }, { compression: 'zstd', level: 7 }, { level: 1 }] as const) {
      const { folder, metadata } = await layoutOf({ packing });
      assert.deepEqual(checkLayout(folder), []);
      assert.equal(metadata['containerimage.config.digest'], imageId);
      const [entry] = json(join(folder, 'index.json')).manifests;
      assert.equal(metadata['containerimage.digest'], entry?.digest);
      assert.equal(metadata['image.name'], 'docker.io/library/web:1');
      await using other = await Lab.open();
      const archive = execFileSync('tar', ['-cf', '-', '-C', folder, '.'], { maxBuffer: 1e8 });
      const [loaded] = await other.engine.load(streamOf(archive), { signal: AbortSignal.timeout(60_000) });
      assert.deepEqual(loaded, { imageId, tags: ['web:1'] });
    }
  });

  test("docker's media types stand on manifest, config and layers when they are asked for", async () => {
    const { folder } = await layoutOf({ packing: { mediaTypes: 'docker' } });
    const [entry] = json(join(folder, 'index.json')).manifests;
    assert.equal(entry?.mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
    const manifest = readFileSync(join(folder, 'blobs/sha256', entry.digest.slice(7)), 'utf8');
    assert.match(manifest, /application\/vnd\.docker\.container\.image\.v1\+json/);
    assert.match(manifest, /application\/vnd\.docker\.image\.rootfs\.diff\.tar\.gzip/);
  });

  test('a layout in a folder keeps other names, replaces its own, and leaves no blobs of it behind', async () => {
    const path = join(lab.newFolder(), 'layout');
    const to = { kind: 'folder', path } as const;
    const archive = (...names: readonly string[]): OutputRequest => ({ kind: 'archive', format: 'oci', to, names });
    await build(archive('one:1'), archive('two:2'));
    assert.deepEqual(checkLayout(path), []);
    assert.equal(json(join(path, 'index.json')).manifests.length, 2);
    writeFileSync(join(context, 'note'), 'another note\n');
    await build(archive('one:1'));
    await build(archive('two:2'));
    assert.deepEqual(checkLayout(path), []);
    const { manifests } = json(join(path, 'index.json'));
    const names = manifests.map(({ annotations }) => String(annotations?.['io.containerd.image.name']));
    assert.deepEqual(names.toSorted(), ['docker.io/library/one:1', 'docker.io/library/two:2']);
    assert.equal(readdirSync(join(path, 'blobs/sha256')).length, 4, 'manifest, config, two layers');
    await build(archive());
    assert.equal(
      json(join(path, 'index.json')).manifests.at(-1)?.annotations?.['org.opencontainers.image.ref.name'],
      'latest',
    );
    writeFileSync(join(context, 'note'), 'a note\n');
  });

  test('skopeo and umoci read our layouts', async (t) => {
    const skopeo = debianTool('bookworm', 'skopeo', 'usr/bin/skopeo');
    const umoci = debianTool('bookworm', 'umoci', 'usr/bin/umoci');
    if (skopeo === undefined || umoci === undefined) return t.skip('skopeo and umoci cannot be fetched');
    const path = join(lab.newFolder(), 'layout');
    const { imageId } = await build({ kind: 'archive', format: 'oci', to: { kind: 'folder', path }, names: ['web:1'] });
    const inspected = execFileSync(skopeo, ['inspect', '--config', '--raw', `oci:${path}:1`]);
    assert.equal(`sha256:${sha256(inspected)}`, imageId);
    if (!isRoot) return;
    const bundle = join(lab.newFolder(), 'bundle');
    execFileSync(umoci, ['unpack', '--image', `${path}:1`, bundle], { stdio: 'pipe' });
    const folder = join(lab.newFolder(), 'tree');
    await build({ kind: 'local', folder, mode: 'copy' });
    assert.deepEqual(
      snapshot(folder).slice(1).map(withoutOwner),
      snapshot(join(bundle, 'rootfs')).slice(1).map(withoutOwner),
    );
  });

  test('annotations stand in the manifest and on its descriptor; a stored image keeps them through save', async () => {
    const annotations = [
      { place: 'manifest', key: 'k', value: 'v' },
      { place: 'manifest-descriptor', key: 'about', value: 'it' },
      { place: 'manifest', platform: 'linux/amd64', key: 'own', value: 'x' },
    ] as const;
    const { folder } = await layoutOf(
      { annotations: [{ place: 'manifest', key: 'o', value: 'p' }] },
      {
        annotations,
        platforms: ['linux/amd64'],
      },
    );
    const [entry] = json(join(folder, 'index.json')).manifests;
    assert.equal(entry?.annotations?.['about'], 'it');
    const manifest = json(join(folder, 'blobs/sha256', entry.digest.slice(7)));
    assert.deepEqual(manifest.annotations, { k: 'v', o: 'p', own: 'x' });

    const { imageId } = await lab.build(context, { tags: ['noted'], annotations, platforms: ['linux/amd64'] });
    const summary = (await lab.engine.images({ all: false })).find(({ tag }) => tag?.repository === 'noted');
    assert.equal(summary?.id, imageId);
    const saved: Uint8Array[] = [];
    const watch = { signal: AbortSignal.timeout(60_000) };
    for await (const part of lab.engine.save({ images: ['noted'], format: 'oci' }, watch))
      saved.push(Buffer.from(part));
    await using other = await Lab.open();
    await other.engine.load(streamOf(Buffer.concat(saved)), watch);
    const inspected = await other.engine.inspect('noted', 'image');
    assert.equal(inspected['Id'], imageId);
    assert.match(
      JSON.stringify(inspected['Shale']),
      /"Annotations":\{"k":"v","own":"x"\},"DescriptorAnnotations":\{"about":"it"\}/,
    );
    assert.deepEqual(await lab.engine.removeImage('noted', { force: false }).then((gone) => gone[0]), {
      kind: 'untagged',
      name: 'noted:latest',
    });
  });

  test('annotations of an index, or of a platform that is not built, are refused before anything runs', async () => {
    const refused = (annotations: NonNullable<Parameters<Lab['build']>[1]>['annotations']): Promise<void> =>
      assert.rejects(lab.build(context, { ...(annotations && { annotations }) }), { code: 'ANNOTATION_INVALID' });
    await refused([{ place: 'index', key: 'k', value: 'v' }]);
    await refused([{ place: 'manifest', platform: 'linux/s390x', key: 'k', value: 'v' }]);
  });

  test('F-229: an export that is cancelled leaves nothing half written, and the next one works', async () => {
    const folder = lab.newFolder();
    const big = lab.context({ Dockerfile: 'FROM scratch\nCOPY f /f\n', f: Buffer.alloc(8_000_000, 'x') });
    const outputs = [
      { kind: 'archive', format: 'oci', to: { kind: 'file', path: join(folder, 'a.tar') }, names: [] },
      { kind: 'tar', to: { kind: 'file', path: join(folder, 'b.tar') } },
    ] as const;
    for (const output of outputs) {
      const controller = new AbortController();
      const cancelled = lab.build(big, {
        outputs: [output],
        tags: ['cancelled'],
        signal: controller.signal,
        progress: (event) =>
          event.kind === 'vertex-started' && event.name.startsWith('exporting') && controller.abort(),
      });
      await assert.rejects(cancelled);
      assert.deepEqual(readdirSync(folder), []);
    }
    await assert.rejects(lab.engine.inspect('cancelled', 'image'), { code: 'IMAGE_NOT_FOUND' });
    await lab.build(big, { outputs });
    assert.deepEqual(readdirSync(folder).toSorted(), ['a.tar', 'b.tar']);
  });

  test('no output at all leaves the cache alone changed', async () => {
    const before = (await lab.store.images.list()).length;
    const cacheOnly = lab.context({ Dockerfile: 'FROM scratch\nCOPY f /cached\n', f: 'x' });
    await lab.build(cacheOnly, { outputs: [], tags: ['never'] });
    assert.equal((await lab.store.images.list()).length, before);
    assert.equal(
      (await lab.build(cacheOnly, { outputs: [] })).steps.every(({ cached }) => cached),
      true,
    );
  });

  describe('beside docker', { skip: cannotAsk || cannotRun }, () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(DOCKER_FOLDER, 'shale-outputs-'));
      chmodSync(folder, 0o755);
      execFileSync('cp', ['-a', `${context}/.`, join(folder, 'context')]);
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const docker = (...words: readonly string[]): void =>
      void execFileSync(DOCKER, ['build', '-q', '--provenance=false', ...words, join(folder, 'context')], {
        stdio: 'pipe',
        cwd: folder,
        env: { ...process.env, BUILDX_METADATA_PROVENANCE: 'disabled' },
      });

    test('local gives the same tree, but for the time of what was copied', async () => {
      docker('-o', `type=local,dest=${folder}/theirs`);
      await build({ kind: 'local', folder: join(folder, 'ours'), mode: 'copy' });
      const lines = (name: string): string[] => snapshot(join(folder, name)).slice(1).map(withoutCopiedTime);
      assert.deepEqual(lines('ours'), lines('theirs'));
    });

    test('tar lists the same entries', async () => {
      docker('-o', `type=tar,dest=${folder}/theirs.tar`);
      await build({ kind: 'tar', to: { kind: 'file', path: join(folder, 'ours.tar') } });
      const list = (name: string): string[] =>
        execFileSync('tar', ['--numeric-owner', '-tvf', join(folder, name)], { encoding: 'utf8' })
          .split('\n')
          .map((line) => line.replace(/ \d{4}-\d\d-\d\d \d\d:\d\d /, ' '))
          .filter((line) => line !== '')
          .toSorted();
      assert.deepEqual(list('ours.tar'), list('theirs.tar'));
    });

    test('metadata of an archive has the same keys', async () => {
      const dest = `dest=${folder}/theirs-oci.tar`;
      docker('-t', 'web:1', '--metadata-file', join(folder, 'theirs.json'), '-o', `type=oci,${dest}`);
      const theirs = JSON.parse(readFileSync(join(folder, 'theirs.json'), 'utf8')) as Record<string, unknown>;
      const { metadata } = await layoutOf({});
      assert.deepEqual(Object.keys(metadata).toSorted(), Object.keys(theirs).toSorted());
    });
  });
});

function withoutOwner(line: string): string {
  return line.split('|').toSpliced(3, 2, '', '').join('|');
}

/** Times of files from the context are those of the build with BuildKit; directories of the copy have them too. */
function withoutCopiedTime(line: string): string {
  return /^etc\b/.test(line) ? line.split('|').toSpliced(5, 1, '').join('|') : line;
}
