/**
 * Cuts the power of a disk with a store, again and again: `node … HOW FOLDER CUTS SEED DRIVER [ROOTFS]`. With HOW `power`, in a mount
 * namespace of its own, the disk is an ext4 with a journal on a loop device; the cut is the file system's own shutdown without writing its journal
 * (FS_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH): what was not synced by then is lost, as on real hardware. Then the
 * process that worked is killed, the disk mounted again, and the next process must find every result that was reported done,
 * the one under way wholly or not at all, and nothing damaged. Prints a summary; ends with 1 at the first thing that is
 * wrong. With HOW `kill` the store lies on the disk that is there, and the process is killed; the machine goes on.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ioctl } from '../../src/sys/index.ts';
import { bundled } from '../support/bundled.ts';
import { Random } from '../support/random.ts';
import type { Change, State } from './operations.ts';

const FS_IOC_SHUTDOWN = 0x8004587d;
const NO_LOG_FLUSH = 2;
const DISK_BYTES = 1 << 29;
/** Between a moment that was chosen and the cut, at most; each second cut comes at once. */
const DELAY_MAX_MS = 40;
/** From so many cuts on it counts how long each takes: the work is bundled, and where it is only killed every eighth reads all bytes. */
const MANY = 200;
const FULL_CHECK_EVERY = 8;

const [how = '', folder = '', cuts = '1', seed = '1', ...work] = process.argv.slice(2);
const losesPower = how === 'power';
const random = new Random(Number(seed));
const disk = join(folder, 'disk');
const mountPoint = join(folder, 'mount');
/** Stands for the kernel's: another one after each cut. */
const bootId = join(folder, 'boot_id');
const isMany = Number(cuts) >= MANY;

interface Line {
  readonly state?: State;
  readonly begin?: { readonly kind: string; readonly name?: string };
  readonly done?: { readonly kind: string; readonly change?: Change };
}

/** What must be there after a cut. */
interface Expected {
  readonly names: Map<string, string>;
  /** Of the operation that was under way: may lead to what it led to, to something new or to nothing. */
  uncertain: string | undefined;
}

/** What was done before the last cut, its last item perhaps not wholly. */
let lastCut = 'none';
const interrupted = new Map<string, number>();
const done = new Map<string, number>();
const expected: Expected = { names: new Map(), uncertain: undefined };

const source = join(import.meta.dirname, 'power-cut-work.fixture.ts');
const bundleFolder = join(import.meta.dirname, `../../.cache/power-cut-${process.pid}`);
const program = isMany ? await bundled(source, bundleFolder) : source;
mkdirSync(mountPoint);
if (losesPower) makeDisk();
for (let number = 1; number <= Number(cuts) + 1; number++) {
  if (losesPower) command('mount', '-o', 'loop', disk, mountPoint);
  await oneCut(number, { cut: number <= Number(cuts) });
  if (losesPower) await unmount();
}
rmSync(bundleFolder, { recursive: true, force: true });
console.log(JSON.stringify({ cuts: Number(cuts), seed: Number(seed), done: [...done], interrupted: [...interrupted] }));

function makeDisk(): void {
  writeFileSync(disk, '');
  truncateSync(disk, DISK_BYTES);
  command('mkfs.ext4', '-q', '-F', '-O', 'has_journal', '-E', 'lazy_itable_init=0,lazy_journal_init=0', disk);
  writeFileSync(bootId, '');
  command('mount', '--bind', bootId, '/proc/sys/kernel/random/boot_id');
}

