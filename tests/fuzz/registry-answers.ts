/** A registry on loopback that answers every request with the same bytes, whatever they are. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { createHash } from 'node:crypto';
import { collect } from '../../src/base/index.ts';
import { parseDigest, parseReference } from '../../src/oci/index.ts';
import { openRepository } from '../../src/registry/index.ts';
import { imageOf, layerOf, TYPES } from '../support/image-of.ts';
import type { Random } from '../support/random.ts';

const IMAGE = imageOf([layerOf('a', 10)]);
const BLOB = Buffer.from('the bytes of a blob');
const DESCRIPTOR = {
  mediaType: TYPES.layer,
  digest: parseDigest(`sha256:${createHash('sha256').update(BLOB).digest('hex')}`),
  size: BLOB.length,
};
const MANIFEST = parseDigest(IMAGE.digest);
/** A list that goes on for ever has to be ended by the client. */
const TAGS_MAX = 100_000;

function answer(status: string, headers: Readonly<Record<string, string>>, body: Uint8Array | string = ''): Buffer {
  const bytes = Buffer.from(body);
  const lines = Object.entries({ 'Content-Length': String(bytes.length), ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${head}\r\n`), bytes]);
}

export const ANSWERS = (): readonly Buffer[] => [
  answer('200 OK', { 'Content-Type': TYPES.manifest, 'Docker-Content-Digest': IMAGE.digest }, IMAGE.manifest),
  answer('200 OK', { 'Content-Type': 'application/octet-stream' }, BLOB),
  answer('206 Partial Content', { 'Content-Range': `bytes 3-18/${BLOB.length}` }, BLOB.subarray(3)),
  answer('200 OK', { Link: '</v2/a/b/tags/list?n=2&last=y>; rel="next"' }, '{"name":"a/b","tags":["x","y"]}'),
  answer('401 Unauthorized', { 'WWW-Authenticate': 'Bearer realm="REALM",service="s",scope="repository:a/b:pull"' }),
  answer('200 OK', {}, '{"token":"t","expires_in":60,"issued_at":"2025-01-01T00:00:00Z"}'),
  answer('404 Not Found', {}, '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no","detail":{}}]}'),
  answer('307 Temporary Redirect', { Location: '/v2/a/b/blobs/x' }),
  answer('429 Too Many Requests', { 'Retry-After': '1' }),
  answer('200 OK', { 'Transfer-Encoding': 'chunked', 'Content-Length': '0' }, '5\r\nhello\r\n0\r\n\r\n'),
];

let server: Promise<{ readonly port: number; readonly server: Server }> | undefined;
let bytesToSend: Buffer = Buffer.alloc(0);

async function listening(): Promise<number> {
  server ??= new Promise((resolve) => {
    const made = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(bytesToSend));
    });
    made.listen(0, '127.0.0.1', () => {
      const address = made.address();
      made.unref();
      resolve({ port: typeof address === 'object' ? (address?.port ?? 0) : 0, server: made });
    });
  });
  return (await server).port;
}

/** Nothing leaves this machine: addresses in headers are those of the server itself, or have no host. */
function kept(bytes: Buffer, port: number): Buffer {
  const own = `http://127.0.0.1:${port}`;
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n') < 0 ? text.length : text.indexOf('\r\n\r\n');
  const head = text
    .slice(0, end)
    .split(/\r\n|\n|\r/)
    .map((line) => {
      if (!/(?:location|link|authenticate|refresh)/i.test(line)) return line;
      const named = line.replace('REALM', `${own}/token`);
      return /(?:\/\/|\\|:.*:)/.test(named.replaceAll(`${own}/`, '').replace(/scope="[\w:/]*"/, '')) ? 'X: y' : named;
    })
    .join('\r\n');
  return Buffer.from(head + text.slice(end), 'latin1');
}

/** Whatever is answered, what the client hands on is what was asked for. */
export async function checkAnswer(bytes: Buffer, random: Random): Promise<void> {
  const port = await listening();
  bytesToSend = kept(bytes, port);
  const repository = openRepository(parseReference(`127.0.0.1:${port}/a/b:1`), {
    insecureHosts: [],
    signal: AbortSignal.timeout(20_000),
    pause: async () => {},
  });
  switch (random.below(6)) {
    case 0: {
      const { bytes: got, digest } = await repository.manifest(random.below(2) === 0 ? '1' : IMAGE.digest);
      assert.equal(`sha256:${createHash('sha256').update(got).digest('hex')}`, digest);
      return;
    }
    case 1:
      assert.deepEqual(await collect(repository.blob(DESCRIPTOR), 1000, 'blob'), BLOB);
      return;
    case 2: {
      let count = 0;
      for await (const _tag of repository.tags()) assert.ok(++count < TAGS_MAX, 'the list of tags goes on for ever');
      return;
    }
    case 3:
      for (const { digest } of await repository.referrers(MANIFEST)) assert.match(digest, /^sha256:[0-9a-f]{64}$/);
      return;
    case 4:
      assert.match((await repository.findManifest('1')) ?? IMAGE.digest, /^sha256:[0-9a-f]{64}$/);
      return;
    default:
      assert.ok(((await repository.blobSize(DESCRIPTOR.digest)) ?? 0) >= 0);
  }
}
