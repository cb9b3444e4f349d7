import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { registryProgram } from '../tests/support/registry.ts';
import { run } from './measure.ts';

/** The reference registry on loopback over a folder of the benchmark. */
export interface BenchRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Forgets everything that was pushed. */
  wipe(): void;
}

/** Others may run here, and a registry of theirs would forget nothing. */
function freePort(): string {
  const program = `const server = require('node:net').createServer();
    server.listen(0, '127.0.0.1', () => { process.stdout.write(String(server.address().port)); server.close(); });`;
  return run({ args: [process.execPath, '-e', program] });
}

/** Starts it; it ends with the benchmark. Undefined where the program cannot be fetched. */
export function startBenchRegistry(folder: string): BenchRegistry | undefined {
  const program = registryProgram();
  if (program === undefined) return undefined;
  const host = `127.0.0.1:${freePort()}`;
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'config.yml');
  const storage = `storage:\n  filesystem:\n    rootdirectory: ${folder}/data\n`;
  writeFileSync(config, `version: 0.1\nlog:\n  level: error\n${storage}http:\n  addr: ${host}\n`);
  const child = spawn(program, ['serve', config], { stdio: 'ignore' });
  child.unref();
  process.once('exit', () => child.kill());
  run({ args: ['curl', '-fsS', '--retry', '50', '--retry-delay', '0', '--retry-connrefused', `http://${host}/v2/`] });
  return { host, wipe: () => rmSync(join(folder, 'data'), { recursive: true, force: true }) };
}
