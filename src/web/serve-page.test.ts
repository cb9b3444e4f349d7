import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import type { Exploration } from '../explore/index.ts';
import { sampleExploration } from '../explore/sample.fixture.ts';
import { HOSTILE_NAME, pageComparison, pageExploration } from './page.fixture.ts';
import { servePage } from './serve-page.ts';

const TOKEN = 'Zm9vYmFyYmF6cXV4MDEyMw';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

interface Served extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly failures: unknown[];
  /** The path is sent as it is. */
  ask(path: string, options?: { host?: string; method?: string }): Promise<Answer>;
}

async function serve(exploration: Exploration = pageExploration()): Promise<Served> {
  const stop = new AbortController();
  const failures: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<string>();
  const ended = servePage(exploration, {
    host: '127.0.0.1',
    port: 0,
    token: TOKEN,
    comparison: pageComparison,
    signal: stop.signal,
    listening: resolve,
    failed: (error) => failures.push(error),
  });
  const url = await promise;
  const port = Number(new URL(url).port);
  return {
    url,
    port,
    failures,
    ask: (path, { host = `127.0.0.1:${port}`, method = 'GET' } = {}) => ask({ port, path, host, method }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
      await exploration[Symbol.asyncDispose]();
    },
  };
}

function ask(options: { port: number; path: string; host: string; method: string }): Promise<Answer> {
  const { port, path, host, method } = options;
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers: { host } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Sends a request, and gives the connection when the first bytes of the answer have come. */
async function answering({ port }: Served, request: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('readable', resolve);
    socket.write(request);
  });
  socket.on('error', () => {});
  return socket;
}

