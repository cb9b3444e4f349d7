/** `shale serve registry --upstream`: a cache that stands before a registry, which tells the truth, lies, or is down. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServeRegistryRequest } from '../../src/engine/index.ts';
import { parseDigest } from '../../src/oci/index.ts';
import { imageOf, layerOf, seed, type TestImage } from '../support/image-of.ts';
import { Lab } from '../support/lab.ts';
import { sha256 } from '../support/oci-layout.ts';
import { RegistryProbe, type Answer } from '../support/registry-checks.ts';
import {
  answer,
  fault,
  startScriptedRegistry,
  type Script,
  type ScriptedRegistry,
} from '../support/scripted-registry.ts';
import { serveLab } from '../support/serve-lab.ts';

const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(60_000) });
const LAYER_BYTES = 300_000;

interface Cache extends AsyncDisposable {
  readonly lab: Lab;
  readonly upstream: ScriptedRegistry;
  readonly probe: RegistryProbe;
  readonly image: TestImage;
  /** Hex digest of the image's layer. */
  readonly layer: string;
  /** What the upstream was asked for, as `GET blobs/…`, since the last call. */
  asked(): string[];
  manifest(reference: string, method?: string): Promise<Answer>;
  blob(hex?: string, headers?: Record<string, string>): Promise<Answer>;
}

/** An upstream with an image, `team/app:1`, and a cache before it. */
async function startCache(script: Script = {}, how: Partial<ServeRegistryRequest> = {}, lab?: Lab): Promise<Cache> {
  const upstream = await startScriptedRegistry(script);
  const image = imageOf([layerOf('f', LAYER_BYTES)]);
  seed(upstream, { '1': image });
  const own = lab ?? (await Lab.open());
  const server = await serveLab(own, { upstreams: [`http://${upstream.host}`], ...how });
  const probe = new RegistryProbe(server.host);
  const layer = sha256(image.layers[0]?.packed ?? Buffer.alloc(0));
  return {
    lab: own,
    upstream,
    probe,
    image,
    layer,
    asked: () =>
      upstream.requests.splice(0).flatMap(({ method, url }) => {
        const what = /^\/v2\/team\/app\/(.*)$/.exec(url)?.[1];
        return what === undefined ? [] : [`${method} ${what}`];
      }),
    manifest: (reference, method = 'GET') => probe.ask(method, `/v2/team/app/manifests/${reference}`),
    blob: (hex = layer, headers = {}) => probe.ask('GET', `/v2/team/app/blobs/sha256:${hex}`, { headers }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
      if (lab === undefined) await own[Symbol.asyncDispose]();
    },
  };
}

/** Answers the requests for one kind of thing, and leaves the others to the registry. */
function only(
  pattern: RegExp,
  instead: (request: IncomingMessage, response: ServerResponse, count: number) => boolean,
): NonNullable<Script['instead']> {
  return (request, response, count) => pattern.test(request.url ?? '') && instead(request, response, count);
}

function isLayer(request: IncomingMessage): boolean {
  return request.method === 'GET' && (request.url ?? '').includes('/blobs/');
}

function folderOf(lab: Lab, name: string): string[] {
  return readdirSync(join(lab.home, name));
}

/** Waits until a blob that is being taken in has so many bytes. */
async function keptBytes(lab: Lab, bytes: number): Promise<void> {
  const sizes = (): number[] => folderOf(lab, 'ingest').map((name) => statSync(join(lab.home, 'ingest', name)).size);
  while (!sizes().includes(bytes)) await sleep(5);
}

