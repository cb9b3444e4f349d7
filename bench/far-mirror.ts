import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';

/** How far it is: of a mirror in the same country, over a line of 40 Mbit/s. */
export const FAR = { delayMs: 40, bytesPerSecond: 5_000_000 } as const;
const STARTS_WITHIN_SECONDS = 20;

/** Where containers reach a mirror that answers late and slowly; it ends with the benchmark. Undefined where they reach nothing of this machine. */
export function startFarMirror(upstream: string): string | undefined {
  const host = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
  if (host === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'shale-bench-'));
  const said = join(folder, 'port');
  const output = openSync(said, 'w');
  const program = join(import.meta.dirname, 'far-mirror-server.ts');
  const args = [program, upstream, host, String(FAR.delayMs), String(FAR.bytesPerSecond)];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    stdio: ['pipe', output, 'inherit'],
  });
  closeSync(output);
  child.unref();
  process.once('exit', () => child.kill());
  // Everything here is done one after the other, and nothing waits for events.
  spawnSync('sh', [
    '-c',
    `i=0; until [ -s "$0" ] || [ $i -ge ${STARTS_WITHIN_SECONDS * 10} ]; do sleep 0.1; i=$((i+1)); done`,
    said,
  ]);
  const port = readFileSync(said, 'utf8').trim();
  rmSync(folder, { recursive: true });
  if (port === '') throw new Error('the far mirror did not start');
  return `http://${host}:${port}`;
}
