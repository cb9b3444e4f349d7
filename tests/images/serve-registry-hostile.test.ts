/**
 * Requests that no client sends by accident, clients that go away or do not read, and the end of the server, against `shale
 * serve registry`. SHALE_TEST_LONG=1 has more of each.
 */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { REGISTRY_FAULT_CODES } from '../../src/registry/index.ts';
import { until } from '../containers/container-lab.ts';
import { Lab } from '../support/lab.ts';
import { blobOf, MANIFEST, manifestOf, randomBlob, RegistryProbe, type Answer } from '../support/registry-checks.ts';
import type { TestRegistry } from '../support/registry.ts';
import { serveLab } from '../support/serve-lab.ts';

const isLong = process.env['SHALE_TEST_LONG'] === '1';
const TRIES = isLong ? 1000 : 40;
/** Clients at once. */
const AT_ONCE = 8;
/** What may be open by chance: far less than one for each try. */
const BY_CHANCE = 15;
const SLOW_CLIENTS = isLong ? 400 : 60;
const ZERO = blobOf('').digest;

/** Every kind of path of the protocol, with the methods that it knows. */
const ENDPOINTS = [
  { path: '/v2/', methods: 'GET, HEAD' },
  { path: '/v2/_catalog', methods: 'GET, HEAD' },
  { path: '/v2/h/tags/list', methods: 'GET, HEAD' },
  { path: `/v2/h/referrers/${ZERO}`, methods: 'GET, HEAD' },
  { path: `/v2/h/blobs/${ZERO}`, methods: 'GET, HEAD' },
  { path: '/v2/h/manifests/there', methods: 'GET, HEAD, PUT, DELETE' },
  { path: `/v2/h/manifests/${ZERO}`, methods: 'GET, HEAD, PUT, DELETE' },
  { path: '/v2/h/blobs/uploads/', methods: 'POST' },
  { path: `/v2/h/blobs/uploads/${'0'.repeat(32)}`, methods: 'GET, HEAD, PATCH, PUT, DELETE' },
] as const;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];

/** A refusal in the protocol's words (distribution-spec, "Error Codes"). */
function assertRefused({ status, code, json, headers, body }: Answer, method: string, what: string): void {
  assert.ok(status >= 400 && status < 500, `${what}: ${status}`);
  assert.equal(headers['docker-distribution-api-version'], 'registry/2.0', what);
  assert.equal(headers['content-type'], 'application/json', what);
  if (method === 'HEAD') return assert.equal(body.length, 0, what);
  assert.ok(
    REGISTRY_FAULT_CODES.some((known) => known === code),
    `${what}: ${code}`,
  );
  assert.equal((json['errors'] as unknown[]).length, 1, what);
}