describe('servePage()', () => {
  test('servePage() gives the page, its parts and its data', async () => {
    await using served = await serve();
    assert.equal(served.url, `http://127.0.0.1:${served.port}/${TOKEN}/`);
    const page = await served.ask(`/${TOKEN}/`);
    assert.equal(page.status, 200);
    assert.match(String(page.headers['content-type']), /^text\/html/);
    const policy = String(page.headers['content-security-policy']);
    assert.match(policy, /default-src 'none'.*script-src 'self'.*frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(page.headers['referrer-policy'], 'no-referrer');
    for (const part of [
      'page.js',
      'page.css',
      'data.json',
      'trees/merged.json',
      'trees/changes-1.json',
      'trees/state-2.json',
    ]) {
      const { status, headers, body } = await served.ask(`/${TOKEN}/${part}`);
      assert.equal(status, 200, part);
      assert.equal(Number(headers['content-length']), body.length);
      assert.equal(headers['x-content-type-options'], 'nosniff');
    }
  });

  test('servePage() tells nothing without the token', async () => {
    await using served = await serve();
    const wrong = `${TOKEN.slice(0, -1)}x`;
    for (const path of [
      '/',
      `/${TOKEN}`,
      `/${wrong}/`,
      `/${wrong}/data.json`,
      '/data.json',
      `//${TOKEN}/`,
      `/x/../${TOKEN}/`,
      `/?${TOKEN}/`,
    ]) {
      const { status, body } = await served.ask(path);
      assert.equal(status, 404, path);
      assert.equal(body.toString(), 'nothing here\n');
    }
  });

  test('servePage() answers only to its own names, so that no other name can be led here (DNS rebinding)', async () => {
    await using served = await serve();
    for (const host of [
      'evil.example',
      `evil.example:${served.port}`,
      '127.0.0.1',
      '127.0.0.1:1',
      `127.0.0.1.evil.example:${served.port}`,
    ]) {
      assert.equal((await served.ask(`/${TOKEN}/data.json`, { host })).status, 421, host);
    }
    assert.equal((await served.ask(`/${TOKEN}/`, { host: `localhost:${served.port}` })).status, 200);
  });

  test('F-275: servePage() has only GET and HEAD, and says so', async () => {
    await using served = await serve();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']) {
      const { status, headers } = await served.ask(`/${TOKEN}/`, { method });
      assert.deepEqual([status, headers['allow']], [405, 'GET, HEAD'], method);
    }
    const head = await served.ask(`/${TOKEN}/data.json`, { method: 'HEAD' });
    assert.deepEqual([head.status, head.body.length], [200, 0]);
    assert.ok(Number(head.headers['content-length']) > 1000);
  });

  test('F-274: servePage() bears queries that are no text or mean something to a program', async () => {
    await using served = await serve();
    const queries = [
      '%',
      '%00',
      '%ff%fe=%c0',
      'x[__proto__]=1',
      '__proto__=1',
      'layer=0&layer=1&path=%00',
      'a=b&'.repeat(1000),
    ];
    for (const name of ['', 'data.json', 'trees/merged.json', 'look.json', 'diff.json', 'file', 'none'])
      for (const query of queries) {
        const { status } = await served.ask(`/${TOKEN}/${name}?${query}`);
        assert.ok(status === 200 || status === 404, `${name}?${query}: ${status}`);
      }
    assert.deepEqual(served.failures, []);
    assert.deepEqual(Object.keys(Object.prototype), []);
  });

  test('F-274: servePage() answers before a body that nobody asked for has come', async () => {
    await using served = await serve();
    for (const [line, status] of [
      [`GET /${TOKEN}/data.json`, 200],
      [`POST /${TOKEN}/data.json`, 405],
      ['GET /data.json', 404],
    ] as const) {
      const head = `${line} HTTP/1.1\r\nHost: 127.0.0.1:${served.port}\r\n`;
      const socket = await answering(served, `${head}Content-Length: 1073741824\r\n\r\n{`);
      assert.match(String(socket.read()), new RegExp(`^HTTP/1\\.1 ${status} `));
      socket.destroy();
    }
  });

  test('F-276: servePage() reads no further for browsers that go away, and not ahead of those that do not read', async () => {
    let open = 0;
    let given = 0;
    const exploration = Object.assign(pageExploration(), {
      async *stream() {
        open++;
        try {
          for (let count = 0; count < 10_000; count++) {
            given++;
            yield Buffer.alloc(64 * 1024);
          }
        } finally {
          open--;
        }
      },
    });
    await using served = await serve(exploration);
    const path = `/${TOKEN}/file?layer=0&path=${encodeURIComponent(`srv/${HOSTILE_NAME}`)}`;
    const clients: Socket[] = [];
    for (let count = 0; count < 20; count++)
      clients.push(await answering(served, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${served.port}\r\n\r\n`));
    assert.equal(open, 20);
    // Of 10,000 for each: what the machine keeps for a connection is some megabytes.
    assert.ok(given < 20 * 1000, String(given));
    for (const client of clients) client.destroy();
    while (open > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(served.failures, []);
  });

  test('servePage() gives no files of the machine, whatever the path says (path traversal)', async () => {
    await using served = await serve();
    const paths = [
      '../../etc/passwd',
      '%2e%2e/%2e%2e/etc/passwd',
      'trees/../../../etc/passwd',
      'trees/..%2f..%2fpage.json',
      'page.js/../../x',
      'trees/merged.json/',
      'trees/changes-99.json',
    ];
    for (const path of paths) assert.equal((await served.ask(`/${TOKEN}/${path}`)).status, 404, path);
    for (const path of [
      '../../../etc/shadow',
      '/etc/passwd',
      '..',
      '.',
      'etc/../etc/passwd',
      'etc/passwd\u0000',
      '\u4e00',
    ]) {
      const { status } = await served.ask(`/${TOKEN}/file?layer=0&path=${encodeURIComponent(path)}`);
      assert.equal(status, 404, path);
    }
  });

  test('servePage() says what a file is, how it changed, and gives it to be saved', async () => {
    await using served = await serve();
    const look = await served.ask(`/${TOKEN}/look.json?layer=2&path=etc%2Fssl%2Fcert`);
    const { type, text, history } = JSON.parse(look.body.toString()) as {
      type: string;
      text: string;
      history: unknown[];
    };
    assert.deepEqual([type, text, history.length], ['text', 'newest\n', 3]);
    const diff = await served.ask(`/${TOKEN}/diff.json?layer=1&path=etc%2Fssl%2Fcert`);
    assert.match(diff.body.toString(), /-old\\n\+newer/);
    const bytes = await served.ask(`/${TOKEN}/look.json?layer=0&path=usr%2Fbin%2Fenv`);
    assert.match(bytes.body.toString(), /"head":"AAAAAAA/);
    const file = await served.ask(`/${TOKEN}/file?layer=0&path=${encodeURIComponent(`srv/${HOSTILE_NAME}`)}`);
    assert.equal(file.status, 200);
    assert.equal(file.headers['content-type'], 'application/octet-stream');
    assert.match(
      String(file.headers['content-disposition']),
      /^attachment; filename="[\w.+-]+"; filename\*=UTF-8''[\w.~%!-]+$/,
    );
    assert.match(file.body.toString(), /^<\/script>/);
  });

  test('servePage() says what a program needs', async () => {
    await using served = await serve(sampleExploration());
    const { body } = await served.ask(`/${TOKEN}/look.json?layer=0&path=bin%2Fbash`);
    const { elf } = JSON.parse(body.toString()) as { elf: { machine: string; versions: object } };
    assert.deepEqual([elf.machine, elf.versions], ['amd64', {}]);
  });

  test('servePage() refuses questions that make no sense', async () => {
    await using served = await serve();
    for (const query of [
      '',
      'layer=0',
      'layer=9&path=etc',
      'layer=-1&path=etc',
      'layer=0x0&path=etc%2Fhosts',
      'layer=0&path=',
    ]) {
      assert.equal((await served.ask(`/${TOKEN}/look.json?${query}`)).status, 404, query);
    }
    assert.equal((await served.ask(`/${TOKEN}/look.json?path=${'a'.repeat(21_000)}`)).status, 414);
  });

  test('servePage() tells its caller what failed, and the browser only that it did', async () => {
    const secret = 'token abc of the registry';
    await using served = await serve(
      Object.assign(pageExploration(), { look: () => Promise.reject(new Error(secret)) }),
    );
    const { status, body } = await served.ask(`/${TOKEN}/look.json?layer=0&path=etc%2Fhosts`);
    assert.equal(status, 500);
    assert.equal(body.includes(secret), false);
    assert.deepEqual(served.failures.map(String), [`Error: ${secret}`]);
    assert.equal((await served.ask(`/${TOKEN}/data.json`)).status, 200, 'it goes on');
  });

  test('servePage() ends at once, with requests that are under way', async () => {
    const served = await serve(Object.assign(pageExploration(), { look: () => new Promise<never>(() => {}) }));
    const open = served.ask(`/${TOKEN}/look.json?layer=0&path=etc%2Fhosts`).then(
      () => 'answered',
      () => 'cut off',
    );
    await new Promise((resolve) => setTimeout(resolve, 30));
    await served[Symbol.asyncDispose]();
    assert.equal(await open, 'cut off');
    const refused = await new Promise((resolve) => {
      connect(served.port, '127.0.0.1')
        .once('error', resolve)
        .once('connect', () => resolve(undefined));
    });
    assert.match(String(refused), /ECONNREFUSED/);
  });

  test('F-272: servePage() listens on loopback only', async () => {
    await using exploration = pageExploration();
    const options = { port: 0, token: TOKEN, signal: AbortSignal.abort(), listening: () => {}, failed: () => {} };
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org', '::ffff:192.0.2.1']) {
      await assert.rejects(servePage(exploration, { ...options, host }), { code: 'SERVE_FAILED' }, host);
    }
    await servePage(exploration, { ...options, host: '::1' });
  });

  test('servePage() says why it cannot have a port', async () => {
    await using served = await serve();
    const options = { host: '127.0.0.1', port: served.port, token: TOKEN, signal: AbortSignal.abort() };
    await using exploration = pageExploration();
    const again = servePage(exploration, { ...options, listening: () => {}, failed: () => {} });
    await assert.rejects(again, { code: 'SERVE_FAILED', message: /another program has the port/ });
  });
});