async function oneCut(number: number, { cut }: { readonly cut: boolean }): Promise<void> {
  if (losesPower) writeFileSync(bootId, `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000\n`);
  const isFull = losesPower || !isMany || !cut || number % FULL_CHECK_EVERY === 0;
  const places = [
    join(mountPoint, 'home'),
    join(folder, 'run'),
    String(random.below(1 << 30)),
    join(folder, 'context'),
    isFull ? 'full' : 'records',
    ...work,
  ];
  const child = spawn(process.execPath, ['--no-warnings', program, ...places], { stdio: ['ignore', 'pipe', 'pipe'] });
  // Counted in lines: the moment is chosen by what happens, not by a clock.
  const atLine = 2 + random.below(losesPower ? 14 : 4);
  const delayMs = random.below(2) === 0 ? 0 : random.below(DELAY_MAX_MS);
  let underWay: Line['begin'];
  let lines = 0;
  let hasCut = false;
  let problem: string | undefined;
  const told: string[] = [];
  const take = (line: Line): void => {
    lines++;
    if (line.state !== undefined) problem = compare(line.state);
    if (line.begin !== undefined) {
      underWay = line.begin;
      told.push(`${line.begin.kind} ${line.begin.name ?? ''}`);
    }
    if (line.done !== undefined) {
      underWay = undefined;
      count(done, line.done.kind);
      apply(line.done.change);
    }
    const endsHere = problem !== undefined || (!cut && line.state !== undefined);
    if (endsHere) child.kill('SIGKILL');
    else if (cut && lines === atLine) void pause(delayMs).then(cutPower);
  };
  const cutPower = (): void => {
    hasCut = true;
    if (losesPower) shutDown();
    child.kill('SIGKILL');
  };
  const shutDown = (): void => {
    const fd = openSync(mountPoint, constants.O_RDONLY);
    const flags = new Uint8Array(new Uint32Array([NO_LOG_FLUSH]).buffer);
    ioctl(fd, FS_IOC_SHUTDOWN, flags);
    closeSync(fd);
  };
  const errors = await linesOf(child, take);
  if (problem === undefined && cut && !hasCut) problem = `it ended by itself:\n${errors}`;
  if (problem === undefined && lines === 0) problem = `it did not get as far as to look at the store:\n${errors}`;
  if (problem !== undefined) throw new Error(`seed ${seed}, after cut ${number - 1} (${lastCut}): ${problem}`);
  lastCut = `after ${told.join(', ')}`;
  expected.uncertain = underWay?.name;
  if (underWay !== undefined) count(interrupted, underWay.kind);
}

/** What is wrong with a state after a cut; nothing when it is as expected, and then it is what to expect from now on. */
function compare({ findings, names }: State): string | undefined {
  if (findings.length > 0) return `damaged: ${findings.join('; ')}`;
  for (const name of new Set([...Object.keys(names), ...expected.names.keys()])) {
    if (name === expected.uncertain) continue;
    const [found, wanted] = [names[name], expected.names.get(name)];
    if (found !== wanted) return `${name} leads to ${found ?? 'nothing'}, and ${wanted ?? 'nothing'} was reported`;
  }
  expected.names.clear();
  for (const [name, id] of Object.entries(names)) expected.names.set(name, id);
  return undefined;
}

function apply(change: Change | undefined): void {
  if (change?.id !== undefined) expected.names.set(change.name, change.id);
  else if (change !== undefined) expected.names.delete(change.name);
}

/** Hands on each line that a process prints; gives what it wrote to stderr once it has ended. */
async function linesOf(child: ChildProcess, take: (line: Line) => void): Promise<string> {
  let rest = '';
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) take(JSON.parse(part) as Line); // Of the program beside this one.
  });
  await new Promise((resolve) => child.on('close', resolve));
  return errors;
}

async function unmount(): Promise<void> {
  await until('the disk can be unmounted', () => spawnSync('umount', [mountPoint]).status === 0);
  // What the process had started may be ending still, in a mount namespace with a view of the disk: the file system that lost
  // its power would write its superblock as it goes, over that of the next mount, and take its journal away.
  await until('nobody has the disk', () => spawnSync('losetup', ['-j', disk], { encoding: 'utf8' }).stdout === '');
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let attempts = 0; !isSo(); attempts++) {
    if (attempts === 3000) throw new Error(`a minute went by before ${what}`);
    await pause(20);
  }
}

function count(counts: Map<string, number>, kind: string): void {
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}

function command(name: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(name, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${error?.message ?? stderr}`);
}
