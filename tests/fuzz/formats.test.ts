/**
 * Mutated files of every format that comes from outside: reading one ends soon, throws nothing but errors of ours, and what it
 * gives holds what `targets.ts` says. Files that once failed are in `findings/` and are tried first. Each round has a number;
 * `SHALE_FUZZ_ROUND` runs one again. SHALE_TEST_LONG=1 takes an hour for all.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isShaleError } from '../../src/base/index.ts';
import { Random } from '../support/random.ts';
import { mutate } from './mutate.ts';
import { type Target, TARGETS } from './targets.ts';

const LONG = process.env['SHALE_TEST_LONG'] === '1';
const ALL_SECONDS = Number(process.env['SHALE_TEST_SECONDS'] ?? (LONG ? 3600 : 10));
const SECONDS = ALL_SECONDS / TARGETS.length;
const FIRST = process.env['SHALE_FUZZ_ROUND'];
/** Each run of a long one begins elsewhere. */
const START = FIRST === undefined ? (LONG ? Date.now() % 1e9 : 0) : Number(FIRST);
/** Milliseconds for one file. Others use the machine too: a hang takes for ever, a slow moment does not. */
const LIMIT_MS = 10_000;
const SIZE_MAX = 100_000;

for (const target of TARGETS) {
  const row = target.name === 'ignore file' ? 'F-210: ' : '';
  test(`${row}mutated: ${target.name}`, { timeout: SECONDS * 3000 + 120_000 }, async (t) => {
    await replay(target);
    const seeds = target.seeds();
    // What is whole is taken: a target that refuses everything tries nothing.
    for (const bytes of target.refusals === true ? seeds.slice(0, 1) : seeds)
      assert.ok(await isTaken(target, bytes), bytes.toString('latin1').slice(0, 1000));
    const material = { others: seeds, tokens: target.tokens, binary: target.binary ?? false };
    const ends = performance.now() + SECONDS * 1000;
    let round = START;
    let taken = 0;
    for (; performance.now() < ends && (FIRST === undefined || round === START); round++) {
      const random = new Random(round);
      const mutated = mutate(random.pick(seeds) ?? Buffer.alloc(0), random, material).subarray(0, SIZE_MAX);
      const bytes = target.mend?.(mutated, random) ?? mutated;
      if (await holds(target, bytes, random, `SHALE_FUZZ_ROUND=${round}`)) taken++;
      // Lets the runner's time limit be heard.
      if (round % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    t.diagnostic(`${round - START} files from round ${START}, ${taken} of them taken`);
  });
}

async function replay(target: Target): Promise<void> {
  const folder = join(import.meta.dirname, 'findings', target.name.replaceAll(' ', '-'));
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const bytes = Buffer.from(readFileSync(join(folder, name), 'latin1').trim(), 'base64');
    for (let seed = 0; seed < 20; seed++) await holds(target, Buffer.from(bytes), new Random(seed), name);
  }
}

/** By some of what is asked of it, such as a media type. */
async function isTaken(target: Target, bytes: Buffer): Promise<boolean> {
  for (let seed = 0; seed < 20; seed++)
    if (await holds(target, Buffer.from(bytes), new Random(seed), 'a whole file')) return true;
  return false;
}

/** Whether a file is taken; throws when it fails in a way that nothing may fail. */
async function holds({ check }: Target, bytes: Buffer, random: Random, what: string): Promise<boolean> {
  const started = performance.now();
  try {
    await check(bytes, random);
    return true;
  } catch (error) {
    if (isShaleError(error) && error.code !== 'INVARIANT') return false;
    throw new Error(`${what} fails on ${bytes.toString('base64').slice(0, 20_000)}`, { cause: error });
  } finally {
    const took = performance.now() - started;
    assert.ok(took < LIMIT_MS, `${what} took ${took} ms: ${bytes.toString('base64').slice(0, 20_000)}`);
  }
}
