import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { createServer as createHttpServer, request, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestSecure } from 'node:https';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { digestOf, type Digest } from '../../oci/index.ts';
import { StepAnswers } from '../answers.ts';
import type { LockFile } from '../lock-file.ts';
import { makeAuthority } from './authority.ts';
import { Gate, MACHINE_ADDRESS, type Answerer } from './gate.ts';
import { formatNameAnswer, parseNameQuery } from './names.ts';
import { Recorder } from './recorder.ts';
import { Replayer } from './replayer.ts';

const STEP = { step: 'RUN fetch', platform: 'linux/amd64', place: 'x/exec/0' };
const authority = makeAuthority();

/** A gate that listens on loopback in place of a namespace. */
async function open(answerer: Answerer, to: { address: string; port: number }) {
  const gate = new Gate(authority, answerer);
  const server = createServer((socket) => gate.connect(socket, to));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { gate, server, port: portOf(server) };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port; // It listens on TCP.
}

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

async function get(options: RequestOptions & { ca?: string; servername?: string }, send?: string): Promise<Got> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const start = options.ca === undefined ? request : requestSecure;
    start({ host: '127.0.0.1', agent: false, ...options }, resolve)
      .on('error', reject)
      .end(send);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer); // No encoding is set.
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

describe('the network of a step', () => {
  const big = Buffer.alloc(3_000_000, 'shale');
  const asked: string[] = [];
  const upstream = createHttpServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url} ${incoming.headers.host}`);
    response.setHeader('set-cookie', 'session=hush');
    const { url = '' } = incoming;
    if (url === '/big') {
      const headers = { etag: '"1"', 'content-type': 'a/b', 'content-length': big.length };
      return void response.writeHead(200, headers).end(big);
    }
    if (url.startsWith('/moved'))
      return void response.writeHead(302, { location: `/to?token=${asked.length}xyz` }).end();
    if (url === '/part') {
      const range = { 'content-range': 'bytes 2-4/10', 'content-length': 3 };
      return void response.writeHead(206, range).end('234');
    }
    if (url === '/chunked') {
      response.write('a');
      setTimeout(() => response.end('b'), 5);
      return;
    }
    if (url === '/cut') {
      response.writeHead(200, { 'content-length': 10 });
      return void response.write('part', () => setTimeout(() => response.destroy(), 10));
    }
    if (url === '/counted') return void response.end(String(asked.length));
    if (url === '/sum') {
      const hash = createHash('sha256');
      incoming.on('data', (chunk: Buffer) => hash.update(chunk)).on('end', () => response.end(hash.digest('hex')));
      return;
    }
    response.writeHead(404).end('no');
  });
  const blobs = new Map<Digest, Buffer>();
  const said: string[] = [];
  const recorder = new Recorder({
    openSink: async () => {
      const chunks: Uint8Array[] = [];
      return {
        write: async (chunk) => void chunks.push(Buffer.from(chunk)),
        async commit() {
          const bytes = Buffer.concat(chunks);
          blobs.set(digestOf(bytes), bytes);
          return digestOf(bytes);
        },
        [Symbol.asyncDispose]: async () => {},
      };
    },
    secrets: () => ['hush-hush'],
    machineAddress: '127.0.0.1',
    tell: (line) => said.push(line),
    signal: new AbortController().signal,
  });
  let recording: Awaited<ReturnType<typeof open>>;
  before(async () => {
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    recording = await open(recorder, { address: MACHINE_ADDRESS, port: portOf(upstream) });
  });
  after(() => {
    upstream.closeAllConnections();
    upstream.close();
    recording.server.close();
  });

  const host = 'pkg.example:8080';
  const from = (port: number) => ({
    big: () => get({ port, path: '/big', headers: { host } }),
    part: () => get({ port, path: '/part', headers: { host, range: 'bytes=2-4' } }),
    chunked: () => get({ port, path: '/chunked', headers: { host } }),
    moved: () => get({ port, path: '/moved?x=hush-hush&sig=1', headers: { host } }),
    head: () => get({ port, path: '/big', method: 'HEAD', headers: { host } }),
    missing: () => get({ port, path: '/none', headers: { host } }),
    sum: () => get({ port, path: '/sum', method: 'POST', headers: { host } }, 'what is sent'),
    counted: () => get({ port, path: '/counted', headers: { host } }),
  });

  test('is recorded, and then replayed without anybody being asked', async () => {
    const first = from(recording.port);
    const told: Got[] = [];
    for (const ask of [...Object.values(first), first.counted]) told.push(await ask());
    assert.deepEqual(
      told.map(({ status }) => status),
      [200, 206, 200, 302, 200, 404, 200, 200, 200],
    );
    assert.ok(told[0]?.body.equals(big));
    assert.equal(told[0]?.headers['set-cookie'], undefined);
    assert.equal(told[3]?.headers.location, '/to?token=REDACTED');
    assert.equal(told[4]?.headers['content-length'], String(big.length));
    const { answers } = recorder;
    assert.ok(!JSON.stringify(answers).includes('hush'), 'no secret is kept');
    assert.ok(answers.every(({ url }) => url.startsWith(`http://${host}/`)));

    const lock: LockFile = { bases: [], sources: [], steps: [{ ...STEP, unresolved: [], fetched: answers }] };
    const replayer = new Replayer({
      answers: new StepAnswers(lock, STEP),
      async *openBody(digest) {
        yield blobs.get(digest) ?? assert.fail(`${digest} was not kept`);
      },
      secrets: () => ['other-secret'],
      tell: () => {},
    });
    const replaying = await open(replayer, { address: '198.18.0.16', port: 8080 });
    const count = asked.length;
    try {
      const second = from(replaying.port);
      const again: Got[] = [];
      const moved = () => get({ port: replaying.port, path: '/moved?x=REDACTED&sig=2', headers: { host } });
      for (const ask of [...Object.values({ ...second, moved }), second.counted]) again.push(await ask());
      assert.equal(asked.length, count);
      assert.ok(again[0]?.body.equals(big));
      assert.deepEqual(again.slice(1), told.slice(1));
      assert.deepEqual(replayer.strange, []);
      const strange = await get({ port: replaying.port, path: '/x/-/x-1.0.0.tgz', headers: { host } });
      assert.equal(strange.status, 502);
      assert.deepEqual(replayer.strange, [`npm:x 1.0.0: GET http://${host}/x/-/x-1.0.0.tgz`]);
    } finally {
      replaying.server.close();
    }
  });

  test('keeps an answer whole that the step has not read to its end, and none that broke', async () => {
    const known = new Set(recorder.answers);
    await new Promise<void>((resolve) => {
      const asking = request({
        host: '127.0.0.1',
        port: recording.port,
        path: '/big',
        headers: { host, range: 'bytes=0-' },
      });
      asking.on('response', (response) => {
        response.destroy();
        resolve();
      });
      asking.on('error', () => {}).end();
    });
    await assert.rejects(get({ port: recording.port, path: '/cut', headers: { host } }));
    for (let tries = 0; tries < 200 && recorder.answers.length === known.size; tries++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const added = recorder.answers.filter((answer) => !known.has(answer));
    assert.deepEqual(
      added.map(({ url, digest }) => [url, digest]),
      [[`http://${host}/big`, digestOf(big)]],
    );
  });

  test('speaks TLS with certificates of an authority that programs can be told of', async () => {
    const fetched = [
      {
        method: 'GET',
        url: 'https://secure.example/x',
        status: 200,
        headers: {},
        digest: digestOf(big),
        size: big.length,
      },
    ];
    const lock: LockFile = { bases: [], sources: [], steps: [{ ...STEP, unresolved: [], fetched }] };
    const replayer = new Replayer({
      answers: new StepAnswers(lock, STEP),
      async *openBody() {
        yield big;
      },
      secrets: () => [],
      tell: () => {},
    });
    const { server, port } = await open(replayer, { address: '198.18.0.16', port: 443 });
    try {
      const secure = {
        port,
        path: '/x',
        ca: authority.certificate,
        servername: 'secure.example',
        headers: { host: 'secure.example' },
      };
      assert.ok((await get(secure)).body.equals(big));
      await assert.rejects(get({ ...secure, ca: '' }), /self-signed|unable to verify|issuer/);
    } finally {
      server.close();
    }
  });

  test('refuses what is not HTTP, and says what it was', async () => {
    const socket = connect(recording.port, '127.0.0.1', () => socket.write('SSH-2.0-OpenSSH_9\r\n'));
    await new Promise<void>((resolve) => socket.on('error', () => {}).once('close', () => resolve()));
    assert.deepEqual(recorder.refused, [`something other than HTTP with ${MACHINE_ADDRESS}:${portOf(upstream)}`]);
  });

  test('of this machine shows steps no service on its loopback interface', async () => {
    for (const address of ['127.0.0.1', '0.0.0.0']) {
      const { server, port } = await open(recorder, { address, port: portOf(upstream) });
      await assert.rejects(get({ port, path: '/counted', headers: { host: 'x.example' } }));
      server.close();
    }
  });
});

