/**
 * One process that builds, runs, commits, removes and prunes, over and over: memory, descriptors, files and disk are afterwards what
 * they were after the first tenth. SHALE_TEST_LONG=1 does it 2,000 times.
 */
import assert from 'node:assert/strict';
import { lstatSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import koffi from 'koffi';
import { collectGarbage } from '../../src/base/index.ts';
import type { Watch } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { compareLeaks, takeLeakSnapshot, type LeakSnapshot } from '../support/leaks.ts';
import { containerRequest } from '../support/requests.ts';

const CYCLES = process.env['SHALE_TEST_LONG'] === '1' ? 2000 : 40;
const WARM_UP = CYCLES / 10;
const PRUNE_EVERY = 20;

/** Indexes of the latest layers are kept open, 8 kB for each of these; signals that end by time live for two minutes. */
const HEAP_GROWTH_MAX = 24 * 1024 * 1024;
const RSS_GROWTH_MAX = 64 * 1024 * 1024;
/** Events and moves of tags are kept on purpose, and pages of the database that were needed once. */
const HISTORY_BYTES_PER_CYCLE_MAX = 16 * 1024;

const mallocTrim = koffi.load('libc.so.6').func('int malloc_trim(size_t pad)');

interface State {
  readonly leaks: LeakSnapshot;
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly files: number;
  readonly diskBytes: number;
  readonly historyBytes: number;
}

test(
  `${CYCLES} builds and runs in one process leave memory, descriptors, files and disk as they were`,
  { skip: BUSYBOX.missing || cannotRun, timeout: 7_200_000 },
  async (t) => {
    await using lab = await Lab.open();
    await lab.importBusybox();
    const context = lab.context({ Dockerfile: 'FROM busybox\nCOPY f /f\nRUN cat /f > /g\n', f: '' });
    let warm: State | undefined;
    for (let number = 0; number < CYCLES; number++) {
      writeFileSync(join(context, 'f'), `${number}\n`.repeat(100 + (number % 50)));
      await cycle(lab, context, number);
      if (number % PRUNE_EVERY === PRUNE_EVERY - 1) await tidy(lab);
      if (number + 1 === WARM_UP) warm = await stateOf(lab);
    }
    const end = await stateOf(lab);
    assert.ok(warm !== undefined);
    t.diagnostic(`after ${WARM_UP}: ${shown(warm)}; after ${CYCLES}: ${shown(end)}`);
    assert.deepEqual(compareLeaks(warm.leaks, end.leaks), []);
    assert.equal(end.files, warm.files);
    assert.ok(end.diskBytes <= warm.diskBytes, `${end.diskBytes} bytes on disk, ${warm.diskBytes} before`);
    assert.ok(end.heapBytes <= warm.heapBytes + HEAP_GROWTH_MAX, `heap ${end.heapBytes}, ${warm.heapBytes} before`);
    assert.ok(end.rssBytes <= warm.rssBytes + RSS_GROWTH_MAX, `memory ${end.rssBytes}, ${warm.rssBytes} before`);
    const perCycle = (end.historyBytes - warm.historyBytes) / (CYCLES - WARM_UP);
    assert.ok(perCycle <= HISTORY_BYTES_PER_CYCLE_MAX, `the history grows by ${perCycle} bytes each time`);
    assert.deepEqual((await lab.engine.check({ full: true, repair: false }, watch())).findings, []);
  },
);

/** A build of what was never there, a run of it in one of three ways, and its image renamed or removed. */
async function cycle(lab: Lab, context: string, number: number): Promise<void> {
  const { engine } = lab;
  await lab.build(context, { tags: ['soak:latest'] });
  const command = ['sh', '-c', `test "$(head -n 1 /g)" = ${number} && echo ${number} > /h`];
  const inFront = number % 3 === 0;
  const request = { network: 'none', removeWhenDone: inFront, detach: !inFront } as const;
  const started = await engine.run(containerRequest('soak', command, request), watch());
  const id = started.containerId;
  if (inFront) return assert.equal(await started.exit, 0);
  assert.equal(await engine.wait(id, watch()), 0);
  if (number % 3 === 1) {
    await engine.commit({ container: id, tag: `kept:${number}`, changes: [], pause: true }, watch());
    await engine.removeImage(`kept:${number}`, { force: false });
  }
  await engine.removeContainer(id, { force: false, volumes: true });
}

async function tidy(lab: Lab): Promise<void> {
  await lab.engine.prune({ what: ['containers', 'images', 'build-cache'], all: false }, watch());
}

/** As it is when nothing is kept that may go. */
async function stateOf(lab: Lab): Promise<State> {
  await lab.engine.prune({ what: ['containers', 'images', 'build-cache'], all: true }, watch());
  await lab.importBusybox();
  await lab.engine.pruneBuilds({ keep: 0 });
  // What is free, and V8 or the allocator keep for later, is not held by anybody.
  collectGarbage({ shrinks: true });
  mallocTrim(0);
  const entries = readdirSync(lab.home, { recursive: true, encoding: 'utf8' });
  const files = entries
    .map((name) => ({ name, stat: lstatSync(join(lab.home, name)) }))
    .filter(({ stat }) => !stat.isDirectory());
  const sizes = files.map(({ name, stat }) => ({ name, sizeBytes: stat.size }));
  const isHistory = ({ name }: { readonly name: string }): boolean => /^(shale\.db|tags\.log)/.test(name);
  const sum = (of: typeof sizes): number => of.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    leaks: takeLeakSnapshot(lab.folder),
    heapBytes: heapUsed + external,
    rssBytes: rss,
    files: sizes.length,
    diskBytes: sum(sizes.filter((file) => !isHistory(file))),
    historyBytes: sum(sizes.filter(({ name }) => name === 'shale.db' || name === 'tags.log')),
  };
}

function shown({ leaks, heapBytes, rssBytes, files, diskBytes, historyBytes }: State): string {
  const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
  return (
    `heap ${megabytes(heapBytes)}, memory ${megabytes(rssBytes)}, ${leaks.descriptors.length} descriptors, ` +
    `${files} files, ${megabytes(diskBytes)}, history ${megabytes(historyBytes)}`
  );
}

function watch(): Watch {
  return { signal: AbortSignal.timeout(120_000) };
}
