/** Contexts that are no folders of this machine, and named ones. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { isShaleError, streamOf } from '../../src/base/index.ts';
import { readTar } from '../../src/archive/index.ts';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import type { BuildRequest } from '../../src/engine/index.ts';
import { FIRST_COMMIT, GitRepository, noGit } from '../support/git-repository.ts';
import { Lab, SEARCH_PATH, type Built } from '../support/lab.ts';
import { Web } from '../support/web.ts';

const octal = (value: number): string => value.toString(8);
const EPOCH_NS = BigInt(Date.UTC(1980, 0, 1)) * 1_000_000n;

describe('build contexts', () => {
  let lab: Lab;
  let web: Web;
  before(async () => {
    [lab, web] = await Promise.all([Lab.open(), Web.open()]);
  });
  after(async () => {
    await web[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  function build(context: BuildRequest['context'], how: Partial<BuildRequest> = {}): Promise<Built> {
    return lab.build('', { ...how, context });
  }

  async function refuses(work: Promise<unknown>, code: string, message = /./): Promise<void> {
    await assert.rejects(work, (error) => {
      assert.ok(isShaleError(error, code), `expected ${code}, got ${String(error)}`);
      assert.match(error.message, message);
      return true;
    });
  }

  async function outline(imageId: string): Promise<string[]> {
    return Array.from(
      await lab.tree(imageId),
      ([path, node]) => `${path} ${node.mode.toString(8)} ${node.uid}:${node.gid}`,
    );
  }

  const stream = (bytes: Uint8Array | string): BuildRequest['context'] => ({ kind: 'stream', bytes: streamOf(bytes) });
  const ARCHIVE = tar(
    member({ name: 'Dockerfile' }, 'FROM scratch\nCOPY . /x/\n'),
    member({ name: 'sub/', type: '5', mode: '2775', uid: octal(1000), gid: octal(1001) }),
    member({ name: 'sub/f', mode: '0664', uid: octal(1000), gid: octal(1001), mtime: octal(1_700_000_000) }, 'f'),
    member({ name: 'sub/old', mtime: octal(17) }, 'old'),
    member({ name: '.dockerignore' }, 'sub\n'),
    member({ name: 'other/Dockerfile' }, 'FROM scratch\nCOPY sub/f /\n'),
  );

  describe('an archive on standard input', () => {
    const forms: Record<string, (bytes: Buffer) => Uint8Array | undefined> = {
      plain: (bytes) => bytes,
      gzip: (bytes) => gzipSync(bytes),
      zstd: (bytes) => zstdCompressSync(bytes),
      bzip2: (bytes) => program('bzip2', bytes),
      xz: (bytes) => program('xz', bytes),
    };
    for (const [form, compress] of Object.entries(forms)) {
      // As docker 28.5 answers: owners are kept, and no ignore file counts.
      test(`${form}, is copied with owners and modes as in it`, async (t) => {
        const bytes = compress(ARCHIVE);
        if (bytes === undefined) return t.skip(`${form} is not installed`);
        const { imageId } = await build(stream(bytes));
        assert.deepEqual(await outline(imageId), [
          'x 755 0:0',
          'x/.dockerignore 644 0:0',
          'x/Dockerfile 644 0:0',
          'x/other 755 0:0',
          'x/other/Dockerfile 644 0:0',
          'x/sub 2775 1000:1001',
          'x/sub/f 664 1000:1001',
          'x/sub/old 644 0:0',
        ]);
      });
    }

    test('keeps times up to the epoch', async () => {
      const tree = await lab.tree((await build(stream(ARCHIVE))).imageId);
      assert.equal(tree.get('x/sub/f')?.mtimeNs, EPOCH_NS);
      assert.equal(tree.get('x/sub/old')?.mtimeNs, 17_000_000_000n);
    });

    test('has the Dockerfile that -f names', async () => {
      const { imageId } = await build(stream(ARCHIVE), { dockerfile: { kind: 'within', path: 'other/Dockerfile' } });
      assert.deepEqual(await outline(imageId), ['f 664 1000:1001']);
      const missing = { dockerfile: { kind: 'within', path: 'nothing' } } as const;
      await refuses(build(stream(ARCHIVE), missing), 'DOCKERFILE_NOT_FOUND', /nothing in the archive/);
    });

    test('F-207: its links are followed inside it, and never to files of the host', async () => {
      const archive = tar(
        member({ name: 'Dockerfile' }, 'FROM scratch\nCOPY up/passwd /a\n'),
        member({ name: 'up', type: '2', link: '../../../../../../etc' }),
        member({ name: 'host', type: '2', link: '/etc/passwd' }),
        member({ name: 'etc/passwd' }, 'inside'),
        member({ name: 'D2' }, 'FROM scratch\nCOPY host /b\nCOPY . /all/\n'),
      );
      const followed = await build(stream(archive));
      assert.equal((await lab.read(followed.imageId, '/a')).toString(), 'inside');
      const { imageId } = await build(stream(archive), { dockerfile: { kind: 'within', path: 'D2' } });
      assert.equal((await lab.read(imageId, '/b')).toString(), 'inside');
      assert.equal((await lab.tree(imageId)).get('all/host')?.kind, 'symlink');
    });

    test('that is hostile or cut is refused', async () => {
      const evil = tar(member({ name: 'Dockerfile' }, 'FROM scratch'), member({ name: '../../evil' }, 'x'));
      await refuses(build(stream(evil)), 'TAR_PATH');
      await refuses(build(stream(ARCHIVE.subarray(0, 1300))), 'TAR_TRUNCATED');
    });
  });

  test('a Dockerfile on standard input has no context, and -f besides is refused', async () => {
    await build(stream('FROM scratch\nCOPY <<f /f\nx\nf\n'));
    await refuses(build(stream('FROM scratch\nCOPY f /f\n')), 'COPY_SOURCE_NOT_FOUND', /which is empty/);
    const named = { dockerfile: { kind: 'within', path: 'x' } } as const;
    await refuses(build(stream('FROM scratch\n'), named), 'CONTEXT_UNSUPPORTED');
  });

  test('a Containerfile is found where there is no Dockerfile, and podman’s ignore file where there is none of docker', async () => {
    const files = { Containerfile: 'FROM scratch\nCOPY . /\n', a: 'a', b: 'b', '.containerignore': 'b\n.c*\nC*\n' };
    const { imageId } = await lab.build(lab.context(files));
    assert.deepEqual(await outline(imageId), ['a 644 0:0']);
  });

  describe('an address of the web', () => {
    test('of an archive is a context', async () => {
      web.pages.set('/context.tgz', { body: gzipSync(ARCHIVE), headers: { etag: '"1"' } });
      const context = { kind: 'address', address: `${web.origin}/context.tgz` } as const;
      const { imageId } = await build(context);
      const again = await build(context);
      assert.equal(again.imageId, imageId);
      assert.equal((await lab.tree(imageId)).get('x/sub/f')?.uid, 1000);
      assert.equal(web.asked.at(-1)?.status, 304);
    });

    test('of anything else is a Dockerfile', async () => {
      web.pages.set('/Dockerfile', { body: 'FROM scratch\nCOPY context /copied\n' });
      const { imageId } = await build({ kind: 'address', address: `${web.origin}/Dockerfile` });
      assert.match((await lab.read(imageId, '/copied')).toString(), /^FROM scratch/);
    });

    test('can be the Dockerfile of a folder', async () => {
      web.pages.set('/elsewhere', { body: 'FROM scratch\nCOPY a /\n' });
      const dockerfile = { kind: 'address', address: `${web.origin}/elsewhere` } as const;
      const { imageId } = await lab.build(lab.context({ a: 'a' }), { dockerfile });
      assert.deepEqual(await outline(imageId), ['a 644 0:0']);
    });

    test('that is not there is said', () =>
      refuses(build({ kind: 'address', address: `${web.origin}/none` }), 'SOURCE_NOT_FOUND'));
  });

  describe('a git repository', { skip: noGit }, () => {
    let url: string;
    before(() => {
      web.repositories = { folder: join(lab.folder, 'served') };
      const repository = new GitRepository(join(lab.folder, 'served/app.git'));
      repository.commit({
        Dockerfile: 'FROM scratch\nCOPY . /r\n',
        'docs/Dockerfile': 'FROM scratch\nCOPY . /d\n',
        'bare/x': 'x',
        '.dockerignore': 'docs\n',
      });
      url = `${web.origin}/git/app.git`;
    });

    test('is a context with its Dockerfile, and so is a folder of it', async () => {
      const whole = await build({ kind: 'address', address: url });
      assert.deepEqual(
        [...(await lab.tree(whole.imageId)).keys()],
        ['r', 'r/.dockerignore', 'r/Dockerfile', 'r/bare', 'r/bare/x', 'r/docs', 'r/docs/Dockerfile'],
      );
      const part = await build({ kind: 'address', address: `${url}#main:docs` });
      assert.deepEqual([...(await lab.tree(part.imageId)).keys()], ['d', 'd/Dockerfile']);
      const other = await build(
        { kind: 'address', address: url },
        { dockerfile: { kind: 'within', path: 'docs/Dockerfile' } },
      );
      assert.ok((await lab.tree(other.imageId)).has('d/docs'));
    });

    test('says where there is no Dockerfile', () =>
      refuses(
        build({ kind: 'address', address: `${url}#main:bare` }),
        'DOCKERFILE_NOT_FOUND',
        /in http:.*app\.git#main:bare$/,
      ));

    test('keeps .git with BUILDKIT_CONTEXT_KEEP_GIT_DIR', async () => {
      const buildArgs = { BUILDKIT_CONTEXT_KEEP_GIT_DIR: '1' };
      const { imageId } = await build({ kind: 'address', address: url }, { buildArgs });
      assert.ok((await lab.tree(imageId)).has('r/.git/HEAD'));
    });

    test('GIT_AUTH_TOKEN is not needed where nobody asks, and its lack is said where somebody does', async () => {
      web.repositories = { folder: join(lab.folder, 'served'), authorization: 'Basic hush' };
      await refuses(build({ kind: 'address', address: url }), 'GIT_FAILED');
      web.repositories = { folder: join(lab.folder, 'served') };
    });
  });

  describe('SOURCE_DATE_EPOCH=context', () => {
    const buildArgs = { SOURCE_DATE_EPOCH: 'context' };
    async function epochOf(context: BuildRequest['context'], how: Partial<BuildRequest> = {}): Promise<number> {
      const { imageId } = await build(context, { buildArgs, ...how });
      const { Created } = await lab.engine.inspect(imageId, 'image');
      return Date.parse(String(Created)) / 1000;
    }

    test('is the time of the commit', { skip: noGit }, async () => {
      assert.equal(await epochOf({ kind: 'address', address: `${web.origin}/git/app.git` }), FIRST_COMMIT);
    });

    test('is the Last-Modified of an address, else the newest file of its archive', async () => {
      web.pages.set('/dated', { body: ARCHIVE, headers: { 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' } });
      web.pages.set('/undated', { body: ARCHIVE });
      assert.equal(await epochOf({ kind: 'address', address: `${web.origin}/dated` }), 1_445_412_480);
      assert.equal(await epochOf({ kind: 'address', address: `${web.origin}/undated` }), 1_700_000_000);
    });

    test('is the newest file of an archive on standard input, also as a default of the Dockerfile', async () => {
      assert.equal(await epochOf(stream(ARCHIVE)), 1_700_000_000);
      const dockerfile = 'ARG SOURCE_DATE_EPOCH=context\nFROM scratch\nCOPY f /\n';
      const archive = tar(
        member({ name: 'Dockerfile', mtime: '7' }, dockerfile),
        member({ name: 'f', mtime: octal(1_000_000_000) }, 'f'),
      );
      assert.equal(await epochOf(stream(archive), { buildArgs: {} }), 1_000_000_000);
    });

    test('changes nothing for a folder, and a warning says so', async () => {
      const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY a /\n', a: 'a' });
      const { events } = await lab.build(context, { buildArgs });
      const warnings = events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
      assert.match(warnings.join('\n'), /SOURCE_DATE_EPOCH=context has no effect/);
      assert.equal(await epochOf({ kind: 'directory', path: context }), 315_532_800);
    });
  });

  describe('--build-context', () => {
    const other = (files: Readonly<Record<string, string>>): { readonly kind: 'directory'; readonly path: string } => ({
      kind: 'directory',
      path: lab.context(files),
    });

    test('a folder is copied from, with an ignore file of its own', async () => {
      const dockerfile = 'FROM scratch\nCOPY --from=data . /d/\nCOPY --from=data sub /s/\n';
      const buildContexts = { data: other({ a: 'a', 'sub/b': 'b', skip: 'x', '.dockerignore': 'skip\n' }) };
      const { imageId } = await lab.build(lab.context({ Dockerfile: dockerfile }), { buildContexts });
      assert.deepEqual(
        [...(await lab.tree(imageId)).keys()],
        ['d', 'd/.dockerignore', 'd/a', 'd/sub', 'd/sub/b', 's', 's/b'],
      );
    });

    test('a folder stands in for an image, whose layer is its files', async () => {
      const dockerfile = 'FROM base\nCOPY x /\n';
      const buildContexts = { base: other({ a: 'a' }) };
      const { imageId } = await lab.build(lab.context({ Dockerfile: dockerfile, x: 'x' }), { buildContexts });
      assert.deepEqual([...(await lab.tree(imageId)).keys()], ['a', 'x']);
      const history = await lab.engine.history(imageId);
      assert.equal(history.filter(({ sizeBytes }) => sizeBytes > 0).length, 2);
    });

    test('a folder stands in for a stage, whose instructions then do not count', async () => {
      const dockerfile = 'FROM nowhere.invalid/x AS build\nRUN false\nFROM scratch\nCOPY --from=build /a /\n';
      const { imageId } = await lab.build(lab.context({ Dockerfile: dockerfile }), {
        buildContexts: { build: other({ a: 'a' }) },
      });
      assert.deepEqual([...(await lab.tree(imageId)).keys()], ['a']);
    });

    test('an image stands in for another', async () => {
      await lab.build({ dockerfile: 'FROM scratch\nCOPY <<f /f\nx\nf\n' }, { tags: ['made:here'] });
      const dockerfile = 'FROM alpine\nCOPY --from=docker.io/library/other:latest f /g\n';
      const made = { kind: 'image', reference: 'made:here' } as const;
      const buildContexts = { alpine: made, other: made };
      const { imageId } = await lab.build(lab.context({ Dockerfile: dockerfile }), { buildContexts });
      assert.deepEqual([...(await lab.tree(imageId)).keys()], ['f', 'g']);
    });

    test('an address is fetched when a step needs it, and not before', async () => {
      web.pages.set('/named.tar', { body: ARCHIVE });
      web.asked.length = 0;
      const buildContexts = {
        data: { kind: 'address', address: `${web.origin}/named.tar` },
        unused: { kind: 'address', address: `${web.origin}/unused` },
      } as const;
      const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY --from=data sub/f /\n' });
      const { imageId } = await lab.build(context, { buildContexts });
      assert.deepEqual(await outline(imageId), ['f 664 1000:1001']);
      assert.deepEqual(
        web.asked.map(({ path }) => path),
        ['/named.tar'],
      );
    });

    test('a repository is copied from', { skip: noGit }, async () => {
      const buildContexts = { data: { kind: 'address', address: `${web.origin}/git/app.git#main:docs` } } as const;
      const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY --from=data . /\n' });
      const { imageId } = await lab.build(context, { buildContexts });
      assert.deepEqual(await outline(imageId), ['Dockerfile 644 0:0']);
    });

    test('a layout is an image, by tag, by digest, or alone', async () => {
      await lab.build({ dockerfile: 'FROM scratch\nCOPY <<f /f\nx\nf\nENV A=b\n' }, { tags: ['packed:v1'] });
      const path = join(lab.folder, 'layout');
      await unpackTar(
        lab.engine.save({ images: ['packed:v1'], format: 'oci' }, { signal: AbortSignal.timeout(10_000) }),
        path,
      );
      await using fresh = await Lab.open();
      const context = fresh.context({ Dockerfile: 'FROM base\nCOPY --from=base /f /g\n' });
      for (const name of [undefined, 'v1']) {
        const buildContexts = { base: { kind: 'layout', path, ...(name !== undefined && { name }) } } as const;
        const { imageId } = await fresh.build(context, { buildContexts });
        assert.deepEqual([...(await fresh.tree(imageId)).keys()], ['f', 'g']);
        assert.deepEqual((await fresh.config(imageId))['Env'], [SEARCH_PATH, 'A=b']);
      }
      const wrong = { base: { kind: 'layout', path, name: 'v2' } } as const;
      await refuses(fresh.build(context, { buildContexts: wrong }), 'IMAGE_NOT_FOUND', /has no image v2/);
      const empty = { base: { kind: 'layout', path: fresh.newFolder() } } as const;
      await refuses(fresh.build(context, { buildContexts: empty }), 'LAYOUT_INVALID', /index\.json is not there/);
    });

    test('that is no folder is said before anything is built', () =>
      refuses(
        lab.build(lab.context({ Dockerfile: 'FROM scratch\n' }), {
          buildContexts: { x: { kind: 'directory', path: '/none' } },
        }),
        'CONTEXT_NOT_FOUND',
      ));
  });

  describe('--context-modes=git', () => {
    const how = { contextModes: 'git' } as const;
    function context(): string {
      const folder = lab.context({ Dockerfile: 'FROM scratch\nCOPY d /d\n', 'd/f': 'f', 'd/run': 'run' });
      chmodSync(join(folder, 'd'), 0o2770);
      chmodSync(join(folder, 'd/f'), 0o660);
      chmodSync(join(folder, 'd/run'), 0o4750);
      return folder;
    }

    test('gives files the modes that git keeps, and finds them again under another umask', async () => {
      const folder = context();
      const first = await lab.build(folder, how);
      assert.deepEqual(await outline(first.imageId), ['d 755 0:0', 'd/f 644 0:0', 'd/run 755 0:0']);
      chmodSync(join(folder, 'd/f'), 0o604);
      const again = await lab.build(folder, how);
      assert.equal(again.imageId, first.imageId);
      assert.ok(again.steps.every(({ cached }) => cached));
    });

    test('is named when git would not see why a step ran', async () => {
      const folder = context();
      const reason = async (): Promise<string> => {
        const { buildId } = await lab.build(folder);
        const { steps } = await lab.engine.why({ build: buildId });
        return steps.find(({ name }) => name.includes('COPY'))?.reason ?? '';
      };
      await reason();
      chmodSync(join(folder, 'd/f'), 0o644);
      assert.equal(
        await reason(),
        'd/f has the mode 0644 instead of 0660 and the same content; with --context-modes=git that would not count',
      );
      chmodSync(join(folder, 'd/f'), 0o755);
      assert.doesNotMatch(await reason(), /context-modes/);
      chmodSync(join(folder, 'd/f'), 0o750);
      writeFileSync(join(folder, 'd/f'), 'other');
      assert.doesNotMatch(await reason(), /context-modes/);
    });
  });
});

function program(name: string, bytes: Buffer): Buffer | undefined {
  const { status, stdout } = spawnSync(name, { input: bytes });
  return status === 0 ? stdout : undefined;
}

/** Writes the files of a tar that this test made itself. */
async function unpackTar(bytes: AsyncIterable<Uint8Array>, folder: string): Promise<void> {
  for await (const { entry, content } of readTar(bytes)) {
    const path = join(folder, entry.path);
    if (entry.kind !== 'file') continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.concat(await Array.fromAsync(content)));
  }
}
