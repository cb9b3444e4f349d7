import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import { collect, isShaleError } from '../base/index.ts';
import { digestFromHex, parseReference, type Descriptor } from '../oci/index.ts';
import { openRepository, type Repository } from './client.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Runs `body` against a registry on loopback that answers as `handler` says. */
async function withRegistry(
  handler: Handler,
  body: (repository: Repository, host: string) => Promise<void>,
): Promise<void> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const host = `127.0.0.1:${address.port}`;
  try {
    await body(
      openRepository(parseReference(`${host}/a/b:1`), {
        insecureHosts: [],
        signal: new AbortController().signal,
        pause: async () => {},
      }),
      host,
    );
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function descriptorOf(bytes: Buffer): Descriptor {
  return {
    mediaType: 'application/octet-stream',
    digest: digestFromHex(createHash('sha256').update(bytes).digest('hex')),
    size: bytes.length,
  };
}

const BLOB = Buffer.alloc(100_000, 'shale ');

test('blob() takes up a broken connection where it ended', async () => {
  const ranges: (string | undefined)[] = [];
  const handler: Handler = (request, response) => {
    ranges.push(request.headers.range);
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': BLOB.length - from });
    if (ranges.length >= 3) return void response.end(BLOB.subarray(from));
    response.write(BLOB.subarray(from, from + 30_000), () => setTimeout(() => response.destroy(), 20));
  };
  await withRegistry(handler, async (repository) => {
    assert.deepEqual(await collect(repository.blob(descriptorOf(BLOB)), 1e6, 'blob'), BLOB);
    assert.deepEqual(ranges, [undefined, 'bytes=30000-', 'bytes=60000-']);
  });
});

test('manifest() and tags() ask again when the answer is cut, and say so in the end', async () => {
  let count = 0;
  let whole = 3;
  const body = '{"schemaVersion":2,"name":"a/b","tags":["x"]}';
  const handler: Handler = (_request, response) => {
    response.writeHead(200, { 'content-length': body.length });
    if (++count >= whole) return void response.end(body);
    response.write(body.slice(0, 5), () => setTimeout(() => response.destroy(), 10));
  };
  await withRegistry(handler, async (repository) => {
    assert.equal((await repository.manifest('1')).bytes.toString(), body);
    count = 0;
    assert.deepEqual(await Array.fromAsync(repository.tags()), ['x']);
    whole = Infinity;
    await assert.rejects(repository.manifest('1'), { code: 'REGISTRY_UNREACHABLE' });
    await assert.rejects(Array.fromAsync(repository.tags()), { code: 'REGISTRY_UNREACHABLE' });
  });
});

test('blob() asks for nothing when all of it came before', async () => {
  await withRegistry(
    () => assert.fail('it was asked'),
    async (repository) => {
      assert.equal((await collect(repository.blob(descriptorOf(BLOB), BLOB.length), 1, 'blob')).length, 0);
    },
  );
});

test('blobSize() asks how many bytes a blob has, and knows a blob that is not there from a refusal', async () => {
  const handler: Handler = ({ method, url = '' }, response) => {
    const known = url.endsWith(descriptorOf(BLOB).digest);
    const status = known ? 200 : url.endsWith('0') ? 404 : 403;
    response.writeHead(method === 'HEAD' ? status : 500, { 'content-length': BLOB.length }).end();
  };
  await withRegistry(handler, async (repository) => {
    assert.equal(await repository.blobSize(descriptorOf(BLOB).digest), BLOB.length);
    assert.equal(await repository.blobSize(digestFromHex('0'.repeat(64))), undefined);
    await assert.rejects(repository.blobSize(digestFromHex('1'.repeat(64))), { code: 'REGISTRY_AUTH' });
  });
});

test('blob() skips what it has when the registry ignores the range', async () => {
  let calls = 0;
  const handler: Handler = (_request, response) => {
    response.writeHead(200, { 'content-length': BLOB.length });
    if (++calls > 1) return void response.end(BLOB);
    response.write(BLOB.subarray(0, 10), () => setTimeout(() => response.destroy(), 20));
  };
  await withRegistry(handler, async (repository) => {
    assert.deepEqual(await collect(repository.blob(descriptorOf(BLOB)), 1e6, 'blob'), BLOB);
  });
});

test('blob() refuses bytes with another digest, and more bytes than the descriptor says', async () => {
  await withRegistry(
    (_request, response) => response.end(Buffer.alloc(BLOB.length)),
    async (repository) => {
      await assert.rejects(collect(repository.blob(descriptorOf(BLOB)), 1e6, 'blob'), (error) =>
        isShaleError(error, 'DIGEST_MISMATCH'),
      );
    },
  );
  await withRegistry(
    (_request, response) => response.end(Buffer.concat([BLOB, BLOB])),
    async (repository) => {
      await assert.rejects(collect(repository.blob(descriptorOf(BLOB)), 1e6, 'blob'), (error) =>
        isShaleError(error, 'SIZE_MISMATCH'),
      );
    },
  );
});

test('manifest() fetches an anonymous token when asked to, and sends it only to the registry', async () => {
  const seen: [string, string | undefined][] = [];
  const handler: Handler = (request, response) => {
    seen.push([request.url ?? '', request.headers.authorization]);
    if (request.url?.startsWith('/token') === true) return void response.end('{"token":"abc"}');
    if (request.headers.authorization !== 'Bearer abc') {
      response.writeHead(401, {
        'www-authenticate': `Bearer realm="http://${request.headers.host}/token",service="here",scope="repository:a/b:pull"`,
      });
      return void response.end();
    }
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
    response.end('{}');
  };
  await withRegistry(handler, async (repository) => {
    assert.equal((await repository.manifest('1')).bytes.toString(), '{}');
    assert.deepEqual(
      seen.map(([, authorization]) => authorization),
      [undefined, undefined, 'Bearer abc'],
    );
    assert.match(seen[1]?.[0] ?? '', /service=here&scope=repository%3Aa%2Fb%3Apull/);
  });
});

test('a redirect to another host is followed without the Authorization header', async () => {
  const other = createServer((request, response) =>
    response.end(`authorization: ${request.headers.authorization ?? 'none'}`),
  );
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  assert.ok(typeof address === 'object' && address !== null);
  const handler: Handler = (request, response) => {
    if (request.url?.startsWith('/token') === true) return void response.end('{"token":"secret"}');
    if (request.headers.authorization === undefined)
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` });
    else response.writeHead(307, { location: `http://127.0.0.1:${address.port}/elsewhere` });
    response.end();
  };
  try {
    await withRegistry(handler, async (repository) => {
      assert.equal((await repository.manifest('1')).bytes.toString(), 'authorization: none');
    });
  } finally {
    other.closeAllConnections();
    other.close();
  }
});

test('manifest() refuses a document whose digest is not the one asked for', async () => {
  await withRegistry(
    (_request, response) => response.end('{"schemaVersion":2}'),
    async (repository) => {
      await assert.rejects(repository.manifest(`sha256:${'0'.repeat(64)}`), (error) =>
        isShaleError(error, 'DIGEST_MISMATCH'),
      );
    },
  );
});

test('a host that is not loopback is not spoken to in plain http', async () => {
  await withRegistry(
    (_request, response) => {
      response.writeHead(302, { location: 'http://registry.example/v2/' });
      response.end();
    },
    async (repository) => {
      await assert.rejects(repository.manifest('1'), (error) => isShaleError(error, 'REGISTRY_INSECURE'));
    },
  );
});

test('a mirror is asked first, and passed over when it does not have the image or is down', async () => {
  const asked: string[] = [];
  const body = Buffer.from('{"schemaVersion":2}');
  await withRegistry(
    (request, response) => {
      asked.push(request.url ?? '');
      if (request.url?.startsWith('/mirror/') === true) response.writeHead(404);
      response.end(request.url?.startsWith('/mirror/') === true ? '' : body);
    },
    async (_repository, host) => {
      const repository = openRepository(parseReference(`${host}/a/b:1`), {
        insecureHosts: [],
        mirrors: { [host]: [`http://127.0.0.1:1`, `http://${host}/mirror/`] },
        signal: new AbortController().signal,
        pause: async () => {},
      });
      assert.deepEqual((await repository.manifest('1')).bytes, body);
      assert.deepEqual(asked, ['/mirror/v2/a/b/manifests/1', '/v2/a/b/manifests/1']);
    },
  );
});
