import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { collect } from '../base/index.ts';
import { readProxies, useProxies } from './proxies.ts';

test('readProxies() reads both cases, bare hosts and lists', () => {
  assert.deepEqual(readProxies({}), { direct: [] });
  assert.deepEqual(
    readProxies({
      HTTP_PROXY: 'proxy:3128',
      http_proxy: 'http://other',
      https_proxy: 'https://p',
      NO_PROXY: ' a, .b,,10.0.0.0/8',
    }),
    { http: 'http://proxy:3128', https: 'https://p', direct: ['a', '.b', '10.0.0.0/8'] },
  );
  assert.deepEqual(readProxies({ HTTP_PROXY: '', http_proxy: 'http://u:p@x' }).http, 'http://u:p@x');
});

test('readProxies() refuses other schemes and hides passwords', () => {
  assert.throws(
    () => readProxies({ HTTPS_PROXY: 'socks5://me:hunter2@x' }),
    (error: Error) => {
      assert.match(error.message, /^HTTPS_PROXY is not the address of a proxy/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    },
  );
});

test('useProxies() leads requests through the proxy, but for the hosts that are reached directly', async () => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? '');
    response.end('from the proxy');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const place = `127.0.0.1:${address.port}`;
    using _proxies = await useProxies(readProxies({ HTTP_PROXY: place, NO_PROXY: '127.0.0.1' }));
    assert.equal(await fetchText('http://registry.invalid/v2/'), 'from the proxy');
    await fetchText(`http://${place}/direct`);
    assert.deepEqual(seen, ['http://registry.invalid/v2/', '/direct']);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

async function fetchText(url: string): Promise<string> {
  const [response] = (await once(get(url), 'response')) as [IncomingMessage]; // What Node documents for the event.
  return (await collect(response, 1000, url)).toString();
}