describe('shale serve registry --upstream', { concurrency: 2 }, () => {
  test('fetches what it lacks once, byte for byte, and asks only what a tag leads to from then on', async () => {
    await using cache = await startCache();
    const { image, layer } = cache;
    const first = await cache.manifest('1');
    assert.deepEqual([first.status, first.body.equals(image.manifest)], [200, true]);
    assert.equal(first.headers['docker-content-digest'], image.digest);
    assert.equal(first.headers['content-type'], 'application/vnd.oci.image.manifest.v1+json');
    assert.ok((await cache.blob()).body.equals(image.layers[0]?.packed ?? Buffer.alloc(0)));
    assert.deepEqual(cache.asked(), ['HEAD manifests/1', `GET manifests/${image.digest}`, `GET blobs/sha256:${layer}`]);
    await cache.manifest('1');
    await cache.manifest(image.digest);
    assert.equal((await cache.blob()).body.length, image.layers[0]?.packed.length);
    assert.deepEqual(cache.asked(), ['HEAD manifests/1']);
    // Nothing of it is an image of the store.
    assert.deepEqual(await cache.lab.engine.images({ all: true }), []);
  });

  test('fetches a blob once for many clients at once, who get it while it comes', async () => {
    const half = Promise.withResolvers<void>();
    let held: ServerResponse | undefined;
    await using cache = await startCache({
      instead: (request, response) => {
        if (!isLayer(request)) return false;
        const bytes = cache.image.layers[0]?.packed ?? Buffer.alloc(0);
        response.writeHead(200, { 'content-length': bytes.length });
        response.write(bytes.subarray(0, 150_000));
        held = response;
        return true;
      },
    });
    const { layer, image } = cache;
    const [hostname, port] = cache.probe.host.split(':');
    await cache.manifest('1');
    const packed = image.layers[0]?.packed ?? Buffer.alloc(0);
    const path = `/v2/team/app/blobs/sha256:${layer}`;
    const early = get({ hostname, port, path, agent: false }, (response) => {
      let got = 0;
      response.on('data', (chunk: Buffer) => {
        got += chunk.length;
        if (got >= 150_000) half.resolve();
      });
    });
    const others = Array.from({ length: 10 }, () => cache.blob());
    const range = cache.blob(layer, { Range: 'bytes=140000-160000' });
    await half.promise;
    held?.end(packed.subarray(150_000));
    for (const { status, body } of await Promise.all(others))
      assert.deepEqual([status, body.equals(packed)], [200, true]);
    const part = await range;
    assert.deepEqual([part.status, part.body.equals(packed.subarray(140_000, 160_001))], [206, true]);
    early.destroy();
    assert.equal(cache.asked().filter((one) => one.startsWith('GET blobs/')).length, 1);
  });

  test('gives what a tag leads to now, and what it led to, with a warning, while the upstream is down', async () => {
    await using cache = await startCache();
    await cache.manifest('1');
    const moved = imageOf([layerOf('other', 1000)]);
    seed(cache.upstream, { '1': moved });
    const now = await cache.manifest('1');
    assert.equal(now.headers['docker-content-digest'], moved.digest);
    assert.equal(now.headers['warning'], undefined);
    assert.equal((await cache.blob(sha256(moved.layers[0]?.packed ?? Buffer.alloc(0)))).status, 200);
    await cache.upstream[Symbol.asyncDispose]();
    for (const method of ['GET', 'HEAD']) {
      const stale = await cache.manifest('1', method);
      assert.deepEqual([stale.status, stale.headers['docker-content-digest']], [200, moved.digest]);
      assert.match(String(stale.headers['warning']), /^299 - ".*another image by now.*cannot reach/);
    }
    assert.equal((await cache.blob(sha256(moved.layers[0]?.packed ?? Buffer.alloc(0)))).status, 200);
    const tags = await cache.probe.ask('GET', '/v2/team/app/tags/list');
    assert.deepEqual(tags.json['tags'], ['1']);
    const unknown = await cache.manifest('2');
    assert.deepEqual([unknown.status, unknown.code], [503, 'UNAVAILABLE']);
    const absent = await cache.blob();
    assert.deepEqual([absent.status, absent.code], [503, 'UNAVAILABLE']);
  });

  test('forgets a tag that the upstream has no more, and says 404 for what it never had', async () => {
    await using cache = await startCache();
    await cache.manifest('1');
    cache.upstream.manifests.delete('team/app:1');
    assert.equal((await cache.manifest('1')).code, 'MANIFEST_UNKNOWN');
    assert.equal((await cache.manifest(cache.image.digest)).status, 200);
    assert.equal((await cache.manifest(`sha256:${'0'.repeat(64)}`)).code, 'MANIFEST_UNKNOWN');
    assert.equal((await cache.blob('0'.repeat(64))).code, 'BLOB_UNKNOWN');
    await cache.upstream[Symbol.asyncDispose]();
    assert.equal((await cache.manifest('1')).code, 'UNAVAILABLE');
  });

  test('F-159: goes on where the upstream cut a blob off, and nobody notices', async () => {
    await using cache = await startCache({
      instead: (request, response, count) => {
        if (!isLayer(request) || count > 2) return false;
        const bytes = cache.image.layers[0]?.packed ?? Buffer.alloc(0);
        const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
        const length = { 'content-length': bytes.length - from };
        response.writeHead(from === 0 ? 200 : 206, {
          ...length,
          ...(from > 0 && { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
        });
        response.write(bytes.subarray(from, from + 100_000), () => setTimeout(() => response.destroy(), 10));
        return true;
      },
    });
    await cache.manifest('1');
    const got = await cache.blob();
    assert.ok(got.body.equals(cache.image.layers[0]?.packed ?? Buffer.alloc(0)));
    const [first, ...others] = cache.upstream.requests
      .filter(({ url }) => url.includes('/blobs/'))
      .map(({ headers }) => headers.range);
    // A cut may lose the last of what was sent.
    const [second = NaN, third = NaN, ...more] = others.map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]));
    assert.equal(first, undefined);
    assert.deepEqual(more, []);
    assert.ok(0 < second && second < third && third <= 200_000, others.join());
  });

  test('cuts a client off where the upstream stays away, and goes on there the next time', async () => {
    let isAway = true;
    await using cache = await startCache({
      instead: (request, response) => {
        if (!isLayer(request) || !isAway) return false;
        if (request.headers.range !== undefined) return fault(response, 403, 'DENIED');
        const bytes = cache.image.layers[0]?.packed ?? Buffer.alloc(0);
        response.writeHead(200, { 'content-length': bytes.length });
        response.write(bytes.subarray(0, 100_000));
        // Not before they have been written down: what is on its way when a connection ends may be lost.
        void keptBytes(cache.lab, 100_000).then(() => response.destroy());
        return true;
      },
    });
    await cache.manifest('1');
    await assert.rejects(cache.blob());
    isAway = false;
    cache.asked();
    assert.ok((await cache.blob()).body.equals(cache.image.layers[0]?.packed ?? Buffer.alloc(0)));
    const [again] = cache.upstream.requests.filter(({ url }) => url.includes('/blobs/'));
    assert.equal(again?.headers.range, 'bytes=100000-');
  });

  test('F-161: gives nobody the whole of a blob that is another, and keeps nothing of it', async () => {
    await using cache = await startCache({
      instead: (request, response) => {
        if (!isLayer(request)) return false;
        return answer(response, 200, {}, Buffer.alloc(cache.image.layers[0]?.packed.length ?? 0));
      },
    });
    await cache.manifest('1');
    await assert.rejects(cache.blob());
    assert.equal(folderOf(cache.lab, 'blobs/sha256').includes(cache.layer), false);
    assert.deepEqual(folderOf(cache.lab, 'ingest'), []);
  });

  test('F-178: takes no manifest for one with another digest', async () => {
    const lie = only(/manifests\/sha256/, (_request, response) => answer(response, 200, {}, '{"schemaVersion":2}'));
    await using cache = await startCache({ instead: lie });
    const got = await cache.manifest('1');
    assert.deepEqual([got.status, got.code], [503, 'UNAVAILABLE']);
  });

  test('F-164: says when it is not let in, and is let in with the login of shale login', async () => {
    const users = { kind: 'bearer', username: 'me', password: 'canary-password' } as const;
    await using lab = await Lab.open();
    const home = join(lab.folder, 'person');
    mkdirSync(home);
    await using person = await lab.again({ env: { HOME: home, PATH: '/usr/bin:/bin' } });
    await using cache = await startCache({ users }, {}, person);
    const refused = await cache.manifest('1');
    assert.deepEqual([refused.status, refused.code], [403, 'DENIED']);
    assert.equal(refused.headers['www-authenticate'], undefined);
    const { username, password } = users;
    await person.engine.login({ registry: cache.upstream.host, login: { username, password } }, watch());
    await using server = await serveLab(person, { upstreams: [`http://${cache.upstream.host}`] });
    const got = await new RegistryProbe(server.host).ask('GET', '/v2/team/app/manifests/1');
    assert.equal(got.headers['docker-content-digest'], cache.image.digest);
  });

  test('F-163: hands on that the upstream is busy, and how long, but for tags that it knows', async () => {
    let isBusy = true;
    const busy: Script['instead'] = (_request, response) =>
      isBusy &&
      answer(response, 429, { 'retry-after': '7' }, '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}');
    await using cache = await startCache({ instead: (...asked) => busy(...asked) === true });
    const refused = await cache.manifest('1');
    assert.deepEqual([refused.status, refused.code, refused.headers['retry-after']], [429, 'TOOMANYREQUESTS', '7']);
    isBusy = false;
    await cache.manifest('1');
    isBusy = true;
    const known = await cache.manifest('1');
    assert.deepEqual([known.status, known.headers['docker-content-digest']], [200, cache.image.digest]);
    assert.match(String(known.headers['warning']), /429/);
    const blob = await cache.blob();
    assert.deepEqual([blob.status, blob.headers['retry-after']], [429, '7']);
  });

  test('takes no pushes', async () => {
    await using cache = await startCache();
    const begun = await cache.probe.ask('POST', '/v2/team/app/blobs/uploads/');
    assert.deepEqual([begun.status, begun.code], [405, 'UNSUPPORTED']);
    assert.equal((await cache.probe.putManifest('team/app', '2', cache.image.manifest)).status, 405);
    assert.equal((await cache.manifest('1', 'DELETE')).status, 405);
  });

  test('finds what another server of the store cached, and the images of the store that the upstream lacks', async () => {
    await using cache = await startCache();
    const { lab, upstream, image } = cache;
    await cache.manifest('1');
    await cache.blob();
    await using server = await serveLab(lab, { upstreams: [`http://${upstream.host}`] });
    cache.asked();
    const probe = new RegistryProbe(server.host);
    assert.equal((await probe.ask('GET', `/v2/team/app/blobs/sha256:${cache.layer}`)).status, 200);
    assert.equal((await probe.ask('GET', `/v2/team/app/manifests/${image.digest}`)).status, 200);
    assert.deepEqual(cache.asked(), []);
    const name = `${upstream.host}/team/app:own`;
    await lab.build({ dockerfile: 'FROM scratch\nCMD ["x"]\n' }, { tags: [name], platforms: ['linux/amd64'] });
    assert.equal((await probe.ask('GET', '/v2/team/app/manifests/own')).status, 200);
    // The bytes are here, but this repository does not have them.
    assert.equal((await probe.ask('GET', `/v2/team/other/blobs/sha256:${cache.layer}`)).status, 200);
    upstream.blobs.delete(cache.layer);
    assert.equal((await probe.ask('GET', `/v2/team/secret/blobs/sha256:${cache.layer}`)).status, 404);
  });

  test('stands before several registries: by prefix, and by what the client says that it asks for', async () => {
    await using other = await startScriptedRegistry();
    const image = imageOf([layerOf('of the other', 1000)]);
    seed(other, { '1': image });
    await using cache = await startCache({}, {});
    await using server = await serveLab(cache.lab, {
      upstreams: [`http://${cache.upstream.host}`, `http://${other.host}`],
    });
    const probe = new RegistryProbe(server.host);
    const digestAt = async (path: string): Promise<unknown> =>
      (await probe.ask('HEAD', path)).headers['docker-content-digest'];
    assert.equal(await digestAt('/v2/team/app/manifests/1'), cache.image.digest);
    assert.equal(await digestAt(`/v2/${other.host.replace(':', '_')}/team/app/manifests/1`), image.digest);
    assert.equal(await digestAt(`/v2/team/app/manifests/1?ns=${other.host}`), image.digest);
    assert.equal((await probe.ask('HEAD', '/v2/elsewhere.example/team/app/manifests/1')).status, 404);
  });

  test('F-197: a collection takes an image that was only cached as a whole, when the cache has to shrink', async () => {
    await using cache = await startCache();
    const { lab, image, layer } = cache;
    await cache.manifest('1');
    await cache.blob(sha256(image.config));
    await cache.blob();
    await lab.store.collect({});
    const cached = [image.digest, `sha256:${layer}`, `sha256:${sha256(image.config)}`].map(parseDigest);
    for (const digest of cached) assert.notEqual(await lab.store.blobs.verify(digest), 'missing');
    assert.deepEqual((await lab.store.check()).problems, []);
    await lab.store.collect({ maxCacheBytes: 1 });
    for (const digest of cached) assert.equal(await lab.store.blobs.verify(digest), 'missing');
    assert.ok((await cache.blob()).body.equals(image.layers[0]?.packed ?? Buffer.alloc(0)));
  });

  test('says which upstream is none', async () => {
    await using lab = await Lab.open();
    for (const upstream of [
      'ftp://a',
      'https://a.example/team',
      'https://me:canary@a.example',
      'https://',
      'not a url',
    ])
      await assert.rejects(serveLab(lab, { upstreams: [upstream] }), (error) => {
        assert.ok(error instanceof Error && !error.message.includes('canary'));
        return 'code' in error && error.code === 'SERVE_FAILED';
      });
    const itself = { host: '127.0.0.1', port: 5999, upstreams: ['http://127.0.0.1:5999'] };
    await assert.rejects(serveLab(lab, itself), { code: 'SERVE_FAILED' });
  });
});
