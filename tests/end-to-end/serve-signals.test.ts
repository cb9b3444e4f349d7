/** The end of `shale serve registry`, as a process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { SHALE, until } from '../containers/container-lab.ts';
import { blobOf, randomBlob, RegistryProbe } from '../support/registry-checks.ts';

interface Server extends AsyncDisposable {
  readonly registry: RegistryProbe;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** The status that it ends with. */
  readonly status: Promise<number | null>;
  readonly stderr: () => string;
  /** Waits until it takes no more connections. */
  readonly closed: () => Promise<void>;
}

interface Store extends Disposable {
  readonly env: NodeJS.ProcessEnv;
}

function emptyStore(): Store {
  const folder = mkdtempSync(join(tmpdir(), 'shale-serve-'));
  return {
    env: { ...process.env, SHALE_HOME: join(folder, 'home'), SHALE_RUN: join(folder, 'run'), NO_COLOR: '1' },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Starts the program over an empty store of its own. */
async function start(...words: readonly string[]): Promise<Server> {
  const store = emptyStore();
  const child = spawn(SHALE, ['serve', 'registry', '--addr', '127.0.0.1:0', ...words], {
    env: store.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const status = new Promise<number | null>((resolve) => child.on('close', resolve));
  const address = (): string | undefined => /serving the store at http:\/\/(\S+)\n/.exec(stderr)?.[1];
  const dispose = async (): Promise<void> => {
    child.kill('SIGKILL');
    await status;
    store[Symbol.dispose]();
  };
  try {
    await until(() => address() !== undefined || child.exitCode !== null, 'it serves');
    assert.ok(address() !== undefined, stderr);
  } catch (error) {
    await dispose();
    throw error;
  }
  const registry = new RegistryProbe(address() ?? '');
  return {
    registry,
    status,
    kill: (signal) => void child.kill(signal),
    stderr: () => stderr,
    closed: () => until(() => isRefused(registry), 'it takes no more connections'),
    [Symbol.asyncDispose]: dispose,
  };
}

async function isRefused({ host }: RegistryProbe): Promise<boolean> {
  const [hostname, port] = host.split(':');
  const socket = connect(Number(port), hostname);
  const refused = await once(socket, 'connect').then(
    () => false,
    () => true,
  );
  socket.destroy();
  return refused;
}

/** Begins to send `sizeBytes`, and returns when the server wants them. */
async function beginChunk({ host }: RegistryProbe, path: string, sizeBytes: number): Promise<ClientRequest> {
  const headers = { 'Content-Length': sizeBytes, Expect: '100-continue' };
  const sent = request(`http://${host}${path}`, { method: 'PATCH', headers, agent: false });
  sent.on('error', () => {});
  sent.flushHeaders();
  await once(sent, 'continue');
  return sent;
}

async function answerOf(sent: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]; // As Node documents it.
  return answer;
}

describe('the end of shale serve registry', () => {
  test('F-281: a signal lets a download and an upload that are under way end, and is no failure', async () => {
    await using server = await start('--drain-timeout', '3600');
    const { registry } = server;
    const large = await registry.pushBlob('end', blobOf(Buffer.alloc(32 * 1024 * 1024, 'large ')));
    const download = await answerOf(get(`http://${registry.host}/v2/end/blobs/${large.digest}`, { agent: false }));
    const { bytes } = randomBlob(1000);
    const upload = await beginChunk(registry, await registry.begin('end'), bytes.length);
    upload.write(bytes.subarray(0, 500));
    server.kill('SIGTERM');
    await server.closed();
    upload.end(bytes.subarray(500));
    const taken = await answerOf(upload);
    taken.resume();
    assert.deepEqual([taken.statusCode, taken.headers.range], [202, '0-999']);
    const parts: Buffer[] = [];
    for await (const part of download) parts.push(part as Buffer); // No encoding is set.
    assert.equal(blobOf(Buffer.concat(parts)).digest, large.digest);
    assert.equal(await server.status, 0);
    assert.match(server.stderr(), /^serving the store at \S+\n$/);
  });

  test('F-281: a second signal ends it at once, whatever is under way', async () => {
    await using server = await start('--drain-timeout', '3600');
    const upload = await beginChunk(server.registry, await server.registry.begin('end'), 1000);
    server.kill('SIGTERM');
    await server.closed();
    server.kill('SIGTERM');
    assert.equal(await server.status, 143);
    upload.destroy();
  });

  for (const signal of ['SIGHUP', 'SIGINT'] as const)
    test(`F-281: ${signal} ends it as SIGTERM does, and what is not answered in time is cut off`, async () => {
      await using server = await start('--drain-timeout', '0');
      const upload = await beginChunk(server.registry, await server.registry.begin('end'), 1000);
      server.kill(signal);
      assert.equal(await server.status, 0);
      assert.match(server.stderr(), /^serving the store at \S+\n$/);
      upload.destroy();
    });

  test('F-272: it does not begin to serve other machines by mistake', async () => {
    using store = emptyStore();
    const words = ['serve', 'registry', '--addr', ':0'];
    const child = spawn(SHALE, words, { env: store.env, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [status] = (await once(child, 'close')) as [number | null];
    assert.equal(status, 125);
    assert.match(
      stderr,
      /^shale: other machines reach 0\.0\.0\.0: .*\ntry: give --htpasswd and --tls-cert; or --insecure/,
    );
  });
});
