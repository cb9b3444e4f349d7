/** What the tests with processes and mounts share. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { openStore } from './open.ts';

const PROGRAM = fileURLToPath(new URL('./process.fixture.ts', import.meta.url));

export interface Outcome {
  readonly lines: readonly string[];
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Program and arguments that run node, such as strace. */
  readonly under?: readonly string[];
  /** Called with the process and each line that it prints. */
  readonly onLine?: (line: string, child: ChildProcess) => void;
  readonly onStart?: (child: ChildProcess) => void;
}

export async function runProcess(root: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [program = process.execPath, ...before] = options.under ?? [];
  const node = before.length === 0 ? [] : [...before, process.execPath];
  const child = spawn(program, [...node, '--no-warnings', PROGRAM, root, ...args], {
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  options.onStart?.(child);
  const lines: string[] = [];
  let rest = '';
  let errors = '';
  child.stdin.on('error', () => {});
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      lines.push(line);
      options.onLine?.(line, child);
    }
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
  });
  return { lines, code, signal, errors };
}

/** RECOVER: the store opens by itself, nothing is damaged, what was reported done is there, staging is reclaimed. */
export async function validate(root: string, reported: readonly string[], context: string): Promise<void> {
  await using store = await openStore({ root });
  const { problems } = await store.check({ full: true });
  const serious = problems.filter(({ severity }) => severity === 'damage');
  assert.deepEqual(serious, [], context);
  const tags = new Map((await store.tags.list()).map(({ name, target }) => [name, target.digest as string]));
  const expected = new Map<string, string>();
  for (const line of reported) {
    const [, name, digest] = /^tag (.+) (sha256:\w+)$/.exec(line) ?? [];
    if (name !== undefined && digest !== undefined) expected.set(name, digest);
    if (line.startsWith('removing ') || line.startsWith('untag ')) expected.delete(line.slice(line.indexOf(' ') + 1));
  }
  for (const [name, digest] of expected) assert.equal(tags.get(name), digest, `${context}: tag ${name}`);
  if (reported.includes('untag b')) assert.equal(tags.get('b'), undefined, context);
  if (reported.includes('gone container')) assert.equal(await store.containers.find('c'), undefined, context);
  for (const image of await store.images.list()) {
    for (const digest of [image.id, ...image.diffIds]) assert.ok(await store.blobs.find(digest), context);
  }
  await store.collect();
  await store.repair({ full: true });
  const left = readdirSync(join(root, 'ingest')).filter((name) => !name.startsWith('ref-'));
  assert.deepEqual(left, [], context);
  assert.deepEqual((await store.check({ full: true })).problems, [], context);
}

export function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

export function command(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

/** A mount that ends with the test. */
export function mounted(target: string, ...args: readonly string[]): Disposable {
  mkdirSync(target, { recursive: true });
  command('mount', ...args, target);
  return { [Symbol.dispose]: () => void spawnSync('umount', [target]) };
}

export const isRoot: boolean = process.getuid?.() === 0;
