/** Images in and out of archives, beside the programs of others. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import { isShaleError, streamOf, toText } from '../../src/base/index.ts';
import type { ViewNode } from '../../src/erofs/index.ts';
import { ALPINE, BUSYBOX, Lab, SEARCH_PATH } from '../support/lab.ts';
import { debianTool } from '../support/debian-tools.ts';
import { checkLayout, sha256 } from '../support/oci-layout.ts';
import { snapshot } from '../support/tree-snapshot.ts';

const isRoot = process.getuid?.() === 0;
const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(120_000) });

describe('image archives', { skip: ALPINE.missing || BUSYBOX.missing }, () => {
  let lab: Lab;
  let alpineId: string;
  let skopeo: string | undefined;
  let umoci: string | undefined;
  before(async () => {
    skopeo = debianTool('bookworm', 'skopeo', 'usr/bin/skopeo');
    umoci = debianTool('bookworm', 'umoci', 'usr/bin/umoci');
    lab = await Lab.open();
    const changes = [`ENV ${SEARCH_PATH}`, 'CMD ["/bin/sh"]'];
    const base = await lab.importRootfs(ALPINE.path, 'alpine:base', changes);
    assert.match(base, /^sha256:/);
    const context = lab.context({
      Dockerfile:
        'FROM alpine:base\nCOPY --chown=5:6 --chmod=4755 f /opt/tool\nWORKDIR /srv\nADD more.tar /\nENV A=b\nHEALTHCHECK CMD true\nLABEL note="<&>\\u2028"\n',
      f: 'tool',
      'more.tar': tar(
        member({ name: 'opt/\xff' }, 'not text'),
        member({ name: 'opt/a' }, 'linked'),
        member({ name: 'opt/b', type: '1', link: 'opt/a' }),
        member({ name: 'opt/pipe', type: '6' }),
      ),
    });
    alpineId = (await lab.build(context, { tags: ['alpine:latest', 'reg.example/team/alpine:3'] })).imageId;
  });
  after(() => lab[Symbol.asyncDispose]());

  async function saved(
    one: Lab,
    images: readonly string[],
    format: 'docker' | 'oci',
    compression?: 'gzip' | 'zstd',
  ): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    const request = { images, format, ...(compression !== undefined && { compression }) };
    for await (const chunk of one.engine.save(request, watch())) parts.push(Buffer.from(chunk));
    return Buffer.concat(parts);
  }

  async function diffIds(one: Lab, image: string): Promise<readonly string[]> {
    return (await one.stack(image)).layers.map((layer) => layer.diffId);
  }

  /** An archive as a folder of the lab. */
  function unpacked(archive: Buffer): string {
    const folder = lab.newFolder();
    execFileSync('tar', ['-xf', '-', '-C', folder], { input: archive });
    return folder;
  }

  async function load(one: Lab, archive: Uint8Array): Promise<readonly { imageId: string; tags: readonly string[] }[]> {
    return one.engine.load(streamOf(archive), watch());
  }

  test('an imported root filesystem is its tar, byte for byte', async () => {
    const hash = createHash('sha256')
      .update(gunzipSync(readFileSync(ALPINE.path)))
      .digest('hex');
    assert.deepEqual(await diffIds(lab, 'alpine:base'), [`sha256:${hash}`]);
    const shell = (await lab.tree('alpine:base')).get('bin/sh');
    assert.equal(shell?.kind === 'symlink' ? toText(shell.linkTarget()) : '', '/bin/busybox');
    const [newest] = await lab.engine.history('alpine:base');
    assert.equal(newest?.comment, 'imported');
  });

  for (const format of ['docker', 'oci'] as const) {
    for (const [packing, pack] of Object.entries({
      'as it is': (bytes: Buffer) => bytes,
      'in gzip': (bytes: Buffer) => gzipSync(bytes, { level: 1 }),
      'in zstd': (bytes: Buffer) => zstdCompressSync(bytes),
    })) {
      test(`F-117: an archive of format ${format} ${packing} gives the same images again`, async () => {
        const archive = await saved(lab, ['alpine', 'reg.example/team/alpine:3', 'alpine:base'], format);
        await using other = await Lab.open();
        const loaded = await load(other, pack(archive));
        assert.deepEqual([...new Set(loaded.map((one) => one.imageId))].includes(alpineId), true);
        assert.deepEqual(loaded.flatMap((one) => one.tags).toSorted(), [
          'alpine:base',
          'alpine:latest',
          'reg.example/team/alpine:3',
        ]);
        assert.deepEqual(await diffIds(other, 'alpine'), await diffIds(lab, 'alpine'));
        assert.equal((await other.engine.inspect('alpine:latest', 'image'))['Id'], alpineId);
        assert.deepEqual(
          await saved(other, ['alpine', 'reg.example/team/alpine:3', 'alpine:base'], format),
          archive,
          'saved again, the archive has the same bytes',
        );
        assert.deepEqual((await other.engine.check({ full: true, repair: false }, watch())).findings, []);
      });
    }
    for (const compression of ['gzip', 'zstd'] as const) {
      test(`layers in ${compression} of an archive of format ${format} are the same layers`, async () => {
        const archive = await saved(lab, ['alpine'], format, compression);
        await using other = await Lab.open();
        await load(other, archive);
        assert.deepEqual(await diffIds(other, 'alpine'), await diffIds(lab, 'alpine'));
        assert.deepEqual(await saved(lab, ['alpine'], format, compression), archive);
        if (format === 'oci') assert.deepEqual(checkLayout(unpacked(archive)), []);
      });
    }
  }

  test('F-304: a saved layout keeps to the image specification', async () => {
    assert.deepEqual(checkLayout(unpacked(await saved(lab, ['alpine', 'alpine:base'], 'oci'))), []);
    const docker = unpacked(await saved(lab, ['alpine', 'alpine:base'], 'docker'));
    assert.deepEqual(checkLayout(docker), []);
  });

  test('F-117: what skopeo reads of our archives is what we say', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root: skopeo gives what it unpacks to its owners');
    if (skopeo === undefined) return t.skip('skopeo cannot be fetched');
    const folder = lab.newFolder();
    for (const format of ['docker', 'oci'] as const) {
      const path = join(folder, `${format}.tar`);
      writeFileSync(path, await saved(lab, ['alpine'], format));
      const inspected = JSON.parse(run(skopeo, ['inspect', '--config', `${format}-archive:${path}`])) as {
        rootfs: { diff_ids: string[] };
        config: { Env: string[]; Labels: Record<string, string> };
      };
      assert.deepEqual(inspected.rootfs.diff_ids, await diffIds(lab, 'alpine'));
      assert.deepEqual(inspected.config.Env, [SEARCH_PATH, 'A=b']);
    }
  });

  test('F-117: archives that skopeo makes of ours load as the same images', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root: skopeo gives what it unpacks to its owners');
    if (skopeo === undefined) return t.skip('skopeo cannot be fetched');
    const folder = lab.newFolder();
    writeFileSync(join(folder, 'docker.tar'), await saved(lab, ['alpine'], 'docker'));
    writeFileSync(join(folder, 'oci.tar'), await saved(lab, ['alpine'], 'oci'));
    const copies = {
      'docker-archive': [`docker-archive:${folder}/docker.tar`, `docker-archive:${folder}/a.tar:copy/of:docker`],
      'oci-archive': [`oci-archive:${folder}/oci.tar`, `oci-archive:${folder}/b.tar:copy/of:oci`],
    };
    for (const [kind, [from = '', to = '']] of Object.entries(copies)) {
      run(skopeo, ['copy', '-q', from, to]);
      await using other = await Lab.open();
      const [loaded] = await load(other, readFileSync(join(folder, kind === 'oci-archive' ? 'b.tar' : 'a.tar')));
      assert.equal(loaded?.imageId, alpineId, kind);
      assert.deepEqual(loaded?.tags, [`copy/of:${kind.split('-')[0]}`], kind);
      assert.deepEqual(await diffIds(other, alpineId), await diffIds(lab, 'alpine'), kind);
    }
  });

  test('F-299: umoci unpacks what we save to the tree that we show', { skip: !isRoot && 'needs root' }, async (t) => {
    if (umoci === undefined) return t.skip('umoci cannot be fetched');
    const layout = unpacked(await saved(lab, ['alpine'], 'oci'));
    const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
      manifests: { annotations?: Record<string, string> }[];
    };
    for (const manifest of index.manifests) manifest.annotations = { 'org.opencontainers.image.ref.name': 'latest' };
    writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
    const bundle = join(lab.newFolder(), 'bundle');
    run(umoci, ['unpack', '--image', `${layout}:latest`, bundle]);
    const theirs = snapshot(join(bundle, 'rootfs'), { directoryLinks: false });
    assert.deepEqual(withoutGroups(theirs), withoutGroups(await describeTree('alpine')));
  });

  /** The view of an image in the words of `snapshot`. */
  async function describeTree(image: string): Promise<string[]> {
    const stack = await lab.stack(image);
    const lines: string[] = [];
    const visit = (path: string, node: ViewNode): void => {
      lines.push(describeNode(path, node));
      for (const [name, child] of node.children()) visit(path === '' ? name : `${path}/${name}`, child);
    };
    visit('', stack.view.root);
    return lines;
  }

  test('archives of docker before 25, with linked layers, load', async () => {
    const layer = tar(member({ name: 'f' }, 'x'));
    const config = configOf([layer, layer]);
    const archive = tar(
      member({ name: 'one/', type: '5' }),
      member({ name: 'one/VERSION' }, '1.0'),
      member({ name: 'one/json' }, '{"id":"one"}'),
      member({ name: 'one/layer.tar' }, layer),
      member({ name: 'two/', type: '5' }),
      member({ name: 'two/layer.tar', type: '2', link: '../one/layer.tar' }),
      member({ name: `${sha256(config)}.json` }, config),
      member(
        { name: 'manifest.json' },
        JSON.stringify([
          { Config: `${sha256(config)}.json`, RepoTags: ['old:1'], Layers: ['one/layer.tar', 'two/layer.tar'] },
        ]),
      ),
      member({ name: 'repositories' }, '{"old":{"1":"two"}}'),
    );
    await using other = await Lab.open();
    assert.deepEqual(await load(other, archive), [{ imageId: `sha256:${sha256(config)}`, tags: ['old:1'] }]);
    assert.equal((await other.read('old:1', '/f')).toString(), 'x');
  });

  describe('F-118: load refuses', () => {
    const layer = tar(member({ name: 'f' }, 'x'));
    const config = configOf([layer]);
    const manifest = (change: Record<string, unknown>): Buffer =>
      Buffer.from(JSON.stringify([{ Config: 'config.json', RepoTags: ['evil:1'], Layers: ['layer.tar'], ...change }]));
    const archiveOf = (change: Record<string, unknown>, ...more: Buffer[]): Buffer =>
      tar(
        member({ name: 'config.json' }, config),
        member({ name: 'layer.tar' }, layer),
        member({ name: 'manifest.json' }, manifest(change)),
        ...more,
      );
    const cases: Record<string, { readonly archive: Buffer; readonly code: string }> = {
      'layers outside': { archive: archiveOf({ Layers: ['../../etc/passwd'] }), code: 'ARCHIVE_INVALID' },
      'layers by absolute names': { archive: archiveOf({ Layers: ['/etc/passwd'] }), code: 'ARCHIVE_INVALID' },
      'a config outside': { archive: archiveOf({ Config: '../x' }), code: 'ARCHIVE_INVALID' },
      'members that are missing': { archive: archiveOf({ Layers: ['missing.tar'] }), code: 'ARCHIVE_INVALID' },
      'a layer that is a link to the host': {
        archive: tar(
          member({ name: 'config.json' }, config),
          member({ name: 'layer.tar', type: '2', link: '/etc/passwd' }),
          member({ name: 'manifest.json' }, manifest({})),
        ),
        code: 'ARCHIVE_INVALID',
      },
      'a layer that is a link that climbs out': {
        archive: tar(
          member({ name: 'config.json' }, config),
          member({ name: 'layer.tar', type: '2', link: '../../../etc/passwd' }),
          member({ name: 'manifest.json' }, manifest({})),
        ),
        code: 'ARCHIVE_INVALID',
      },
      'a layer that is a hard link to the host': {
        archive: tar(
          member({ name: 'config.json' }, config),
          member({ name: 'layer.tar', type: '1', link: 'etc/passwd' }),
          member({ name: 'manifest.json' }, manifest({})),
        ),
        code: 'ARCHIVE_INVALID',
      },
      'links that lead in a circle': {
        archive: tar(
          member({ name: 'config.json' }, config),
          member({ name: 'layer.tar', type: '2', link: 'other.tar' }),
          member({ name: 'other.tar', type: '2', link: 'layer.tar' }),
          member({ name: 'manifest.json' }, manifest({})),
        ),
        code: 'ARCHIVE_INVALID',
      },
      'members that come twice': {
        archive: archiveOf({}, member({ name: 'layer.tar' }, 'other')),
        code: 'ARCHIVE_INVALID',
      },
      'a manifest.json that is too long': {
        archive: tar(member({ name: 'manifest.json' }, Buffer.alloc(9 * 1024 * 1024, ' '))),
        code: 'LIMIT_EXCEEDED',
      },
      'fewer layers than the config has': { archive: archiveOf({ Layers: [] }), code: 'ARCHIVE_INVALID' },
      'a layer with other content': {
        archive: tar(
          member({ name: 'config.json' }, config),
          member({ name: 'layer.tar' }, tar(member({ name: 'f' }, 'y'))),
          member({ name: 'manifest.json' }, manifest({})),
        ),
        code: 'DIGEST_MISMATCH',
      },
      'names that are none': { archive: archiveOf({ RepoTags: ['../../x'] }), code: 'REFERENCE_INVALID' },
      'an archive that is cut': { archive: archiveOf({}).subarray(0, 2000), code: 'TAR_TRUNCATED' },
      'a root filesystem': { archive: layer, code: 'ARCHIVE_INVALID' },
      'something else': { archive: Buffer.alloc(3000, 'text'), code: 'TAR_CHECKSUM' },
    };
    for (const [what, { archive, code }] of Object.entries(cases)) {
      test(what, async () => {
        await using other = await Lab.open();
        await assert.rejects(load(other, archive), (error) => {
          assert.ok(isShaleError(error, code), `expected ${code}, got ${String(error)}`);
          return true;
        });
        assert.deepEqual(await other.engine.images({ all: true }), []);
        assert.deepEqual((await other.engine.check({ full: true, repair: false }, watch())).findings, []);
      });
    }

    test('nothing of an archive when its second image is bad', async () => {
      const good = { Config: 'config.json', RepoTags: ['good:1'], Layers: ['layer.tar'] };
      const archive = tar(
        member({ name: 'config.json' }, config),
        member({ name: 'layer.tar' }, layer),
        member(
          { name: 'manifest.json' },
          JSON.stringify([good, { Config: 'missing', RepoTags: ['bad:1'], Layers: [] }]),
        ),
      );
      await using other = await Lab.open();
      await assert.rejects(load(other, archive), (error) => isShaleError(error, 'ARCHIVE_INVALID'));
      assert.deepEqual(await other.engine.images({ all: true }), []);
    });
  });

  test(
    'F-300: an image of a real distribution is saved, loaded and unchanged after a step that does nothing',
    { skip: !isRoot && 'needs root' },
    async () => {
      const built = await lab.build({
        dockerfile: 'FROM alpine\nRUN find / -xdev > /dev/null; chmod 755 /etc; : >> /etc/hosts\n',
      });
      const top = (await lab.stack(built.imageId)).layers.at(-1);
      assert.deepEqual(
        [...(top?.index.root.children() ?? [])].map(([name]) => name),
        [],
      );
    },
  );

  test('F-016: names that are no text survive import, save and load', async () => {
    const rootfs = tar(member({ name: 'd/\xff\xfe' }, 'x'), member({ name: 'd/\xcb\xcf\xc9' }, 'y'));
    await using other = await Lab.open();
    await other.engine.importImage(streamOf(rootfs), { tag: 'bytes:1', changes: [] }, watch());
    const archive = await saved(other, ['bytes:1'], 'docker');
    await using third = await Lab.open();
    await load(third, archive);
    assert.deepEqual(await diffIds(third, 'bytes:1'), [`sha256:${sha256(rootfs)}`]);
  });

  test('a stream that ends early gives no image', async () => {
    const bytes = gunzipSync(readFileSync(ALPINE.path));
    await using other = await Lab.open();
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 1_000_000);
      throw new Error('the pipe broke');
    };
    await assert.rejects(other.engine.importImage(broken(), { tag: 'x:1', changes: [] }, watch()), /the pipe broke/);
    await assert.rejects(
      other.engine.importImage(streamOf(bytes.subarray(0, 1_000_000)), { tag: 'x:1', changes: [] }, watch()),
      (error) => isShaleError(error, 'TAR_TRUNCATED'),
    );
    assert.deepEqual(await other.engine.images({ all: true }), []);
  });
});

