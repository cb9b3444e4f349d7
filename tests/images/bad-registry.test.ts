/** A registry that cuts, lies, stalls and sends us elsewhere; an in-process server with a script of faults. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import { collect, isShaleError } from '../../src/base/index.ts';
import { parseDigest, parseReference } from '../../src/oci/index.ts';
import { openRepository } from '../../src/registry/index.ts';
import { Lab } from '../support/lab.ts';
import { sha256 } from '../support/oci-layout.ts';

const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(120_000) });
const LAYER = tar(member({ name: 'f' }, 'content'.repeat(3000)));
const PACKED = gzipSync(LAYER);
const CONFIG = Buffer.from(
  JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['A=b'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(LAYER)}`] },
    history: [{ created_by: 'test' }],
  }),
);
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

function manifestOf(
  change: Readonly<Record<string, unknown>> = {},
  layer: Readonly<Record<string, unknown>> = {},
): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: descriptor(CONFIG, 'application/vnd.oci.image.config.v1+json'),
      layers: [{ ...descriptor(PACKED, 'application/vnd.oci.image.layer.v1.tar+gzip'), ...layer }],
      ...change,
    }),
  );
}

function descriptor(bytes: Buffer, mediaType: string): Record<string, unknown> {
  return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
}

interface Faults {
  /** Answers instead of the registry; true when it did. */
  readonly instead?: (request: IncomingMessage, response: ServerResponse, count: number) => boolean;
  readonly manifest?: Buffer;
  readonly manifestType?: string;
  readonly blobs?: Readonly<Record<string, Buffer>>;
}

interface BadRegistry extends AsyncDisposable {
  readonly host: string;
  readonly requests: IncomingMessage[];
}

