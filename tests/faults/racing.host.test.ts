/**
 * Eight commands at a time on one store, which build, pull, tag, remove, prune and read the same images and others: none fails
 * because of another but where a name led nowhere; each saw and did what one order of all of them explains; no layer was
 * fetched twice at once; and all that is left is whole. SHALE_TEST_LONG=1 goes on for five minutes, with a seed that it prints.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openEngine } from '../../src/engine/index.ts';
import { imageOf, layerOf, seed as seedRegistry } from '../support/image-of.ts';
import { sha256 } from '../support/oci-layout.ts';
import { startScriptedRegistry } from '../support/scripted-registry.ts';
import type { Command } from './racing-work.fixture.ts';

const LONG = process.env['SHALE_TEST_LONG'] === '1';
const SECONDS = Number(process.env['SHALE_TEST_SECONDS'] ?? (LONG ? 300 : 4));
const SEED = Number(process.env['SHALE_TEST_SEED'] ?? (LONG ? Date.now() % 1_000_000 : 5));
const LANES = 8;
const COMMANDS_EACH = 15;
/** A layer takes this long to come, so that another may want it meanwhile. */
const FETCH_MS = 60;
/** By how much times of two processes may be apart. */
const CLOCK_MS = 3;

/** What a command may be told when another was faster; nothing else may go wrong. */
const LEADS_NOWHERE = /^(?:IMAGE_NOT_FOUND|BASE_IMAGE_NOT_FOUND|MANIFEST_UNKNOWN|NAME_UNKNOWN|TAG_NOT_FOUND)$/;

interface Move {
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly at: number;
}