describe('shale serve registry, asked what makes no sense', () => {
  let lab: Lab;
  let server: TestRegistry;
  let registry: RegistryProbe;
  const failures: string[] = [];
  before(async () => {
    lab = await Lab.open();
    server = await serveLab(lab, { failed: (message) => failures.push(message) });
    registry = new RegistryProbe(server.host);
    await registry.pushImage('h', 'there');
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  test('F-274: queries that are no text, or mean something to a program, harm nothing', async () => {
    const queries = [
      '%',
      '%00',
      '%ff%fe=%c0%80',
      'x[__proto__]=1',
      '__proto__=1&constructor[prototype]=2',
      'digest=%00&mount=%00&from=%00',
      'n=%00',
      `digest=${'9'.repeat(4000)}`,
      'a=b&'.repeat(1500),
      '?&&==&;',
    ];
    for (const { path } of ENDPOINTS)
      for (const query of queries)
        for (const method of ['GET', 'HEAD', 'PUT', 'PATCH']) {
          const answer = await registry.ask(method, `${path}?${query}`);
          if (answer.status >= 300) assertRefused(answer, method, `${method} ${path}?${query}`);
        }
    assert.deepEqual(Object.keys(Object.prototype), []);
    assert.deepEqual(failures, []);
  });

  test('F-274: a query that says twice what it may say once is refused', async () => {
    const { digest, bytes } = randomBlob();
    const at = await registry.begin('h');
    for (const [method, path] of [
      ['PUT', `${at}?digest=${digest}&digest=${digest}`],
      ['PUT', `${at}?digest=${digest}&digest=${randomBlob().digest}`],
      ['POST', `/v2/h/blobs/uploads/?digest=${digest}&digest=${digest}`],
      ['POST', `/v2/h/blobs/uploads/?mount=${digest}&from=h&from=i`],
      ['GET', '/v2/_catalog?n=1&n=2'],
      ['GET', '/v2/h/tags/list?last=a&n=1&last=b'],
      ['GET', `/v2/h/referrers/${digest}?artifactType=a&artifactType=b`],
    ] as const) {
      const answer = await registry.ask(method, path, method === 'GET' ? {} : { body: bytes });
      assertRefused(answer, method, path);
      assert.equal(answer.status, 400, path);
    }
    // Nothing of it has counted: the upload goes on.
    assert.equal((await registry.close(at, digest, bytes)).status, 201);
  });

  test('F-274: bodies that are no manifest, of whatever type, are refused, and leave no tag', async () => {
    const config = await registry.pushBlob('h', blobOf('{}'));
    const manifest = manifestOf(config, 'application/vnd.oci.empty.v1+json', []);
    const bodies = [
      '',
      '{',
      'null',
      '"text"',
      '\u0000'.repeat(100),
      '\uFEFF{}',
      '{"__proto__":{"schemaVersion":2,"manifests":[]}}',
      '{"schemaVersion":2,"schemaVersion":1,"manifests":{}}',
      `${'['.repeat(100_000)}`,
      `{"schemaVersion":1e999,"config":${'{"a":'.repeat(5000)}`,
    ];
    const types = [MANIFEST, '', 'text/html', 'multipart/form-data; boundary=x', 'application/json; charset=utf-16'];
    for (const body of bodies)
      for (const type of types) {
        const answer = await registry.putManifest('h', 'wrong', Buffer.from(body), type);
        assertRefused(answer, 'PUT', `${type}: ${body.slice(0, 40)}`);
        assert.deepEqual([answer.status, answer.code], [400, 'MANIFEST_INVALID']);
      }
    for (const type of ['text/html', 'application/x-www-form-urlencoded', 'a', 'x/'.repeat(1000)])
      assertRefused(await registry.putManifest('h', 'wrong', manifest.bytes, type), 'PUT', type.slice(0, 40));
    assert.equal((await registry.ask('GET', '/v2/h/manifests/wrong')).status, 404);
    // The bytes of a blob are what they are, whatever the type.
    const { digest, bytes } = randomBlob();
    const path = `${await registry.begin('h')}?digest=${digest}`;
    const headers = { 'Content-Type': 'application/json' };
    assert.equal((await registry.ask('PUT', path, { headers, body: bytes })).status, 201);
    assert.deepEqual(failures, []);
  });

  test('F-274: a body without end is cut off where it is too long, and one that nobody asked for is not kept', async () => {
    const endless = await sendEndless(server, 'PUT /v2/h/manifests/endless HTTP/1.1');
    // The answer may be lost, since it comes before the end of the body.
    if (endless !== '') assert.match(endless, /^HTTP\/1\.1 413 .*"MANIFEST_INVALID"/s);
    for (const { path, methods } of ENDPOINTS) {
      const method = METHODS.find((one) => !methods.includes(one)) ?? '';
      const answer = await sendEndless(server, `${method} ${path} HTTP/1.1`);
      if (answer !== '') assert.match(answer, /^HTTP\/1\.1 405 .*"UNSUPPORTED"/s, path);
    }
    assert.equal((await registry.ask('GET', '/v2/h/manifests/endless')).status, 404);
    assert.deepEqual(failures, []);
  });

  test('F-275: other versions and paths are not there, and the answer says what is', async () => {
    const paths = ['/', '/v1/', '/v1.99/h/tags/list', '/v0.1/_ping', '/_ping', '/v2/_ping', '/v3/', '/h/tags/list'];
    for (const path of [...paths, '/V2/', '/v2//', '/v2/h', '/v2/h/tags', '/v2/h/tags/list/', '/v2/_catalog/', '*'])
      for (const method of METHODS) {
        const answer = await registry.ask(method, path);
        assertRefused(answer, method, `${method} ${path}`);
        assert.ok([400, 404].includes(answer.status), `${method} ${path}: ${answer.status}`);
      }
    assert.equal((await registry.ask('GET', '/v2/')).headers['docker-distribution-api-version'], 'registry/2.0');
  });

  test('F-275: a method that a path does not know is answered with those that it knows', async () => {
    for (const { path, methods } of ENDPOINTS)
      for (const method of METHODS) {
        if (methods.split(', ').includes(method)) continue;
        const answer = await registry.ask(method, path);
        assertRefused(answer, method, `${method} ${path}`);
        assert.deepEqual([answer.status, answer.headers.allow], [405, methods], `${method} ${path}`);
      }
  });

  test('F-275: where nothing is taken, methods that the path knows are refused as that', async () => {
    await using reading = await serveLab(lab, { readOnly: true });
    const readOnly = new RegistryProbe(reading.host);
    const denied = await readOnly.ask('DELETE', '/v2/h/manifests/there');
    assert.deepEqual([denied.status, denied.code], [403, 'DENIED']);
    const unknown = await readOnly.ask('DELETE', '/v2/_catalog');
    assert.deepEqual([unknown.status, unknown.headers.allow], [405, 'GET, HEAD']);
    await using cache = await serveLab(lab, { upstreams: [`http://${server.host}`] });
    const refused = await new RegistryProbe(cache.host).ask('DELETE', '/v2/h/manifests/there');
    assert.deepEqual([refused.status, refused.code, refused.headers.allow], [405, 'UNSUPPORTED', 'GET, HEAD']);
  });
});

describe('shale serve registry, with clients that go away or do not read', () => {
  test(`F-276: nothing is left of ${TRIES} clients that go away in the middle of a download or upload`, async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const large = await registry.pushBlob('gone', blobOf(Buffer.alloc(8 * 1024 * 1024, 'large ')));
    await registry.pushImage('gone', 'image');
    const leave = async (): Promise<void> => {
      (await answering(server, `GET /v2/gone/blobs/${large.digest} HTTP/1.1\r\nHost: x\r\n\r\n`)).destroy();
      (await answering(server, 'GET /v2/gone/manifests/image HTTP/1.1\r\nHost: x\r\n\r\n')).destroy();
      const whole = `POST /v2/gone/blobs/uploads/?digest=${large.digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n`;
      (await answering(server, `${whole}Expect: 100-continue\r\n\r\n`)).destroy();
      const at = await registry.begin('gone');
      const part = `PATCH ${at} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n`;
      (await answering(server, part)).destroy();
      // It could be gone on with, and so is given up.
      await until(async () => (await registry.ask('DELETE', at)).status === 204, 'nobody writes to the upload');
    };
    const leaveTogether = (): Promise<unknown> => Promise.all(Array.from({ length: AT_ONCE }, leave));
    await leaveTogether();
    const before = resources();
    for (let tries = 0; tries < TRIES; tries += AT_ONCE) await leaveTogether();
    await until(() => isWithin(resources(), before), 'what the clients used is free again');
    const { body } = await registry.ask('GET', `/v2/gone/blobs/${large.digest}`);
    assert.ok(body.equals(large.bytes));
  });

  test(`F-277: ${SLOW_CLIENTS} clients that do not read hold no more than their buffers, and others are served`, async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const large = await registry.pushBlob('slow', blobOf(Buffer.alloc(32 * 1024 * 1024, 'large ')));
    const path = `/v2/slow/blobs/${large.digest}`;
    const before = process.memoryUsage().rss;
    const slow: Socket[] = [];
    try {
      for (let count = 0; count < SLOW_CLIENTS; count++)
        slow.push(await answering(server, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
      // A client that reads is given all of it meanwhile.
      const { body } = await registry.ask('GET', path);
      assert.ok(body.equals(large.bytes));
      // Of the two gigabytes that they asked for.
      assert.ok(process.memoryUsage().rss - before < 1024 ** 3, `${process.memoryUsage().rss - before}`);
    } finally {
      for (const socket of slow) socket.destroy();
    }
  });

  test('F-277: a client that does not take its answer has no more time than others', async () => {
    await using lab = await Lab.open();
    await using server = await serveLab(lab);
    const registry = new RegistryProbe(server.host);
    const { bytes } = await registry.pushImage('slow', 'image');
    const timeouts: (number | undefined)[] = [];
    const seen = (message: unknown): void => {
      timeouts.push((message as { readonly socket: Socket }).socket.timeout); // As Node documents it.
    };
    subscribe('http.server.response.finish', seen);
    try {
      assert.equal((await registry.ask('GET', '/v2/slow/manifests/image')).status, 200);
      assert.equal((await registry.putManifest('slow', 'again', bytes)).status, 201);
    } finally {
      unsubscribe('http.server.response.finish', seen);
    }
    assert.deepEqual(
      timeouts.map((timeout = 0) => timeout > 0),
      [true, true],
      'the connection would never be given up',
    );
  });
});

describe('shale serve registry, on addresses', () => {
  test('F-272: others are let in only with accounts and a certificate, or when that is said', async () => {
    await using lab = await Lab.open();
    const tls = { certFile: '/nonexistent', keyFile: '/nonexistent' };
    const htpasswdFile = '/nonexistent';
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'registry.example', ''])
      for (const how of [{}, { tls }, { htpasswdFile }, { readOnly: true }])
        await assert.rejects(serveLab(lab, { host, ...how }), { code: 'SERVE_INSECURE' }, host);
    // With both it goes on to read them.
    await assert.rejects(serveLab(lab, { host: '0.0.0.0', tls, htpasswdFile }), { code: 'SERVE_FAILED' });
    await using everywhere = await serveLab(lab, { host: '0.0.0.0', insecure: true });
    assert.match(everywhere.host, /^0\.0\.0\.0:/);
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      await using own = await serveLab(lab, { host });
      assert.equal((await new RegistryProbe(own.host).ask('GET', '/v2/')).status, 200);
    }
  });
});