test('names are answered with addresses, each with its own', async () => {
  const query = (name: string, type: number): Buffer => {
    const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
    return Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, type, 0, 1]);
  };
  const answerer: Answerer = {
    answer: () => assert.fail(),
    hasAddress: async (name) => name !== 'no.example',
    refuse: () => {},
  };
  const gate = new Gate(authority, answerer);
  const a = await gate.resolve(query('A.example', 1));
  assert.equal(a?.subarray(-4).join('.'), '198.18.0.16');
  assert.deepEqual((await gate.resolve(query('b.example', 1)))?.subarray(-4).join('.'), '198.18.0.17');
  assert.deepEqual((await gate.resolve(query('a.example', 1)))?.subarray(-4).join('.'), '198.18.0.16');
  const six = await gate.resolve(query('a.example', 28));
  assert.deepEqual([six?.readUInt16BE(2), six?.readUInt16BE(6)], [0x8180, 0]);
  assert.equal((await gate.resolve(query('no.example', 1)))?.readUInt16BE(2), 0x8183);
  for (const cut of [0, 11, 13, 20]) assert.equal(parseNameQuery(query('abc.example', 1).subarray(0, cut)), undefined);
  const parsed = parseNameQuery(query('abc.example', 1));
  assert.ok(parsed !== undefined && formatNameAnswer(parsed, 'nothing').length > 12);
});

test('makeAuthority() makes certificates that say what strict readers ask for', () => {
  const ca = new X509Certificate(authority.certificate);
  const leaf = new X509Certificate(authority.certificateFor('10.1.2.3').cert);
  assert.ok(ca.ca && ca.verify(ca.publicKey) && leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
  assert.equal(leaf.checkIP('10.1.2.3'), '10.1.2.3');
  assert.equal(new X509Certificate(authority.certificateFor('a.example').cert).checkHost('a.example'), 'a.example');
  assert.ok(!leaf.ca);
  assert.notEqual(makeAuthority().certificate, authority.certificate);
});
