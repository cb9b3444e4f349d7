import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { isLoopback, serveUntil } from './serve-until.ts';

interface Served {
  readonly port: number;
  /** The answers that are still to be given, in the order of their requests. */
  readonly waiting: ServerResponse[];
  readonly end: () => void;
  readonly ended: Promise<void>;
}

async function serve(drainMs?: number): Promise<Served> {
  const ending = new AbortController();
  const waiting: ServerResponse[] = [];
  const { promise, resolve } = Promise.withResolvers<string>();
  const server = createServer((_request, response) => {
    waiting.push(response);
    server.emit('came');
  });
  const ended = serveUntil(server, {
    host: '127.0.0.1',
    port: 0,
    connectionsMax: 10,
    signal: ending.signal,
    drainMs,
    listening: resolve,
  });
  const port = Number((await promise).split(':')[1]);
  return { port, waiting, end: () => ending.abort(), ended };
}

interface Client {
  readonly socket: Socket;
  /** All that comes, when the connection has ended. */
  readonly all: Promise<string>;
}

/** Sends a request, and waits until the server has it. */
async function ask({ port, waiting }: Served, text = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'): Promise<Client> {
  const before = waiting.length;
  const socket = connect(port, '127.0.0.1');
  let got = '';
  socket.on('data', (data: Buffer) => (got += data.toString()));
  socket.on('error', () => {});
  const all = new Promise<string>((resolve) => socket.on('close', () => resolve(got)));
  socket.write(text);
  while (waiting.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
  return { socket, all };
}

describe('serveUntil()', () => {
  test('F-281: serveUntil() answers what is under way at the end, and takes nothing new', async () => {
    const served = await serve(60_000);
    const [first, second] = [await ask(served), await ask(served)];
    const idle = connect(served.port, '127.0.0.1');
    await once(idle, 'connect');
    idle.on('error', () => {});
    served.end();
    await assert.rejects(once(connect(served.port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
    served.waiting[0]?.end('one');
    assert.match(await first.all, /^HTTP\/1\.1 200 .*\r\nConnection: close\r\n.*one/s);
    served.waiting[1]?.end('two');
    assert.match(await second.all, /two/);
    await served.ended;
    idle.destroy();
  });

  test('F-281: serveUntil() cuts off what is not answered in time', async () => {
    const served = await serve(50);
    const client = await ask(served);
    served.end();
    await served.ended;
    assert.equal(await client.all, '');
  });

  test('F-281: serveUntil() does not wait for clients that have gone, with all that they asked for', async () => {
    const served = await serve(60_000);
    const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    const gone = await ask(served, `${request}${request}${request}`);
    gone.socket.destroy();
    await gone.all;
    const stays = await ask(served);
    served.end();
    served.waiting.at(-1)?.end('here');
    assert.match(await stays.all, /here/);
    await served.ended;
  });

  test('F-281: serveUntil() ends at once without a time for what is under way', async () => {
    const served = await serve();
    const client = await ask(served);
    served.end();
    await served.ended;
    assert.equal(await client.all, '');
  });
});

test('F-272: isLoopback() knows the addresses that only this machine reaches', () => {
  for (const host of ['127.0.0.1', '127.255.0.1', '::1', 'localhost', '::ffff:127.0.0.1'])
    assert.equal(isLoopback(host), true, host);
  for (const host of [
    '0.0.0.0',
    '::',
    '',
    '192.0.2.1',
    '::ffff:192.0.2.1',
    'fe80::1',
    '128.0.0.1',
    'x.localhost.example',
  ])
    assert.equal(isLoopback(host), false, host);
});
