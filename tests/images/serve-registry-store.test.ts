/** The store behind `shale serve registry`: what is pushed is an image like others, and the other way round. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseDigest } from '../../src/oci/index.ts';
import { imageOf, layerOf } from '../support/image-of.ts';
import { Lab } from '../support/lab.ts';
import { blobOf, INDEX, MANIFEST, manifestOf, randomBlob, RegistryProbe } from '../support/registry-checks.ts';
import { serveLab } from '../support/serve-lab.ts';

const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(60_000) });
/** Of `pässword`. */
const HASH = '$2b$05$T8Xo61i1JQmv8xnc2mstu.B/WvIHCREma7gMYtFAMBZ3SPAl5ZuQ.';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

async function labWith(name: string): Promise<{ lab: Lab; imageId: string }> {
  const lab = await Lab.open();
  const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY f /f\nCMD ["x"]\n', f: 'content' });
  const { imageId } = await lab.build(context, { tags: [name], platforms: ['linux/amd64'] });
  return { lab, imageId };
}

describe('shale serve registry', { concurrency: 2 }, () => {
  test('gives what was made here, and takes it from another store with the same digests', async () => {
    const { lab, imageId } = await labWith('made:1');
    await using from = lab;
    await using server = await serveLab(from);
    await using to = await Lab.open();
    await using receiving = await serveLab(to);
    const pulled = await to.engine.pull({ image: `${server.host}/made:1`, platform: 'linux/amd64' }, watch());
    assert.equal(pulled.imageId, imageId);
    const asked = await new RegistryProbe(server.host).ask('GET', '/v2/made/manifests/1');
    assert.equal(asked.headers['docker-content-digest'], pulled.digest);
    // By its digest it is found by a server that never sent it, too.
    await using again = await serveLab(from);
    assert.equal((await new RegistryProbe(again.host).ask('GET', `/v2/made/manifests/${pulled.digest}`)).status, 200);

    const request = { image: `${server.host}/made:1`, destination: `${receiving.host}/team/pushed:2`, force: false };
    const pushed = await to.engine.push(request, watch());
    assert.equal(pushed.digest, pulled.digest);
    const [image] = (await to.engine.images({ all: false })).filter(({ tag }) => tag?.repository === 'team/pushed');
    assert.equal(image?.id, imageId);
    assert.equal((await to.read(imageId, '/f')).toString(), 'content');
  });

  test('verifies what is pushed and keeps it as it came: the image is one like others at once', async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    for (const compression of ['gzip', 'zstd', 'none'] as const) {
      const image = imageOf([layerOf('file', 5000, compression)]);
      const repository = `came/${compression}`;
      for (const bytes of [image.config, ...image.layers.map((layer) => layer.packed)])
        await registry.pushBlob(repository, blobOf(bytes));
      assert.equal((await registry.putManifest(repository, '1', image.manifest)).status, 201);
      const { Id: id } = await lab.engine.inspect(`${repository}:1`, 'image');
      assert.equal((await lab.read(String(id), '/file')).length, 5000);
      const back = await registry.ask('GET', `/v2/${repository}/manifests/1`);
      assert.ok(back.body.equals(image.manifest));
    }
  });

  test('each tag keeps its digest where one image was pushed in several encodings', async () => {
    await using lab = await Lab.open();
    const kinds = ['gzip', 'zstd', 'none'] as const;
    const images = kinds.map((kind) => imageOf([layerOf('file', 5000, kind)]));
    {
      await using server = await serveLab(lab);
      const registry = new RegistryProbe(server.host);
      for (const [i, image] of images.entries()) {
        for (const bytes of [image.config, ...image.layers.map((layer) => layer.packed)])
          await registry.pushBlob('many', blobOf(bytes));
        assert.equal((await registry.putManifest('many', String(kinds[i]), image.manifest)).status, 201);
      }
      // Again, and under another name.
      await registry.putManifest('many', 'gzip', images[0]?.manifest ?? Buffer.alloc(0));
      await registry.putManifest('many', 'again', images[0]?.manifest ?? Buffer.alloc(0));
    }
    await lab.store.collect();
    // Another server remembers nothing.
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    for (const [i, image] of images.entries()) {
      const back = await registry.ask('GET', `/v2/many/manifests/${kinds[i]}`);
      assert.ok(back.body.equals(image.manifest), kinds[i]);
      const { Id: id } = await lab.engine.inspect(`many:${kinds[i]}`, 'image');
      assert.equal(id, blobOf(image.config).digest);
    }
    const listed = (await lab.engine.images({ all: false })).map(({ id, tag }) => [id, tag?.tag]);
    const id = blobOf(images[0]?.config ?? '').digest;
    assert.deepEqual(new Set(listed.map(String)), new Set([...kinds, 'again'].map((kind) => `${id},${kind}`)));
    const digest = blobOf(images[1]?.manifest ?? '').digest;
    assert.equal((await registry.ask('DELETE', `/v2/many/manifests/${digest}`)).status, 202);
    assert.deepEqual((await registry.ask('GET', '/v2/many/tags/list')).json['tags'], ['again', 'gzip', 'none']);
    await lab.engine.removeImage('many:none', { force: false });
    for (const tag of ['gzip', 'again'])
      assert.ok(
        (await registry.ask('GET', `/v2/many/manifests/${tag}`)).body.equals(images[0]?.manifest ?? Buffer.alloc(0)),
      );
  });

  test('keeps what only looks like an image, says so, and shows it in no list', async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [randomBlob().digest] } };
    const layer = await registry.pushBlob('odd', blobOf(gzipSync('no tar')));
    const configBlob = await registry.pushBlob('odd', blobOf(JSON.stringify(config)));
    const manifest = manifestOf(configBlob, CONFIG, [layer]);
    const put = await registry.putManifest('odd', '1', manifest.bytes);
    assert.equal(put.status, 201);
    assert.match(String(put.headers['warning']), /^299 - "kept as it is, but it cannot be run: /);
    assert.ok((await registry.ask('GET', '/v2/odd/manifests/1')).body.equals(manifest.bytes));
    assert.deepEqual(await lab.engine.images({ all: true }), []);
  });

  test('F-197: a collection takes nothing that was pushed, nor what waits for its manifest', async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    for (let round = 0; round < 20; round++) {
      const image = imageOf([layerOf(`round-${round}`, 3000)]);
      for (const bytes of [image.config, ...image.layers.map((layer) => layer.packed)]) {
        await registry.pushBlob('gc', blobOf(bytes));
        await lab.store.collect();
      }
      const [put] = await Promise.all([registry.putManifest('gc', `${round}`, image.manifest), lab.store.collect()]);
      assert.equal(put.status, 201);
      await lab.store.collect();
      const back = await registry.ask('GET', `/v2/gc/manifests/${round}`);
      assert.ok(back.body.equals(image.manifest));
      for (const { packed } of image.layers) {
        const blob = blobOf(packed);
        assert.ok((await registry.ask('GET', `/v2/gc/blobs/${blob.digest}`)).body.equals(blob.bytes));
      }
    }
  });

  test('F-189: a client that goes away leaves what it sent, and the next request goes on there', async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const { digest, bytes } = randomBlob(100_000);
    const at = await registry.begin('cut');
    const [host, port] = server.host.split(':');
    const socket = connect(Number(port), host);
    socket.write(`PATCH ${at} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`);
    socket.write(bytes.subarray(0, 99_000));
    const has = async (): Promise<string> => String((await registry.ask('GET', at)).headers.range);
    await sleep(50);
    socket.destroy();
    for (let tries = 0; tries < 100 && (await has()) === 'undefined'; tries++) await sleep(20);
    const sent = Number((await has()).slice(2)) + 1;
    assert.ok(sent > 1 && sent <= 99_000);
    const rest = await registry.chunk(at, bytes.subarray(sent), `${sent}-99999`);
    assert.deepEqual([rest.status, rest.headers.range], [202, '0-99999']);
    assert.equal((await registry.close(at, digest)).status, 201);
    assert.equal((await lab.store.blobs.get(parseDigest(digest))).sizeBytes, 100_000);
  });

  test('an upload goes on with another server when the first one ended in the middle of it', async () => {
    await using lab = await Lab.open();
    const { digest, bytes } = randomBlob(1000);
    let at = '';
    {
      await using server = await serveLab(lab);
      const registry = new RegistryProbe(server.host);
      at = await registry.begin('team/long');
      assert.equal((await registry.chunk(at, bytes.subarray(0, 600), '0-599')).status, 202);
    }
    await lab.store.collect({});
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const elsewhere = at.replace('team/long', 'team/other');
    assert.equal((await registry.ask('GET', elsewhere)).code, 'BLOB_UPLOAD_UNKNOWN');
    const [one, two] = await Promise.all([registry.ask('GET', at), registry.ask('GET', at)]);
    assert.equal([one, two].find(({ status }) => status === 204)?.headers.range, '0-599');
    assert.equal((await registry.chunk(at, bytes.subarray(600), '600-999')).status, 202);
    assert.equal((await registry.close(at, digest)).status, 201);
    assert.equal((await registry.ask('GET', at)).code, 'BLOB_UPLOAD_UNKNOWN');
    assert.ok((await registry.ask('GET', `/v2/team/long/blobs/${digest}`)).body.equals(bytes));
  });

  test('with readonly takes and removes nothing', async () => {
    await using lab = (await labWith('fixed:1')).lab;
    await using server = await serveLab(lab, { readOnly: true });
    const registry = new RegistryProbe(server.host);
    for (const [method, path] of [
      ['POST', '/v2/fixed/blobs/uploads/'],
      ['PUT', '/v2/fixed/manifests/2'],
      ['DELETE', '/v2/fixed/manifests/1'],
    ] as const) {
      const answer = await registry.ask(method, path);
      assert.deepEqual([answer.status, answer.code], [403, 'DENIED'], method);
    }
    assert.equal((await registry.ask('GET', '/v2/fixed/manifests/1', { headers: { Accept: MANIFEST } })).status, 200);
  });

  test('F-198: a manifest that is deleted leaves the repository, and nothing that others name', async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const { digest, bytes } = await registry.pushImage('a', '1');
    const { Id: id } = await lab.engine.inspect('a:1', 'image');
    await lab.engine.tag('a:1', 'kept:1');
    assert.equal((await registry.ask('DELETE', `/v2/a/manifests/${digest}`)).status, 202);
    assert.equal((await lab.engine.inspect('kept:1', 'image'))['Id'], id);
    await lab.store.collect();
    assert.ok((await registry.ask('GET', '/v2/kept/manifests/1')).body.equals(bytes));
    assert.equal((await registry.ask('DELETE', `/v2/kept/manifests/${digest}`)).status, 202);
    assert.deepEqual(await lab.engine.images({ all: true }), []);
  });

  test('F-198: a download that is under way ends right, whatever is deleted meanwhile', async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const content = Buffer.alloc(32 * 1024 * 1024, 'some bytes that are sent for a while ');
    const blob = await registry.pushBlob('going', blobOf(content));
    const config = await registry.pushBlob('going', blobOf('{}'));
    const manifest = manifestOf(config, 'application/vnd.example.thing', [blob]);
    assert.equal((await registry.putManifest('going', '1', manifest.bytes)).status, 201);
    const answer = await fetch(`http://${server.host}/v2/going/blobs/${blob.digest}`);
    const reader = answer.body?.getReader();
    assert.ok(reader !== undefined);
    const parts = [(await reader.read()).value ?? new Uint8Array()];
    assert.equal((await registry.ask('DELETE', `/v2/going/manifests/${manifest.digest}`)).status, 202);
    await lab.store.collect();
    for (let next = await reader.read(); !next.done; next = await reader.read()) parts.push(next.value);
    assert.equal(blobOf(Buffer.concat(parts)).digest, blob.digest);
  });

  test('bears so many uploads at once, and takes another when one has ended', async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const open: string[] = [];
    for (let i = 0; i < 256; i++) open.push(await registry.begin('many'));
    const refused = await registry.ask('POST', '/v2/many/blobs/uploads/');
    assert.deepEqual([refused.status, refused.code], [429, 'TOOMANYREQUESTS']);
    assert.equal((await registry.ask('DELETE', open[0] ?? '')).status, 204);
    await registry.begin('many');
  });

  test('an image of an index is not deleted before the index', async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const { digest, bytes } = await registry.pushImage('many', 'one');
    const listed = [{ mediaType: MANIFEST, digest, size: bytes.length }];
    const index = blobOf(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: listed }));
    await registry.putManifest('many', 'all', index.bytes, INDEX);
    const refused = await registry.ask('DELETE', `/v2/many/manifests/${digest}`);
    assert.deepEqual([refused.status, refused.code], [403, 'DENIED']);
    assert.equal((await registry.ask('DELETE', `/v2/many/manifests/${index.digest}`)).status, 202);
    assert.equal((await registry.ask('DELETE', `/v2/many/manifests/${digest}`)).status, 202);
  });

  test('asks for an account where there are some, and says which line of the file is none', async () => {
    await using lab = await Lab.open();
    const file = `${lab.folder}/accounts`;
    writeFileSync(file, `# made by libxcrypt\n\nana:${HASH}\n`);
    await using server = await serveLab(lab, { htpasswdFile: file });
    const registry = new RegistryProbe(server.host);
    const as = (text: string) => ({ headers: { Authorization: `Basic ${Buffer.from(text).toString('base64')}` } });
    const refused = await registry.ask('GET', '/v2/');
    assert.deepEqual([refused.status, refused.code], [401, 'UNAUTHORIZED']);
    assert.equal(refused.headers['www-authenticate'], 'Basic realm="shale registry"');
    for (const wrong of ['ana:pässwort', 'ana:', 'eve:pässword', ':pässword', 'ana'])
      assert.equal((await registry.ask('POST', '/v2/a/blobs/uploads/', as(wrong))).status, 401, wrong);
    for (let times = 0; times < 2; times++)
      assert.equal((await registry.ask('GET', '/v2/', as('ana:pässword'))).status, 200);
    assert.equal((await registry.ask('GET', '/v2/', as('ana:pässwort'))).status, 401);
    for (const [text, says] of [
      ['ana', ':1: expected NAME:HASH, as "htpasswd -B" writes it'],
      ['ana:$apr1$abcdefgh$0123456789012345678901', ':1: the hash of ana is not one of bcrypt'],
      [`\nana:${HASH.replace('$05$', '$14$')}`, ':2: the hash of ana has the cost 14, more than 12'],
      ['', ' has no accounts'],
    ] as const) {
      writeFileSync(file, text);
      await assert.rejects(serveLab(lab, { htpasswdFile: file }), { code: 'SERVE_FAILED', message: `${file}${says}` });
    }
  });

  test('calls images of other registries by their names, a port behind an underscore', async () => {
    await using lab = (await labWith('registry.example:5000/team/web:1')).lab;
    await lab.engine.tag('registry.example:5000/team/web:1', 'ghcr.io/a/b:2');
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const { json } = await registry.ask('GET', '/v2/_catalog');
    assert.deepEqual(json, { repositories: ['ghcr.io/a/b', 'registry.example_5000/team/web'] });
    for (const path of ['ghcr.io/a/b/manifests/2', 'registry.example_5000/team/web/manifests/1'])
      assert.equal((await registry.ask('GET', `/v2/${path}`)).status, 200);
  });

  test('F-204: a connection is used again after a rest, and an upload may rest too', async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const answer = await registry.ask('GET', '/v2/', { headers: { Connection: 'keep-alive' } });
    assert.equal(answer.headers['keep-alive'], 'timeout=120');
    const { digest, bytes } = randomBlob(20);
    const [host, port] = server.host.split(':');
    const socket = connect(Number(port), host);
    let got = '';
    socket.on('data', (data) => (got += data.toString()));
    const at = await registry.begin('slow');
    socket.write(`PUT ${at}?digest=${digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n`);
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]));
      await sleep(20);
    }
    for (let tries = 0; tries < 250 && !got.includes('\r\n\r\n'); tries++) await sleep(20);
    assert.match(got, /^HTTP\/1\.1 201 /);
    socket.destroy();
  });
});