/** A registry with one image, `team/app:1`, and faults. */
async function serve(faults: Faults = {}): Promise<BadRegistry> {
  const requests: IncomingMessage[] = [];
  const manifest = faults.manifest ?? manifestOf();
  const blobs: Record<string, Buffer> = { [sha256(CONFIG)]: CONFIG, [sha256(PACKED)]: PACKED, ...faults.blobs };
  const server = createServer((request, response) => {
    requests.push(request);
    const url = request.url ?? '';
    const same = requests.filter((one) => one.url === url).length;
    if (faults.instead?.(request, response, same) === true) return;
    if (/\/manifests\//.test(url))
      return answer(response, manifest, { 'content-type': faults.manifestType ?? MANIFEST_TYPE });
    const blob = blobs[/sha256:([0-9a-f]{64})$/.exec(url)?.[1] ?? ''];
    if (blob === undefined) return answer(response, Buffer.from('{"errors":[]}'), {}, 404);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from === 0) return answer(response, blob);
    answer(response, blob.subarray(from), { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}` }, 206);
  });
  return { host: await listen(server), requests, [Symbol.asyncDispose]: () => close(server) };
}

function answer(response: ServerResponse, body: Buffer, headers: Record<string, string> = {}, status = 200): void {
  response.writeHead(status, { 'content-length': body.length, ...headers });
  response.end(body);
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** Pulls from a registry with faults into an empty store and checks what is left. */
async function pulled(faults: Faults, image = 'team/app:1'): Promise<{ requests: IncomingMessage[]; error: unknown }> {
  await using registry = await serve(faults);
  await using lab = await Lab.open();
  let error: unknown;
  try {
    await lab.engine.pull({ image: `${registry.host}/${image}`, platform: 'linux/amd64' }, watch());
  } catch (caught) {
    error = caught;
  }
  assert.deepEqual((await lab.engine.check({ full: true, repair: false }, watch())).findings, []);
  const images = await lab.engine.images({ all: true });
  assert.equal(images.length, error === undefined ? 1 : 0, String(error));
  if (error === undefined) assert.equal((await lab.read(images[0]?.id ?? '', '/f')).length, 21_000);
  return { requests: registry.requests, error };
}

async function refused(faults: Faults, code: string, message: RegExp = /./): Promise<IncomingMessage[]> {
  const { error, requests } = await pulled(faults);
  assert.ok(isShaleError(error, code), `expected ${code}, got ${String(error)}`);
  assert.match(error.message, message);
  return requests;
}

async function accepted(faults: Faults): Promise<IncomingMessage[]> {
  const { error, requests } = await pulled(faults);
  assert.equal(error, undefined, String(error));
  return requests;
}

const isBlob = (request: IncomingMessage): boolean => request.url?.endsWith(sha256(PACKED)) === true;
const isManifest = (request: IncomingMessage): boolean => /\/manifests\//.test(request.url ?? '');

/** Says how long a blob is, sends the beginning and cuts the connection. */
function cutAfter(response: ServerResponse, bytes: Buffer, count: number, status = 200): void {
  response.writeHead(status, { 'content-length': bytes.length });
  response.flushHeaders();
  response.write(bytes.subarray(0, count), () => setTimeout(() => response.destroy(), 10));
}

describe('a registry that', { concurrency: 4 }, () => {
  for (const at of [0, 1, PACKED.length >> 1, PACKED.length - 1]) {
    test(`F-159: cuts a blob at byte ${at} is asked for the rest`, async () => {
      const requests = await accepted({
        instead: (request, response, count) => {
          if (!isBlob(request) || count > 1) return false;
          cutAfter(response, PACKED, at);
          return true;
        },
      });
      const ranges = requests.filter(isBlob).map((request) => request.headers.range);
      assert.deepEqual(ranges, at === 0 ? [undefined, undefined] : [undefined, `bytes=${at}-`]);
    });
  }

  test('F-159: cuts a blob again and again is given up after five tries', async () => {
    await using registry = await serve({
      instead: (_request, response) => {
        cutAfter(response, PACKED, 0);
        return true;
      },
    });
    const pauses: number[] = [];
    const repository = openRepository(parseReference(`${registry.host}/team/app:1`), {
      insecureHosts: [],
      signal: watch().signal,
      pause: async (attempt) => void pauses.push(attempt),
    });
    const { digest } = descriptor(PACKED, 'x');
    const blob = repository.blob({ mediaType: 'x', digest: parseDigest(digest), size: PACKED.length });
    await assert.rejects(collect(blob, PACKED.length, 'the blob'), (error) => {
      assert.ok(isShaleError(error, 'REGISTRY_UNREACHABLE'), String(error));
      assert.match(error.message, /cut off after 0 of \d+ bytes/);
      return true;
    });
    assert.deepEqual(pauses, [1, 2, 3, 4]);
    assert.equal(registry.requests.length, 5);
  });

  test('F-160: answers a range with the whole blob is read past what is there', async () => {
    await accepted({
      instead: (request, response, count) => {
        if (!isBlob(request)) return false;
        if (count === 1) cutAfter(response, PACKED, 50);
        else answer(response, PACKED);
        return true;
      },
    });
  });

  for (const [what, headers, status] of [
    ['another range', { 'content-range': `bytes 0-${PACKED.length - 1}/${PACKED.length}` }, 206],
    ['416', {}, 416],
  ] as const) {
    test(`F-160: answers a range with ${what} never gives a wrong layer`, async () => {
      const { error } = await pulled({
        instead: (request, response, count) => {
          if (!isBlob(request)) return false;
          if (count === 1) cutAfter(response, PACKED, 50);
          else answer(response, PACKED.subarray(50), headers, status);
          return true;
        },
      });
      assert.ok(isShaleError(error, 'REGISTRY_ERROR'), String(error));
    });
  }

  test('F-160: answers a range without saying which is judged by the digest', async () => {
    await accepted({
      instead: (request, response, count) => {
        if (!isBlob(request)) return false;
        if (count === 1) cutAfter(response, PACKED, 50);
        else answer(response, PACKED.subarray(50), {}, 206);
        return true;
      },
    });
    await refused(
      {
        instead: (request, response, count) => {
          if (!isBlob(request)) return false;
          if (count === 1) cutAfter(response, PACKED, 50);
          else answer(response, PACKED.subarray(0, PACKED.length - 50), {}, 206);
          return true;
        },
      },
      'DIGEST_MISMATCH',
    );
  });

  test('F-161: gives a blob that is longer, shorter or other is refused', async () => {
    const give = (bytes: Buffer): Faults => ({
      instead: (request, response) => {
        if (!isBlob(request)) return false;
        answer(response, bytes);
        return true;
      },
    });
    await refused(give(Buffer.concat([PACKED, Buffer.from('more')])), 'SIZE_MISMATCH');
    await refused(give(PACKED.subarray(0, -10)), 'SIZE_MISMATCH');
    const { error: endless } = await pulled({
      instead: (request, response) => {
        if (!isBlob(request)) return false;
        response.writeHead(200, {});
        response.end(Buffer.concat([PACKED, Buffer.from('more')]));
        return true;
      },
    });
    assert.ok(isShaleError(endless, 'LIMIT_EXCEEDED'), String(endless));
    const other = gzipSync(tar(member({ name: 'f' }, 'c0ntent'.repeat(3000))));
    const same = Buffer.concat([other, Buffer.alloc(Math.max(0, PACKED.length - other.length))]);
    const { error } = await pulled(give(same.subarray(0, PACKED.length)));
    assert.ok(isShaleError(error, 'DIGEST_MISMATCH', 'SIZE_MISMATCH'), String(error));
    assert.match(String(error), new RegExp(sha256(PACKED).slice(0, 12)));
  });

  test('F-163: is busy is asked again, as late as it says', async () => {
    for (const status of [429, 500, 502, 503]) {
      const begin = performance.now();
      const requests = await accepted({
        instead: (request, response, count) => {
          if (!isManifest(request) || count > 1) return false;
          answer(response, Buffer.from('{}'), status === 429 ? { 'retry-after': '1' } : {}, status);
          return true;
        },
      });
      assert.equal(requests.filter(isManifest).length, 2);
      if (status === 429) assert.ok(performance.now() - begin > 1000);
    }
    const date = (ms: number): string => new Date(ms).toUTCString();
    await accepted({
      instead: (request, response, count) => {
        if (!isManifest(request) || count > 1) return false;
        answer(response, Buffer.from('{}'), { date: date(0), 'retry-after': date(1000) }, 503);
        return true;
      },
    });
  });

  test('F-163: is busy for ever is given up, and a wait of years can be cancelled', async () => {
    await using registry = await serve({
      instead: (_request, response) => {
        answer(response, Buffer.from('{}'), { 'retry-after': '1000000000' }, 429);
        return true;
      },
    });
    await using lab = await Lab.open();
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 100);
    await assert.rejects(lab.engine.pull({ image: `${registry.host}/a/b:1` }, { signal: controller.signal }), /enough/);
  });

  test('F-164: says 401 for ever is asked a few times and no more', async () => {
    const tokens = { count: 0 };
    const requests = await refused(
      {
        instead: (request, response) => {
          const host = request.headers.host ?? '';
          if (request.url?.startsWith('/token') === true) {
            tokens.count++;
            answer(response, Buffer.from('{"token":"t"}'));
          } else
            answer(
              response,
              Buffer.from('{}'),
              { 'www-authenticate': `Bearer realm="http://${host}/token",service="s"` },
              401,
            );
          return true;
        },
      },
      'REGISTRY_AUTH',
    );
    assert.equal(tokens.count, 1);
    assert.equal(requests.length, 3);
  });

  test('F-164: tells denied from missing', async () => {
    const status = (code: number, which: (request: IncomingMessage) => boolean): Faults => ({
      instead: (request, response) => {
        if (!which(request)) return false;
        answer(response, Buffer.from('{"errors":[{"code":"X","message":"because"}]}'), {}, code);
        return true;
      },
    });
    await refused(status(403, isManifest), 'REGISTRY_AUTH');
    await refused(status(404, isManifest), 'MANIFEST_UNKNOWN');
    await refused(status(404, isBlob), 'BLOB_UNKNOWN');
    await refused(status(405, isManifest), 'REGISTRY_ERROR', /405.*because/);
  });

  for (const realm of [
    'file:///etc/passwd',
    'gopher://127.0.0.1/x',
    'http://169.254.169.254/latest/',
    'http://user:pw@127.0.0.1/token',
    'not a url',
  ]) {
    test(`F-165: names the realm ${realm} is not obeyed`, async () => {
      const { error } = await pulled({
        instead: (_request, response) => {
          answer(response, Buffer.from('{}'), { 'www-authenticate': `Bearer realm="${realm}"` }, 401);
          return true;
        },
      });
      assert.ok(isShaleError(error, 'REGISTRY_AUTH'), String(error));
      assert.doesNotMatch(String(error), /pw/);
    });
  }

  test('F-168: redirects a blob is followed without our token', async () => {
    const seen: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization, request.headers.cookie);
      answer(response, PACKED);
    });
    const host = await listen(other);
    const requests = await accepted({
      instead: (request, response) => {
        if (request.url?.startsWith('/token') === true)
          answer(response, Buffer.from('{"access_token":"secret-token"}'));
        else if (request.headers.authorization !== 'Bearer secret-token')
          answer(
            response,
            Buffer.from(''),
            { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` },
            401,
          );
        else if (isBlob(request))
          answer(response, Buffer.from(''), { location: `http://${host}/elsewhere?signature=x` }, 307);
        else return false;
        return true;
      },
    });
    await close(other);
    assert.deepEqual(seen, [undefined, undefined]);
    assert.ok(requests.some((request) => request.headers.authorization === 'Bearer secret-token'));
  });

  test('F-168: redirects in a circle, too often or to something else is refused', async () => {
    const to = (location: (count: number) => string): Faults => ({
      instead: (request, response, count) => {
        if (!isBlob(request) && request.url?.startsWith('/r') !== true) return false;
        answer(response, Buffer.from(''), { location: location(count) }, 302);
        return true;
      },
    });
    const requests = await refused(
      to(() => '/r'),
      'REGISTRY_REDIRECT',
    );
    assert.ok(requests.length < 20, `${requests.length} requests`);
    await refused(
      to(() => 'file:///etc/passwd'),
      'REGISTRY_REDIRECT',
    );
    await refused(
      to(() => 'http://[bad'),
      'REGISTRY_REDIRECT',
    );
  });

  test('F-172: gives tokens that are none is told apart from one that denies', async () => {
    for (const body of [
      '{}',
      '{"token":5}',
      '{"token":""}',
      '<html>log in</html>',
      '',
      '{"token":"a\\nb"}',
      '[]',
      `{"token":"${'x'.repeat(2_000_000)}"}`,
    ]) {
      const { error } = await pulled({
        instead: (request, response) => {
          if (request.url?.startsWith('/token') === true) answer(response, Buffer.from(body));
          else
            answer(
              response,
              Buffer.from('{}'),
              { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` },
              401,
            );
          return true;
        },
      });
      assert.ok(isShaleError(error, 'REGISTRY_AUTH', 'LIMIT_EXCEEDED'), `${body.slice(0, 40)}: ${String(error)}`);
      if (body.startsWith('<')) assert.match(String(error), /web page/);
    }
  });

  test('F-177: shows a certificate that nobody vouches for is not spoken to', async (t) => {
    await using lab = await Lab.open();
    const key = join(lab.folder, 'key.pem');
    const certificate = join(lab.folder, 'cert.pem');
    const made = spawnSync('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      certificate,
      '-days',
      '1',
      '-subj',
      '/CN=registry.invalid',
    ]);
    if (made.status !== 0) return t.skip('openssl is not installed');
    const asked: string[] = [];
    const listener: RequestListener = (request, response) => {
      asked.push(request.url ?? '');
      answer(response, manifestOf(), { 'content-type': MANIFEST_TYPE });
    };
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, listener);
    // Loopback is spoken to in plain; another name of it is not.
    const port = (await listen(server as unknown as Server)).split(':')[1];
    const { hostname } = await import('node:os');
    const names = [`${hostname()}:${port}`, `localhost.localdomain:${port}`];
    for (const name of names) {
      await assert.rejects(lab.engine.pull({ image: `${name.toLowerCase()}/a/b:1` }, watch()), (error) =>
        isShaleError(error, 'REGISTRY_UNREACHABLE', 'REFERENCE_INVALID'),
      );
    }
    await close(server as unknown as Server);
    assert.deepEqual(asked, []);
  });

  test('F-178: lies about the digest of a manifest is refused', async () => {
    const lie = `sha256:${'0'.repeat(64)}`;
    await refused(
      {
        instead: (request, response) => {
          if (!isManifest(request)) return false;
          answer(response, manifestOf(), { 'content-type': MANIFEST_TYPE, 'docker-content-digest': lie });
          return true;
        },
      },
      'DIGEST_MISMATCH',
    );
    const { error } = await pulled({}, `team/app@${lie}`);
    assert.ok(isShaleError(error, 'DIGEST_MISMATCH'), String(error));
  });

  test('stalls in the middle is left by Ctrl-C at once', async () => {
    await using registry = await serve({
      instead: (request, response) => {
        if (!isBlob(request)) return false;
        response.writeHead(200, { 'content-length': PACKED.length });
        response.write(PACKED.subarray(0, 10));
        return true;
      },
    });
    await using lab = await Lab.open();
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 200);
    const begin = performance.now();
    await assert.rejects(
      lab.engine.pull({ image: `${registry.host}/team/app:1`, platform: 'linux/amd64' }, { signal: controller.signal }),
      /enough|abort/i,
    );
    assert.ok(performance.now() - begin < 20_000);
  });
});

describe('a manifest', { concurrency: 4 }, () => {
  const bad = async (manifest: Buffer, code: string, message?: RegExp, type?: string): Promise<void> => {
    await refused({ manifest, ...(type !== undefined && { manifestType: type }) }, code, message);
  };

  test('F-077: that is image and index at once is refused, with and without mediaType', async () => {
    await bad(manifestOf({ manifests: [] }), 'MANIFEST_INVALID', /both/);
    await bad(manifestOf({ manifests: [], mediaType: undefined }), 'MANIFEST_INVALID', /both/);
    await bad(Buffer.from('{"schemaVersion":2,"layers":[],"layers":[1]}'), 'JSON_INVALID', /twice/);
  });

  test('F-078: whose own type is not the declared one is refused', async () => {
    await bad(manifestOf(), 'MANIFEST_INVALID', /declared/, 'application/vnd.oci.image.index.v1+json');
    await accepted({ manifestType: 'application/octet-stream' });
  });

  test('F-080, F-082: with digests that are none, or that nobody here can check, is refused before they go into a path', async () => {
    const hex = sha256(PACKED);
    for (const digest of [
      'sha256:../../../x',
      `sha256:${hex.toUpperCase()}`,
      `sha256:${hex.slice(1)}`,
      `sha256:${hex}0`,
      '',
      'sha256:',
      `md5:${hex.slice(32)}`,
      `sha256 :${hex}`,
      `sha512:${hex}${hex}`,
      null,
      5,
    ])
      await assert.rejects(
        async () => {
          const { error } = await pulled({ manifest: manifestOf({}, { digest }) });
          throw error;
        },
        (error) => isShaleError(error, 'DIGEST_INVALID', 'MANIFEST_INVALID', 'DIGEST_UNSUPPORTED'),
        String(digest),
      );
  });

  test('F-083: with sizes that are none is refused', async () => {
    for (const size of [-1, 1.5, '123', null, true, [], {}, Number.MAX_SAFE_INTEGER + 1])
      await bad(manifestOf({}, { size }), 'MANIFEST_INVALID');
    for (const size of ['9223372036854775808', '1e400'])
      await bad(
        Buffer.from(manifestOf().toString().replace(`"size":${PACKED.length}`, `"size":${size}`)),
        'MANIFEST_INVALID',
      );
    await accepted({
      manifest: Buffer.from(manifestOf().toString().replace(`"size":${PACKED.length}`, `"size":${PACKED.length}e0`)),
    });
  });

  test('F-084: with a size that is not the real one is refused', async () => {
    await bad(manifestOf({}, { size: PACKED.length - 1 }), 'SIZE_MISMATCH');
    await bad(manifestOf({}, { size: PACKED.length + 1 }), 'SIZE_MISMATCH');
  });

  test('F-086: of a hundred thousand brackets or a million names is refused soon', async () => {
    await bad(Buffer.from(`${'['.repeat(100_000)}`), 'JSON_INVALID', /deeper/);
    const names = Array.from({ length: 700_000 }, (_, i) => `"${i}":1`).join(',');
    const { error } = await pulled({ manifest: Buffer.from(`{${names}}`) });
    // What goes on too long is aborted, and that is another error.
    assert.ok(isShaleError(error, 'LIMIT_EXCEEDED', 'MANIFEST_INVALID'), String(error));
  });

  test('F-088: with a field of another type is refused with the place of the field', async () => {
    const wrong: Record<string, unknown> = {
      schemaVersion: ['2', null, 1, {}],
      mediaType: [5, [], 'text/plain'],
      config: [5, 'x', [], null, {}, { digest: 5 }],
      layers: [5, 'x', {}, [5], [null], ['x'], [{}]],
      annotations: [5, 'x', [], { a: 5 }],
      subject: [5, 'x', []],
      artifactType: [5, []],
    };
    for (const [field, values] of Object.entries(wrong)) {
      for (const value of values as unknown[]) {
        const { error } = await pulled({ manifest: manifestOf({ [field]: value }) });
        assert.ok(
          isShaleError(error, 'MANIFEST_INVALID', 'DIGEST_INVALID'),
          `${field} ${JSON.stringify(value)}: ${String(error)}`,
        );
      }
    }
  });

  test('F-089: with fields that nobody knows is taken, and kept byte for byte', async () => {
    const manifest = manifestOf({ future: { deep: [1, { x: null }] } }, { alsoNew: true });
    await using registry = await serve({ manifest });
    await using lab = await Lab.open();
    const { digest } = await lab.engine.pull(
      { image: `${registry.host}/team/app:1`, platform: 'linux/amd64' },
      watch(),
    );
    assert.equal(digest, `sha256:${sha256(manifest)}`);
    assert.deepEqual(readFileSync(join(lab.home, 'blobs/sha256', sha256(manifest))), manifest);
  });

  test('F-090: whose config has another rootfs is refused', async () => {
    for (const rootfs of [
      { type: 'foo', diff_ids: [`sha256:${sha256(LAYER)}`] },
      { type: 'layers', diff_ids: [] },
      { type: 'layers', diff_ids: [`sha256:${sha256(PACKED)}`] },
      { type: 'layers', diff_ids: 'x' },
      null,
    ]) {
      const config = Buffer.from(JSON.stringify({ ...(JSON.parse(CONFIG.toString()) as object), rootfs, history: [] }));
      const manifest = manifestOf({ config: descriptor(config, 'application/vnd.oci.image.config.v1+json') });
      const { error } = await pulled({ manifest, blobs: { [sha256(config)]: config } });
      assert.ok(
        isShaleError(error, 'CONFIG_INVALID', 'MANIFEST_INVALID', 'DIGEST_MISMATCH'),
        `${JSON.stringify(rootfs)}: ${String(error)}`,
      );
    }
  });

  test('F-092: of an artifact is said to be no image', async () => {
    const empty = Buffer.from('{}');
    const manifest = manifestOf({
      artifactType: 'application/vnd.example+type',
      config: descriptor(empty, 'application/vnd.oci.empty.v1+json'),
      layers: [descriptor(empty, 'application/vnd.oci.empty.v1+json')],
    });
    const { error } = await pulled({ manifest, blobs: { [sha256(empty)]: empty } });
    assert.ok(isShaleError(error, 'MANIFEST_INVALID'), String(error));
    assert.match(String(error), /artifact/);
  });

  test('F-095: whose embedded data is not what its digest says is refused', async () => {
    await accepted({
      manifest: manifestOf({
        config: { ...descriptor(CONFIG, 'application/vnd.oci.image.config.v1+json'), data: CONFIG.toString('base64') },
      }),
    });
    for (const data of [Buffer.from('{}').toString('base64'), '!!', 5])
      await bad(
        manifestOf({ config: { ...descriptor(CONFIG, 'application/vnd.oci.image.config.v1+json'), data } }),
        'MANIFEST_INVALID',
        /data/,
      );
  });

  test('F-096: with addresses of layers elsewhere is not followed there', async () => {
    const asked: string[] = [];
    const elsewhere = createServer((request, response) => {
      asked.push(request.url ?? '');
      answer(response, PACKED);
    });
    const host = await listen(elsewhere);
    const urls = ['file:///etc/passwd', 'http://169.254.169.254/', `http://${host}/layer`];
    await accepted({ manifest: manifestOf({}, { urls }) });
    await refused(
      {
        manifest: manifestOf({}, { urls }),
        instead: (request, response) => {
          if (!isBlob(request)) return false;
          answer(response, Buffer.from('{}'), {}, 404);
          return true;
        },
      },
      'BLOB_UNKNOWN',
    );
    await close(elsewhere);
    assert.deepEqual(asked, []);
  });

  test('F-097: of schema 1 is refused by name', async () => {
    const manifest = Buffer.from(
      JSON.stringify({ schemaVersion: 1, name: 'a/b', tag: '1', fsLayers: [], history: [] }),
    );
    const { error } = await pulled({
      manifest,
      manifestType: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
    });
    assert.ok(isShaleError(error, 'MANIFEST_INVALID'), String(error));
    assert.match(`${error.message} ${error.hint}`, /schema 1/);
  });

  test('F-099: whose config says strange things is refused, or harmless', async () => {
    const withConfig = async (config: unknown): Promise<unknown> => {
      const bytes = Buffer.from(JSON.stringify({ ...(JSON.parse(CONFIG.toString()) as object), config }));
      const manifest = manifestOf({ config: descriptor(bytes, 'application/vnd.oci.image.config.v1+json') });
      return (await pulled({ manifest, blobs: { [sha256(bytes)]: bytes } })).error;
    };
    for (const config of [
      { Cmd: 'sh' },
      { Env: 'A=b' },
      { Env: [5] },
      { Volumes: ['x'] },
      { Labels: { a: 5 } },
      'x',
      { WorkingDir: 5 },
    ])
      assert.ok(isShaleError(await withConfig(config), 'CONFIG_INVALID'), JSON.stringify(config));
    for (const config of [
      { Env: ['NOEQUALS'] },
      { WorkingDir: 'relative' },
      { Volumes: { '../../x': {} } },
      { User: 'a:b:c' },
      null,
      {},
    ])
      assert.equal(await withConfig(config), undefined, JSON.stringify(config));
  });
});

test('F-184: names that are no references are refused in no time', () => {
  const begin = performance.now();
  for (const name of [
    `${'a'.repeat(300)}/b`,
    'a//b',

    ':tag',
    'x@sha256:short',
    'f'.repeat(64),
    `${'a-'.repeat(500_000)}`,
    `a/${'b.'.repeat(500_000)}`,
    `${'a/'.repeat(500_000)}b`,
    `x:${'t'.repeat(129)}`,
    'x:.hidden',
    '',
    '/',
    'a b',
    'a\0b',
    '\u00e4',
  ])
    assert.throws(
      () => parseReference(name),
      (error) => isShaleError(error),
      name.slice(0, 50),
    );
  assert.ok(performance.now() - begin < 5000, `${performance.now() - begin} ms`);
});
