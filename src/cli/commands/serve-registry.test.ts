import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServeRegistryRequest, Watch } from '../../engine/index.ts';
import { runCommandLine } from '../app.ts';
import { fakeContext } from '../fake-context.fixture.ts';

const USUAL = { insecure: false, drainMs: 5000 };

describe('serve registry', () => {
  async function serve(...words: readonly string[]): Promise<{ status: number; stderr: string; asked: unknown[] }> {
    const asked: unknown[] = [];
    const serveRegistry = async ({ listening, failed, ...rest }: ServeRegistryRequest): Promise<void> => {
      asked.push(rest);
      listening('http://127.0.0.1:5000');
      failed('the disk is full');
    };
    const { context, stderr } = fakeContext({ engine: { serveRegistry } });
    const status = await runCommandLine(['serve', 'registry', ...words], context);
    return { status, stderr: stderr(), asked };
  }

  test('asks the engine, and says where it serves and what failed', async () => {
    const { status, stderr, asked } = await serve();
    assert.equal(status, 0);
    assert.equal(stderr, 'serving the store at http://127.0.0.1:5000\na request failed: the disk is full\n');
    const none = { tls: undefined, htpasswdFile: undefined, upstreams: [] };
    assert.deepEqual(asked, [{ host: '127.0.0.1', port: 5000, readOnly: false, ...USUAL, ...none }]);
  });

  test('hands on addresses and files', async () => {
    const words = [
      '--readonly',
      '--insecure',
      '--drain-timeout',
      '0',
      '--htpasswd',
      '/a',
      '--tls-cert',
      '/c',
      '--tls-key',
      '/k',
      '--upstream',
      'https://u',
    ];
    const { asked } = await serve('--addr', '[::1]:443', ...words);
    const tls = { certFile: '/c', keyFile: '/k' };
    const upstreams = ['https://u'];
    const rest = { insecure: true, drainMs: 0, tls, htpasswdFile: '/a', upstreams };
    assert.deepEqual(asked, [{ host: '::1', port: 443, readOnly: true, ...rest }]);
    assert.deepEqual((await serve('--addr', ':0')).asked[0], {
      host: '0.0.0.0',
      port: 0,
      readOnly: false,
      ...USUAL,
      tls: undefined,
      htpasswdFile: undefined,
      upstreams: [],
    });
  });

  test('F-281: a signal is how it ends, and no failure', async () => {
    const serveRegistry = async (_request: ServeRegistryRequest, { signal }: Watch): Promise<void> => {
      desk.receive('SIGTERM');
      assert.equal(signal.aborted, true);
    };
    const { context, desk } = fakeContext({ engine: { serveRegistry } });
    assert.equal(await runCommandLine(['serve', 'registry'], context), 0);
    assert.equal(desk.exitStatus, undefined);
  });

  test('refuses what is no address, and half of a certificate', async () => {
    for (const addr of ['', 'x', 'localhost', 'h:99999', 'h:-1', '::1:5', 'h:1x']) {
      const { status, stderr, asked } = await serve(`--addr=${addr}`);
      assert.deepEqual([status, asked], [125, []], addr);
      assert.match(stderr, /is not HOST:PORT/);
    }
    assert.match((await serve('--tls-cert', '/c')).stderr, /--tls-cert and --tls-key go together/);
    assert.match((await serve('--drain-timeout', '-1')).stderr, /--drain-timeout is a number/);
  });
});
