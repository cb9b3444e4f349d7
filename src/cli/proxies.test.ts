import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProxies } from './proxies.ts';

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