function configOf(layers: readonly Buffer[]): Buffer {
  return Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
      history: layers.map(() => ({ created_by: 'test' })),
    }),
  );
}

function run(program: string, args: readonly string[]): string {
  const words = program.includes('skopeo') ? ['--insecure-policy', ...args] : args;
  const result = spawnSync(program, words, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  assert.equal(result.status, 0, `${program} ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

const TYPES: Readonly<Record<string, number>> = { file: 8, directory: 4, symlink: 10, fifo: 1, character: 2, block: 6 };

function describeNode(path: string, node: ViewNode): string {
  const isFile = node.kind === 'file';
  const link = node.kind === 'symlink' ? node.linkTarget() : '';
  const size = node.kind === 'directory' ? '' : isFile ? node.sizeBytes : link.length;
  const content = isFile
    ? Buffer.from(node.sha256() ?? [])
        .toString('hex')
        .slice(0, 16)
    : '';
  const about = [TYPES[node.kind], node.mode.toString(8), node.uid, node.gid, node.mtimeNs, size, '', content, link];
  const links = node.kind === 'directory' ? '' : node.linkCount;
  return [path, about.join('|'), links, '', ''].join('|');
}

/** Snapshots tell the group of hard links by a name; the number of links is enough here. */
function withoutGroups(lines: readonly string[]): string[] {
  return lines.map((line) => line.split('|').slice(0, 11).join('|')).toSorted();
}
