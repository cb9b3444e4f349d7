/**
 * A mirror that is not next door: `far-mirror-server.ts UPSTREAM HOST DELAY_MS BYTES_PER_SECOND` gives what UPSTREAM gives, each answer so
 * much later and all of them together so fast at most. Writes its port, and ends with its standard input.
 */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [upstream = '', host = '', delay = '', rate = ''] = process.argv.slice(2);
const delayMs = Number(delay);
const bytesPerMs = Number(rate) / 1000;
/** Until when the line is busy, in ms of `performance.now()`. */
let busyUntil = 0;

async function serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  await sleep(delayMs);
  const upstreamAnswer = await new Promise<IncomingMessage>((resolve, reject) => {
    const { host: _, ...headers } = asked.headers;
    request(`${upstream}${asked.url ?? ''}`, { method: asked.method ?? 'GET', headers }, resolve)
      .on('error', reject)
      .end();
  });
  answer.writeHead(upstreamAnswer.statusCode ?? 502, upstreamAnswer.headers);
  for await (const chunk of upstreamAnswer as AsyncIterable<Buffer>) {
    const now = performance.now();
    busyUntil = Math.max(busyUntil, now) + chunk.length / bytesPerMs;
    await sleep(busyUntil - now);
    if (!answer.write(chunk)) await new Promise((resolve) => answer.once('drain', resolve));
  }
  answer.end();
}

const server = createServer((asked, answer) => {
  serve(asked, answer).catch(() => answer.destroy());
}).listen(0, host, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`); // It listens on TCP.
});
process.stdin.resume().once('end', () => process.exit());
