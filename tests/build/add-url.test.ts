/** ADD of a URL, from a server on loopback. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isShaleError, toText } from '../../src/base/index.ts';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import { Lab, type Built, type BuildHow } from '../support/lab.ts';
import { Web } from '../support/web.ts';

const EPOCH_NS = BigInt(Date.UTC(1980, 0, 1)) * 1_000_000n;

describe('ADD of a URL', () => {
  let lab: Lab;
  let web: Web;
  before(async () => {
    [lab, web] = await Promise.all([Lab.open(), Web.open()]);
  });
  after(async () => {
    await web[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  function add(rest: string, how?: BuildHow): Promise<Built> {
    return lab.build({ dockerfile: `FROM scratch\nADD ${rest}\n` }, how);
  }

  async function refuses(rest: string, code: string, message = /./): Promise<void> {
    await assert.rejects(add(rest), (error) => {
      assert.ok(isShaleError(error, code), `expected ${code}, got ${String(error)}`);
      assert.match(error.message, message);
      return true;
    });
  }

  test('puts the file under the name of its path, for its owner alone, with the time of the build', async () => {
    web.pages.set('/files/a%20b.bin?x=1', {
      body: 'content',
      headers: { 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' },
    });
    const { imageId } = await add(`["${web.origin}/files/a%20b.bin?x=1", "/d/"]`);
    const node = (await lab.tree(imageId)).get('d/a b.bin');
    assert.equal(node?.mode, 0o600);
    assert.deepEqual([node?.uid, node?.gid], [0, 0]);
    assert.equal(node?.mtimeNs, EPOCH_NS);
    assert.equal((await lab.read(imageId, '/d/a b.bin')).toString(), 'content');
  });

  test('without a slash at the end names the file; --chmod and --chown are heeded', async () => {
    web.pages.set('/x', { body: 'x' });
    const { imageId } = await add(`--chmod=754 --chown=7:8 ${web.origin}/x /bin/y`);
    const node = (await lab.tree(imageId)).get('bin/y');
    assert.equal(node?.mode, 0o754);
    assert.deepEqual([node?.uid, node?.gid], [7, 8]);
  });

  test('of a path without a name takes the name that the server gives', async () => {
    web.pages.set('/', { body: 'x', headers: { 'content-disposition': 'attachment; filename="../../we ird.txt"' } });
    web.pages.set('/?bare', { body: 'x' });
    const { imageId } = await add(`${web.origin}/ /d/`);
    assert.deepEqual([...(await lab.tree(imageId)).keys()], ['d', 'd/we ird.txt']);
    const bare = await add(`${web.origin}/?bare /d/`);
    assert.deepEqual([...(await lab.tree(bare.imageId)).keys()], ['d', 'd/__unnamed__']);
  });

  test('asks in every build, and is sent the file again only when it has changed', async () => {
    web.pages.set('/etag', [
      { body: 'one', headers: { etag: '"1"' } },
      { body: 'one', headers: { etag: '"1"' } },
      { body: 'two', headers: { etag: '"2"' } },
    ]);
    web.asked.length = 0;
    const first = await add(`${web.origin}/etag /`);
    const again = await add(`${web.origin}/etag /`);
    const changed = await add(`${web.origin}/etag /`);
    assert.deepEqual(
      web.asked.map(({ status, headers }) => [status, headers['if-none-match']]),
      [
        [200, undefined],
        [304, '"1"'],
        [200, '"1"'],
      ],
    );
    assert.equal(again.imageId, first.imageId);
    assert.ok(again.steps.find(({ name }) => name.includes('ADD'))?.cached);
    assert.equal((await lab.read(changed.imageId, '/etag')).toString(), 'two');
  });

  test('goes by Last-Modified where there is no ETag', async () => {
    const headers = { 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' };
    web.pages.set('/modified', { body: 'one', headers });
    await add(`${web.origin}/modified /`);
    web.asked.length = 0;
    await add(`${web.origin}/modified /`);
    assert.deepEqual(
      web.asked.map(({ status }) => status),
      [304],
    );
  });

  test('of equal content at another address is found in the cache by content', async () => {
    web.pages.set('/v1/tool', { body: 'tool' });
    web.pages.set('/v2/tool', { body: 'tool' });
    await add(`${web.origin}/v1/tool /`);
    const { steps } = await add(`${web.origin}/v2/tool /`);
    assert.ok(steps.find(({ name }) => name.includes('ADD'))?.cached);
  });

  for (const algorithm of ['sha256', 'sha384', 'sha512']) {
    test(`checks --checksum with ${algorithm}`, async () => {
      web.pages.set(`/${algorithm}`, { body: algorithm });
      const sum = `${algorithm}:${createHash(algorithm).update(algorithm).digest('hex')}`;
      await add(`--checksum=${sum} ${web.origin}/${algorithm} /`);
      const wrong = `${algorithm}:${createHash(algorithm).update('other').digest('hex')}`;
      await refuses(`--checksum=${wrong} ${web.origin}/${algorithm} /`, 'DIGEST_MISMATCH', /expected/);
    });
  }

  test('asks nobody for a file with a checksum that was fetched before', async () => {
    web.pages.set('/pinned', { body: 'pinned' });
    const sum = `sha256:${createHash('sha256').update('pinned').digest('hex')}`;
    await add(`--checksum=${sum} ${web.origin}/pinned /`);
    web.asked.length = 0;
    web.pages.delete('/pinned');
    await add(`--checksum=${sum} ${web.origin}/pinned /`);
    assert.deepEqual(web.asked, []);
  });

  test('refuses what is no checksum', () => refuses(`--checksum=md5:abc ${web.origin}/x /`, 'CHECKSUM_INVALID'));

  test('leaves archives as they are, and unpacks them with --unpack', async () => {
    const archive = gzipSync(tar(member({ name: 'in/side', mode: '0640', uid: '12', mtime: '7' }, 'x')));
    web.pages.set('/a.tar.gz', { body: archive });
    const kept = await add(`${web.origin}/a.tar.gz /d/`);
    assert.deepEqual(await lab.read(kept.imageId, '/d/a.tar.gz'), archive);
    const { imageId } = await add(`--unpack ${web.origin}/a.tar.gz /d/`);
    const node = (await lab.tree(imageId)).get('d/in/side');
    assert.equal(node?.mode, 0o640);
    assert.equal(node?.mtimeNs, 7_000_000_000n);
    assert.equal((await lab.read(imageId, '/d/in/side')).toString(), 'x');
  });

  test('F-206: a name cannot lead out of the destination', async () => {
    web.pages.set('/a/%2e%2e%2f%2e%2e%2fevil', { body: 'x' });
    const { imageId } = await add(`${web.origin}/a/%2e%2e%2f%2e%2e%2fevil /d/`);
    assert.deepEqual([...(await lab.tree(imageId)).keys()], ['d', 'd/%2e%2e%2f%2e%2e%2fevil']);
  });

  test('follows redirects, and gives up on circles', async () => {
    web.pages.set('/from/name', { status: 302, headers: { location: '/to/other' } });
    web.pages.set('/to/other', { body: 'there' });
    web.pages.set('/circle', { status: 302, headers: { location: '/circle' } });
    const { imageId } = await add(`${web.origin}/from/name /`);
    assert.equal((await lab.read(imageId, '/name')).toString(), 'there');
    await refuses(`${web.origin}/circle /`, 'SOURCE_REDIRECT');
  });

  test('tries again when the connection breaks or the server is busy, and never takes half a file', async () => {
    web.pages.set('/cut', [{ body: 'a'.repeat(5000), cutAfter: 100 }, { status: 503 }, { body: 'a'.repeat(5000) }]);
    const { imageId } = await add(`${web.origin}/cut /`);
    assert.equal((await lab.read(imageId, '/cut')).length, 5000);
    web.pages.set('/always-cut', { body: 'a'.repeat(5000), cutAfter: 100 });
    await refuses(`${web.origin}/always-cut /`, 'SOURCE_CUT', /always-cut/);
  });

  test('says what the server answered, and never shows credentials or queries', async () => {
    web.pages.set('/private?signature=hush', { status: 403 });
    await refuses(`${web.origin}/missing /`, 'SOURCE_NOT_FOUND', /missing does not exist \(404\)/);
    const withUser = web.origin.replace('//', '//me:hush@');
    await assert.rejects(add(`${withUser}/private?signature=hush /`), (error) => {
      assert.ok(isShaleError(error, 'SOURCE_AUTH'));
      assert.doesNotMatch(`${error.message} ${JSON.stringify({ ...error.data, excerpt: '' })}`, /hush/);
      return true;
    });
  });

  test('keeps in the build record what was fetched, by digest', async () => {
    web.pages.set('/recorded', { body: 'recorded' });
    const { buildId } = await add(`${web.origin}/recorded /`);
    const steps = await lab.store.builds.steps(buildId);
    const details = steps.map((step) => step.details as { fetched?: unknown });
    const digest = `sha256:${createHash('sha256').update('recorded').digest('hex')}`;
    assert.deepEqual(
      details.flatMap(({ fetched }) => (fetched === undefined ? [] : [fetched])),
      [{ url: `${web.origin}/recorded`, digest, sizeBytes: 8 }],
    );
  });

  test('sends secrets for the host to that host alone', async () => {
    await using other = await Web.open();
    other.pages.set('/there', { body: 'there' });
    web.pages.set('/guarded', { status: 302, headers: { location: `${other.origin}/there` } });
    web.pages.set('/plain', { body: 'x' });
    await using guarded = await Lab.open({ env: { TOKEN: 'hush\n', HEADER: 'Digest hush', EVIL: 'a\nb: c' } });
    const secrets = (id: string, name: string): BuildHow => ({ secrets: [{ kind: 'env', id, name }] });
    const build = (path: string, how: BuildHow): Promise<Built> =>
      guarded.build({ dockerfile: `FROM scratch\nADD ${web.origin}${path} /\n` }, how);
    web.asked.length = 0;
    const { buildId } = await build('/guarded', secrets('HTTP_AUTH_TOKEN_127.0.0.1', 'TOKEN'));
    await build('/plain', secrets('HTTP_AUTH_HEADER_127.0.0.1', 'HEADER'));
    await build('/plain', secrets('HTTP_AUTH_TOKEN_example.com', 'TOKEN'));
    assert.deepEqual(
      [...web.asked, ...other.asked].map(({ headers }) => headers.authorization),
      ['Bearer hush', 'Digest hush', undefined, undefined],
    );
    assert.doesNotMatch(JSON.stringify(await guarded.store.builds.steps(buildId)), /hush/);
    await assert.rejects(build('/plain', secrets('HTTP_AUTH_TOKEN_127.0.0.1', 'EVIL')), (error) =>
      isShaleError(error, 'SECRET_INVALID'),
    );
  });

  test('a file of several steps is fetched once', async () => {
    web.pages.set('/shared', { body: 'x' });
    web.asked.length = 0;
    const url = `${web.origin}/shared`;
    const { imageId } = await lab.build({ dockerfile: `FROM scratch\nADD ${url} /a\nADD --chmod=644 ${url} /b\n` });
    assert.equal(web.asked.length, 1);
    assert.deepEqual([...(await lab.tree(imageId)).keys()].map(toText), ['a', 'b']);
  });
});
