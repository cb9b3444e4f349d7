/**
 * Every write, rename, sync, transaction, read and start of a program fails in turn, or the process is killed there: what was
 * reported done is there, what was not is there wholly or not at all, nothing is damaged, and doing it again succeeds.
 * `npm test` tries some points of each operation, SHALE_TEST_LONG=1 all of them.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openEngine, type Engine } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { Random } from '../support/random.ts';
import type { Fault } from './inject.fixture.ts';
import {
  type Change,
  type Kind,
  KINDS,
  operation,
  serve,
  type State,
  stateOf,
  type Upstream,
  upstream,
} from './operations.ts';

const LONG = process.env['SHALE_TEST_LONG'] === '1';
const POINTS_EACH = LONG ? Infinity : 1;
const FAULTS: readonly Fault[] = ['EIO', 'ENOSPC', 'kill'];
/** Milliseconds for one operation. A long run gives way to others, and may get little of a busy machine. */
const LIMIT_MS = LONG ? 600_000 : 60_000;
const SEED = LONG ? Date.now() % 1_000_000 : 11;

interface Outcome {
  readonly done?: Change | null;
  readonly failed?: string;
  readonly code?: string;
  readonly points: readonly string[];
}

describe('faults of the machine', { skip: cannotRun || BUSYBOX.missing }, () => {
  let folder: string;
  let original: State;
  let registry: Upstream;
  const random = new Random(SEED);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shale-faults-'));
    registry = await upstream();
    await using engine = await openIn(join(folder, 'original'));
    await using server = await serve(engine);
    const served = server.url;
    const names = new Set<string>();
    const context = join(folder, 'context');
    for (const kind of ['import', 'build', 'tag', 'push', 'pull', 'run'] as const) {
      const work = { engine, served, random: new Random(1), context, rootfs: BUSYBOX.path, names };
      const change = await operation(kind, work)?.carryOut();
      if (change !== undefined) names.add(change.name);
    }
    original = await stateOf({ engine, served });
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const kind of KINDS) {
    test(`F-121: ${kind} survives every fault`, async () => {
      for (const fault of FAULTS) {
        const { points, failed } = await outcomeOf(kind, fault === 'kill' ? 'none' : fault, 0);
        assert.equal(failed, undefined);
        assert.ok(points.length > 0);
        for (const at of chosen(points.length)) await tryFault(kind, fault, at);
      }
    });
  }

  /** Which of so many points are tried. */
  function chosen(count: number): readonly number[] {
    if (count <= POINTS_EACH) return Array.from({ length: count }, (_, i) => i + 1);
    return Array.from({ length: POINTS_EACH }, () => 1 + random.below(count));
  }

  async function tryFault(kind: Kind, fault: Fault, at: number): Promise<void> {
    const outcome = await outcomeOf(kind, fault, at);
    const where = `seed ${SEED}, ${kind}, ${fault} at point ${at} (${outcome.points.at(at - 1) ?? 'killed'})`;
    await using engine = await openIn(join(folder, 'store'));
    await using server = await serve(engine);
    const served = server.url;
    const state = await stateOf({ engine, served });
    assert.deepEqual(state.findings, [], where);
    const expected: Record<string, string | undefined> = { ...original.names };
    if (outcome.done?.id !== undefined) expected[outcome.done.name] = outcome.done.id;
    else if (outcome.done) delete expected[outcome.done.name];
    // The machine's fault is told as such: with a code, and by a server not as a fault of the client.
    else if (outcome.failed !== undefined)
      assert.match(outcome.code ?? '', /^(?!HTTP 4)./, `${where}: ${outcome.failed}`);
    const open = outcome.done === undefined ? changedBy(kind) : undefined;
    for (const name of new Set([...Object.keys(expected), ...Object.keys(state.names)])) {
      if (name !== open) assert.equal(state.names[name], expected[name], `${where}: ${name}`);
    }
    const work = { engine, served, random: new Random(SEED), context: join(folder, 'context'), rootfs: BUSYBOX.path };
    await operation(kind, { ...work, names: new Set(Object.keys(state.names)) })?.carryOut();
    await operation('prune', { ...work, names: new Set() })?.carryOut();
    assert.deepEqual((await stateOf({ engine, served })).findings, [], `${where}, done again`);
  }

  /** The name that an operation on the original store is about to change. */
  function changedBy(kind: Kind): string | undefined {
    const names = new Set(Object.keys(original.names));
    const nothing = { context: '', served: '', engine: undefined as unknown as Engine }; // Only looked at when carried out.
    return operation(kind, { ...nothing, random: new Random(SEED), rootfs: BUSYBOX.path, names })?.name;
  }

  /** Carries out one operation in a process of its own, on a copy of the original store. */
  async function outcomeOf(kind: Kind, fault: Fault, at: number): Promise<Outcome> {
    const store = join(folder, 'store');
    rmSync(store, { recursive: true, force: true });
    spawnSync('cp', ['-a', join(folder, 'original'), store]);
    const program = ['injected-work.fixture.ts', 'inject.fixture.ts'].map((name) => join(import.meta.dirname, name));
    const [work = '', inject = ''] = program;
    const names = Object.keys(original.names).join(' ');
    const places = [join(store, 'home'), join(store, 'run'), join(folder, 'context')];
    const args = [...places, String(SEED), kind, fault, String(at), names, BUSYBOX.path];
    const { stdout, stderr, signal } = spawnSync(
      process.execPath,
      ['--no-warnings', '--import', inject, work, ...args],
      {
        encoding: 'utf8',
        env: { ...process.env, SHALE_FAULT_UNDER: store },
        timeout: LIMIT_MS,
      },
    );
    if (fault === 'kill' && signal === 'SIGKILL') return { points: [] };
    assert.notEqual(stdout, '', `${kind}, ${fault} at ${at} ended with ${signal ?? 'nothing said'}: ${stderr}`);
    return JSON.parse(stdout) as Outcome; // Of the program beside this one.
  }

  async function openIn(store: string): Promise<Engine> {
    mkdirSync(store, { recursive: true });
    const places = { home: join(store, 'home'), runRoot: join(store, 'run') };
    const { mirrors: registryMirrors } = registry;
    return await openEngine({ ...places, now: Date.now, env: {}, insecureRegistries: [], registryMirrors });
  }
});
