import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { debianTool } from './debian-tools.ts';

/** A real registry on loopback; disposing ends it. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
}

/** The program of Debian's docker-registry; undefined where it cannot be fetched. */
export function registryProgram(): string | undefined {
  return debianTool('bookworm', 'docker-registry', 'usr/bin/docker-registry');
}

/** Starts the reference registry over an empty folder. */
export async function startRegistry(program: string, folder: string): Promise<TestRegistry> {
  const port = await freePort();
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'config.yml');
  const storage = `storage:\n  filesystem:\n    rootdirectory: ${folder}/data\n  delete:\n    enabled: true\n`;
  writeFileSync(config, `version: 0.1\nlog:\n  level: error\n${storage}http:\n  addr: 127.0.0.1:${port}\n`);
  const child = spawn(program, ['serve', config], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const host = `127.0.0.1:${port}`;
  await answers(`http://${host}/v2/`, () => child.exitCode === null);
  return {
    host,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function answers(url: string, isRunning: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && isRunning(); tries++) {
    try {
      if ((await fetch(url)).ok) return;
    } catch {
      // It does not listen yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the registry does not start');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address === 'object' && address !== null) return address.port;
  throw new Error('no free port');
}
