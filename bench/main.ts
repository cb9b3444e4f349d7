/**
 * `npm run bench [-- NAME…] [--json FILE] [--rounds N] [--only CONTENDER,…] [--save]`: shale as it is published, the lab's
 * peers that are up and the bare limit, side by side, one after the other in every round. See README.md.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findLab, findPeers, shaleContender } from './contenders.ts';
import { measure, run, type Sample } from './measure.ts';
import { formatResults, resultOf, type Results, type RowResult } from './report.ts';
import { makeBundle, packShale } from './stage.ts';
import type { Bench, Command, Contender, Row, Workload } from './types.ts';
import { base } from './workloads/base.ts';
import { cacheImport } from './workloads/cache-import.ts';
import { cached } from './workloads/cached.ts';
import { containers } from './workloads/containers.ts';
import { file1g } from './workloads/file1g.ts';
import { files20k } from './workloads/files20k.ts';
import { files200k } from './workloads/files200k.ts';
import { lint } from './workloads/lint.ts';
import { lock } from './workloads/lock.ts';
import { run as runWorkload } from './workloads/run.ts';
import { run30 } from './workloads/run30.ts';
import { instructions2000 } from './workloads/instructions2000.ts';
import { stages4 } from './workloads/stages4.ts';
import { transfers } from './workloads/transfers.ts';

const WORKLOADS: readonly Workload[] = [
  cached,
  cacheImport,
  runWorkload,
  containers,
  files20k,
  files200k,
  file1g,
  run30,
  stages4,
  instructions2000,
  lint,
  base,
  lock,
  transfers,
];
/** What takes longer than this is measured this often. */
const LONG_SECONDS = 4;
const LONG_ROUNDS = 3;
const BUSYBOX = 'busybox:latest';
const root = join(import.meta.dirname, '..');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
});
const unknown = positionals.filter((name) => !WORKLOADS.some((workload) => workload.name === name));
if (unknown.length > 0) {
  console.error(`bench: no workload ${unknown.join(', ')}; there are ${WORKLOADS.map(({ name }) => name).join(', ')}`);
  process.exit(125);
}

const lab = findLab(process.env);
const place = mkdtempSync(join(existsSync(lab.data) ? lab.data : tmpdir(), 'shale-bench-'));
try {
  await main();
} finally {
  rmSync(place, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const bench = prepare();
  const chosen = WORKLOADS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const rows: RowResult[] = [];
  for (const row of chosen.flatMap((workload) => workload.rows(bench))) {
    rows.push(measureRow(row, bench.contenders));
    report(bench, rows);
  }
  console.log(`\n${formatResults(report(bench, rows))}`);
}

/** Everything that is not measured: the pack, the base image in every store, the bundle. */
function prepare(): Bench {
  const { contenders: peers, absent } = findPeers(lab);
  if (absent.length > 0) console.error(`bench: left out, the lab has not started them: ${absent.join(', ')}`);
  const program = packShale(join(place, 'shale'));
  const shale = shaleContender(program, join(place, 'store'));
  const contexts = join(existsSync(lab.data) ? join(lab.data, '..') : tmpdir(), 'shale-bench-contexts');
  const scratch = join(place, 'scratch');
  for (const folder of [contexts, scratch]) mkdirSync(folder, { recursive: true });
  const rootfs = join(process.env['SHALE_SHARED'] ?? join(root, '../shared'), 'fixtures/busybox-rootfs.tar.gz');
  const shaleCommand = (...args: readonly string[]): string =>
    run({ args: [program, ...args], env: shale.run('', 'none')?.env ?? {} });
  shaleCommand('import', rootfs, BUSYBOX);
  const archive = join(place, 'busybox.tar');
  shaleCommand('save', '-o', archive, BUSYBOX);
  for (const name of ['docker', 'podman'])
    if (peers.some((peer) => peer.name === name)) run({ args: [join(lab.bin, name), 'load', '-q', '-i', archive] });
  const bundle = makeBundle(join(place, 'bundle'), rootfs);
  const only = values.only?.split(',');
  return {
    contexts,
    scratch,
    bundle,
    images: lab.images,
    contenders: [shale, ...peers].filter(({ name }) => only === undefined || only.includes(name)),
  };
}

/** Round by round over the contenders, so that a slow minute of the machine hits all of them. */
function measureRow(row: Row, contenders: readonly Contender[]): RowResult {
  const samples: Record<string, Sample[]> = {};
  const failures: Record<string, string> = {};
  const able = contenders.filter((contender) => row.command(contender) !== undefined);
  const rounds = values.rounds === undefined ? row.rounds : Number(values.rounds);
  for (let round = -row.warmups; round < rounds; round++) {
    for (const contender of [...(row.limit === undefined ? [] : ['limit' as const]), ...able]) {
      const name = contender === 'limit' ? 'limit' : contender.name;
      const command: Command | undefined = contender === 'limit' ? row.limit : row.command(contender);
      if (command === undefined || failures[name] !== undefined || isEnough(samples[name])) continue;
      try {
        row.prepare?.(contender);
        run({ args: ['sync'] });
        const sample = measure(command, contender === 'limit' ? undefined : contender.daemonPidFile);
        if (round >= 0) (samples[name] ??= []).push(sample);
      } catch (error) {
        failures[name] = error instanceof Error ? error.message : String(error);
        console.error(`bench: ${row.name}: ${name}: ${failures[name]}`);
      }
    }
  }
  for (const contender of able) row.finish?.(contender);
  console.error(`bench: ${row.name} done, load ${loadavg()[0]?.toFixed(1)}`);
  return resultOf(row, samples, failures);
}

/** Runs that take long vary little. */
function isEnough(samples: readonly Sample[] = []): boolean {
  return samples.length >= LONG_ROUNDS && samples.every(({ wallSeconds }) => wallSeconds > LONG_SECONDS);
}

/** Writes what there is so far, so that a run that is cut short is not lost. */
function report(bench: Bench, rows: readonly RowResult[]): Results {
  const date = new Date().toISOString();
  const results: Results = {
    date,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Linux ${release()}, Node ${process.versions.node}`,
    load: loadavg(),
    columns: ['limit', ...bench.contenders.map(({ name }) => name)],
    rows,
  };
  const file = values.json ?? (values.save ? join(root, `bench/results/${date.slice(0, 10)}.json`) : undefined);
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
  if (values.save) writeFileSync(join(root, 'docs/performance.md'), performancePage(results));
  return results;
}

function performancePage(results: Results): string {
  return `# Performance

Seconds, medians of one run of \`npm run bench\` on ${results.date.slice(0, 10)} (${results.machine}). Everything ran on one
ext4 with a journal, one after the other, round by round. The limit is what the same work costs without any of them;
\`bench/README.md\` says how it is measured, \`bench/results/\` has every sample.

${formatResults(results)}`;
}
