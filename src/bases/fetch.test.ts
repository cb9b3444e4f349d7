import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { collect } from '../base/index.ts';
import { HttpFetcher, redact } from './fetch.ts';

async function withServer(
  listener: RequestListener,
  work: (base: string, fetcher: HttpFetcher) => Promise<void>,
): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const fetcher = new HttpFetcher({ userAgent: 'test', idleTimeoutMs: 300 });
  try {
    await work(`http://127.0.0.1:${port}`, fetcher);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function read(fetcher: HttpFetcher, url: string): Promise<string> {
  return (await collect(await fetcher.fetch(url, undefined), 1000, url)).toString();
}

test('HttpFetcher follows redirects and tries again when a server fails', async () => {
  let failures = 0;
  await withServer(
    (request, response) => {
      if (request.url === '/a') response.writeHead(302, { location: '/b' }).end();
      else if (request.url === '/b' && failures++ === 0) response.writeHead(503).end();
      else response.end('hello');
    },
    async (base, fetcher) => assert.equal(await read(fetcher, `${base}/a`), 'hello'),
  );
});

test('HttpFetcher refuses redirects without end and to other protocols', async () => {
  await withServer(
    (request, response) => response.writeHead(301, { location: request.url === '/ftp' ? 'ftp://x/' : '/again' }).end(),
    async (base, fetcher) => {
      await assert.rejects(read(fetcher, `${base}/loop`), { code: 'FETCH_FAILED', message: /more than 10 times/ });
      await assert.rejects(read(fetcher, `${base}/ftp`), {
        code: 'FETCH_FAILED',
        message: /redirects from http:\/\/ to ftp:\/\//,
      });
    },
  );
});

test('HttpFetcher tells what is absent from what fails, and reports a body that is cut or stalls', async () => {
  await withServer(
    (request, response) => {
      if (request.url === '/absent') response.writeHead(404).end();
      else if (request.url === '/forbidden') response.writeHead(403).end();
      else {
        response.writeHead(200, { 'content-length': '10' });
        response.write('abc');
        if (request.url === '/cut') setTimeout(() => response.destroy(), 20);
      }
    },
    async (base, fetcher) => {
      await assert.rejects(read(fetcher, `${base}/absent`), { code: 'FETCH_NOT_FOUND' });
      await assert.rejects(read(fetcher, `${base}/forbidden`), { code: 'FETCH_FAILED' });
      await assert.rejects(read(fetcher, `${base}/cut`), { code: 'FETCH_FAILED', message: /stopped after 3 bytes/ });
      await assert.rejects(read(fetcher, `${base}/stall`), { code: 'FETCH_FAILED' });
    },
  );
});

test('HttpFetcher stops when it is told to', async () => {
  await withServer(
    () => undefined,
    async (base, fetcher) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 20);
      await assert.rejects(fetcher.fetch(base, controller.signal), { name: 'AbortError' });
    },
  );
});

test('HttpFetcher reads files', async () => {
  const fetcher = new HttpFetcher({ userAgent: 'test' });
  const here = pathToFileURL(import.meta.filename).href;
  assert.match((await collect(await fetcher.fetch(here, undefined), 100_000, here)).toString(), /reads files/);
  await assert.rejects(fetcher.fetch(`${here}.absent`, undefined), { code: 'FETCH_NOT_FOUND' });
});

test('redact() hides names and passwords', () => {
  assert.equal(redact('https://me:secret@example.org/x'), 'https://***@example.org/x');
});