test(
  `F-147, F-149, F-154: ${LANES} processes race on one store for ${SECONDS} s`,
  { timeout: SECONDS * 2000 + 300_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'shale-racing-'));
    try {
      const images = [0, 1, 2].map((n) => imageOf([layerOf('shared', 30_000), layerOf(`own${n}`, 9000)]));
      const fetches = new Fetches(images.flatMap(({ layers }) => layers.map(({ packed }) => sha256(packed))));
      await using registry = await startScriptedRegistry({ instead: fetches.delay });
      seedRegistry(registry, Object.fromEntries(images.entries()));
      fetches.blobs = registry.blobs;
      const history = await race(folder, registry.host);
      assert.ok(history.length >= LANES);
      const failed = history.filter(({ code }) => code !== undefined && !LEADS_NOWHERE.test(code));
      assert.deepEqual(failed, [], `seed ${SEED}`);
      assert.deepEqual(fetches.atOnce, [], `seed ${SEED}: layers fetched twice at once`);
      explain(history, movesIn(folder));
      await requireWhole(folder);
      const kinds = Object.groupBy(history, ({ kind, code }) => (code === undefined ? kind : `${kind} of nothing`));
      const counts = Object.entries(kinds).map(([kind, all]) => `${kind} ${all?.length}`);
      t.diagnostic(`seed ${SEED}: ${history.length} commands (${counts.join(', ')}), ${fetches.count} layers fetched`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

/** Looks on while layers are fetched. */
class Fetches {
  readonly atOnce: string[] = [];
  count = 0;
  blobs: ReadonlyMap<string, Buffer> = new Map();
  readonly #layers: readonly string[];
  readonly #active = new Set<string>();

  constructor(layers: readonly string[]) {
    this.#layers = layers;
  }

  readonly delay: NonNullable<NonNullable<Parameters<typeof startScriptedRegistry>[0]>['instead']> = (
    request,
    response,
  ) => {
    const hex = this.#layers.find((one) => request.url?.endsWith(`/blobs/sha256:${one}`));
    const bytes = hex === undefined ? undefined : this.blobs.get(hex);
    if (hex === undefined || bytes === undefined || request.method !== 'GET') return false;
    this.count++;
    if (this.#active.has(hex)) this.atOnce.push(hex);
    this.#active.add(hex);
    response.once('close', () => this.#active.delete(hex));
    setTimeout(() => response.writeHead(200, { 'content-length': bytes.length }).end(bytes), FETCH_MS);
    return true;
  };
}

async function race(folder: string, host: string): Promise<readonly Command[]> {
  const history: Command[] = [];
  const ends = Date.now() + SECONDS * 1000;
  await Promise.all(
    Array.from({ length: LANES }, async (_, lane) => {
      for (let turn = 0; Date.now() < ends; turn++) {
        const places = ['home', 'run', 'context'].map((name) => join(folder, name));
        const args = [...places, host, String(SEED * 10_000 + lane * 1000 + turn), String(COMMANDS_EACH), String(ends)];
        history.push(...(await work(args)));
      }
    }),
  );
  return history;
}

async function work(args: readonly string[]): Promise<readonly Command[]> {
  const program = join(import.meta.dirname, 'racing-work.fixture.ts');
  const child = spawn(process.execPath, ['--no-warnings', program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const status = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Command); // Of the program beside this one.
}

/** The order in which tags were moved, as the store has it, and that it has no gap. */
function movesIn(folder: string): readonly Move[] {
  const db = new DatabaseSync(join(folder, 'home/shale.db'), { readOnly: true });
  const digest = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  const moves = db
    .prepare('SELECT * FROM tag_log ORDER BY seq')
    .all()
    .map((row) => ({
      name: String(row['name']),
      from: digest(row['from_digest']),
      to: digest(row['to_digest']),
      at: Number(row['at']),
    }));
  const tags = new Map<string, string | null>();
  for (const move of moves) {
    assert.equal(move.from, tags.get(move.name) ?? null, `${move.name} has a gap in its history`);
    tags.set(move.name, move.to);
  }
  const last = new Map(
    db
      .prepare('SELECT name, digest FROM tags')
      .all()
      .map((row) => [row['name'], row['digest']]),
  );
  for (const [name, to] of tags) assert.equal(last.get(name) ?? null, to, `${name} is not where its history ends`);
  db.close();
  return moves;
}

/**
 * What each command saw or did is what its name led to after some number of all moves, in the store's order: not fewer than
 * those that commands had reported before it began, and none that was begun after it had ended.
 */
function explain(history: readonly Command[], moves: readonly Move[]): void {
  const reported = history
    .map((command) => ({ end: command.end, done: movesDoneBy(command, moves) }))
    .toSorted((a, b) => a.end - b.end);
  for (const command of history.toSorted((a, b) => a.begin - b.begin)) {
    const { name, id, begin, end } = command;
    if (name === undefined || id === undefined) continue;
    const least = Math.max(0, ...reported.filter((one) => one.end < begin - CLOCK_MS).map(({ done }) => done));
    const later = moves.findIndex(({ at }) => at > end + CLOCK_MS);
    const most = later < 0 ? moves.length : later;
    const before = moves.slice(0, least).findLast((move) => move.name === name)?.to ?? null;
    const during = moves.slice(least, most).filter((move) => move.name === name);
    const possible = [before, ...during.map(({ to }) => to)];
    assert.ok(
      possible.includes(id),
      `seed ${SEED}: ${JSON.stringify(command)} is explained by none of ${possible.join(', ')}`,
    );
  }
}

/** How many moves there were at least once a command had ended: up to its own, where it made one. */
function movesDoneBy({ kind, name, id, begin, end }: Command, moves: readonly Move[]): number {
  if (id === undefined || kind === 'read' || kind === 'prune') return 0;
  const own = moves.findIndex(
    (move) => move.name === name && move.to === id && move.at >= begin - CLOCK_MS && move.at <= end + CLOCK_MS,
  );
  return own + 1;
}

async function requireWhole(folder: string): Promise<void> {
  const places = { home: join(folder, 'home'), runRoot: join(folder, 'run') };
  await using engine = await openEngine({ ...places, now: Date.now, env: {}, insecureRegistries: [] });
  const watch = { signal: AbortSignal.timeout(120_000) };
  assert.deepEqual((await engine.check({ full: true, repair: false }, watch)).findings, [], `seed ${SEED}`);
  for (const { id } of await engine.images({ all: true }))
    for await (const _chunk of engine.save({ images: [id], format: 'docker' }, watch));
  await engine.prune({ what: ['images', 'build-cache'], all: true }, watch);
  assert.deepEqual((await engine.check({ full: true, repair: false }, watch)).findings, [], `seed ${SEED}`);
  assert.deepEqual(readdirSync(join(places.home, 'blobs/sha256')), [], `seed ${SEED}: nothing is kept for nobody`);
  const staged = readdirSync(join(places.home, 'ingest'));
  assert.deepEqual(staged, [], `seed ${SEED}: nothing is left of those that have ended`);
}