/** Sends a request, and gives the connection when the first bytes of the answer have come; nothing more is read. */
async function answering(server: TestRegistry, request: string): Promise<Socket> {
  const [host, port] = server.host.split(':');
  const socket = connect(Number(port), host);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('readable', resolve);
    socket.write(request);
  });
  socket.on('error', () => {});
  return socket;
}

/** Sends a body until the server does not want any more, and gives what it answered. */
async function sendEndless(server: TestRegistry, line: string): Promise<string> {
  const [host, port] = server.host.split(':');
  const size = 0x10_00_00;
  const chunk = Buffer.concat([Buffer.from(`${size.toString(16)}\r\n`), Buffer.alloc(size, 'x'), Buffer.from('\r\n')]);
  return await new Promise((resolve) => {
    let text = '';
    const socket = connect(Number(port), host, () => {
      const more = (): void => {
        while (!socket.destroyed && socket.write(chunk)) continue;
      };
      socket.on('drain', more);
      socket.write(`${line}\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
      more();
    });
    socket.on('data', (data) => (text += data.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

/** What this process, which is server and client, has open. */
function resources(): { readonly descriptors: number; readonly handles: number } {
  return { descriptors: readdirSync('/proc/self/fd').length, handles: process.getActiveResourcesInfo().length };
}

function isWithin(now: ReturnType<typeof resources>, before: ReturnType<typeof resources>): boolean {
  return now.descriptors <= before.descriptors + BY_CHANCE && now.handles <= before.handles + BY_CHANCE;
}
