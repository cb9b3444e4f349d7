/**
 * A disk without a free byte, and one without a free inode: every operation fails and says so, or succeeds; removing and pruning
 * work; nothing is damaged, and with room again everything goes on as if nothing had been.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isSystemError } from '../../src/base/index.ts';
import { openEngine, type Engine } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { Random } from '../support/random.ts';
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
  type Workplace,
} from './operations.ts';

const DISK_BYTES = 40 << 20;
/** What needs no room: these have to work whatever the disk is like. */
const FREEING: readonly Kind[] = ['rmi', 'prune'];
/** Pulls and locks, commits and removes the container: the first may be done when the second fails. */
const OF_TWO_STEPS: readonly Kind[] = ['lock', 'commit'];
const NO_ROOM = /no space left|ENOSPC|disk is full|HTTP 5\d\d/i;

/** Fills a file system until nothing more fits; gives the folder to remove. */
const FILLERS: Readonly<
  Record<
    string,
    {
      readonly options: readonly string[];
      readonly fill: (folder: string) => void;
      readonly left: (folder: string) => number;
    }
  >
> = {
  byte: {
    options: [],
    fill: (folder) => {
      const fd = openSync(join(folder, 'ballast'), 'w');
      for (const size of [1 << 20, 4096, 512]) untilFull(() => writeSync(fd, Buffer.alloc(size, 1)));
      closeSync(fd);
    },
    left: (folder) => statfsSync(folder).bavail,
  },
  inode: {
    // The store of this test has some hundred files.
    options: ['-N', '900'],
    fill: (folder) => {
      let count = 0;
      untilFull(() => writeFileSync(join(folder, `n${count++}`), ''));
    },
    left: (folder) => statfsSync(folder).ffree,
  },
};

function untilFull(write: () => void): void {
  try {
    for (;;) write();
  } catch (error) {
    if (!isSystemError(error, 'ENOSPC')) throw error;
  }
}

for (const [what, { options, fill, left }] of Object.entries(FILLERS)) {
  test(
    `F-136, F-137: without a free ${what} every operation ends cleanly, and room can be made`,
    { skip: cannotRun || BUSYBOX.missing, timeout: 300_000 },
    async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'shale-full-'));
      const mount = join(folder, 'mount');
      try {
        writeFileSync(join(folder, 'disk'), '');
        truncateSync(join(folder, 'disk'), DISK_BYTES);
        command('mkfs.ext4', '-q', '-F', '-m', '0', ...options, join(folder, 'disk'));
        mkdirSync(mount);
        if (spawnSync('mount', ['-o', 'loop', join(folder, 'disk'), mount]).status !== 0)
          return t.skip('cannot mount a disk');
        await using registry = await upstream();
        const place = { home: join(mount, 'home'), run: join(folder, 'run'), context: join(folder, 'context') };
        await using engine = await open(place, registry);
        await using server = await serve(engine);
        const work = { engine, served: server.url, context: place.context };
        const names = new Set<string>();
        for (const kind of ['import', 'build', 'tag', 'push', 'commit', 'run', 'rmi', 'tag', 'import'] as const)
          await once(work, kind, names);
        const before = await stateOf(work);
        assert.deepEqual(before.findings, []);

        mkdirSync(join(mount, 'full'));
        fill(join(mount, 'full'));
        assert.equal(left(mount), 0);
        const failed: Kind[] = [];
        const expected = { ...before.names };
        const halfDone = new Set<string>();
        for (const kind of KINDS.filter((one) => !FREEING.includes(one))) {
          const { name, change, error } = await attempt(work, kind, names);
          // What fits into blocks that there are succeeds: its name has to lead there.
          if (change?.id !== undefined) expected[change.name] = change.id;
          if (error === undefined) continue;
          failed.push(kind);
          assert.match(allOf(error), NO_ROOM, kind);
          if (OF_TWO_STEPS.includes(kind) && name !== undefined) halfDone.add(name);
          fill(join(mount, 'full')); // What it gave back.
        }
        t.diagnostic(`without a free ${what} these fail: ${failed.join(', ')}`);
        assert.ok(failed.length > 0);
        // A command that begins now can still look at everything.
        await using other = await open(place, registry);
        const full = await stateOf({ engine: other, served: server.url });
        assert.deepEqual(full.findings, []);
        const certain = (all: Names): Names =>
          Object.fromEntries(Object.entries(all).filter(([name]) => !halfDone.has(name)));
        assert.deepEqual(certain(full.names), certain(expected), `these failed: ${failed.join(', ')}`);
        for (const kind of FREEING) await once(work, kind, names);
        assert.ok(left(mount) > 0, 'removing has made room');
        rmSync(join(mount, 'full'), { recursive: true });
        for (const kind of KINDS) await once(work, kind, names);
        await once(work, 'prune', names);
        assert.deepEqual((await stateOf(work)).findings, []);
        assert.deepEqual(readdirSync(join(place.home, 'ingest')), []);
      } finally {
        // Lazily: what is left of the engine goes with this process.
        spawnSync('umount', ['-l', mount]);
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
}

type Where = Pick<Workplace, 'engine' | 'served' | 'context'>;
type Names = State['names'];

interface Attempt {
  /** What the operation was about to change. */
  readonly name: string | undefined;
  readonly change?: Change | undefined;
  readonly error?: unknown;
}

/** One operation; keeps the names right once it is done. */
async function attempt(where: Where, kind: Kind, names: Set<string>): Promise<Attempt> {
  const planned = operation(kind, { ...where, random: new Random(kind.length), rootfs: BUSYBOX.path, names });
  const name = planned?.name;
  try {
    const change = await planned?.carryOut();
    if (change?.id !== undefined) names.add(change.name);
    else if (change !== undefined) names.delete(change.name);
    return { name, change };
  } catch (error) {
    return { name, error };
  }
}

/** One operation that has to succeed. */
async function once(where: Where, kind: Kind, names: Set<string>): Promise<void> {
  const { error } = await attempt(where, kind, names);
  if (error !== undefined) throw error;
}

async function open(place: { readonly home: string; readonly run: string }, registry: Upstream): Promise<Engine> {
  const { mirrors: registryMirrors } = registry;
  const { home, run: runRoot } = place;
  return await openEngine({ home, runRoot, now: Date.now, env: {}, insecureRegistries: [], registryMirrors });
}

/** Message and code of an error and of what caused it. */
function allOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return `${code} ${error.message} ${error.cause === undefined ? '' : allOf(error.cause)}`;
}

function command(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${program}: ${error?.message ?? stderr}`);
}
