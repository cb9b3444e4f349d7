/**
 * Some commands on a store that others work on too: `node … HOME RUN CONTEXT HOST SEED COUNT ENDS`, until a time, but never less than three. Prints a line for each as it
 * ends: what it was, when it began and ended, and what it found or did.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isShaleError } from '../../src/base/index.ts';
import { openEngine, type Engine } from '../../src/engine/index.ts';
import { buildWith } from '../support/lab.ts';
import { Random } from '../support/random.ts';

/** One command, as the history has it. Times in milliseconds since 1970. */
export interface Command {
  readonly kind: 'build' | 'pull' | 'tag' | 'remove' | 'prune' | 'read';
  /** The name that was written or read; absent for prune. */
  readonly name?: string;
  readonly begin: number;
  readonly end: number;
  /** What the name led to, or leads to now; null: nowhere. Absent: the command failed, and changed nothing. */
  readonly id?: string | null;
  /** Why it failed. */
  readonly code?: string;
  readonly message?: string;
}

const [home = '', runRoot = '', context = '', host = '', seed = '', count = '', ends = ''] = process.argv.slice(2);
const random = new Random(Number(seed));
const watch = { signal: AbortSignal.timeout(120_000) };
const SLOTS = 3;
const VARIANTS = 4;
const IMAGES = 3;
/** On a slow machine the time is over before a process has begun. */
const LEAST = 3;

await using engine = await openEngine({ home, runRoot, now: Date.now, env: {}, insecureRegistries: [] });
for (let i = 0; i < Number(count) && (i < LEAST || Date.now() < Number(ends)); i++) {
  await tell(one(engine));
  await pause(random.below(5));
}
engine[Symbol.asyncDispose]().then(
  () => process.exit(0),
  () => process.exit(1),
);

interface Work extends Pick<Command, 'kind' | 'name'> {
  /** Gives what the name leads to then. */
  readonly carryOut: () => Promise<string | null>;
}

async function tell({ kind, name, carryOut }: Work): Promise<void> {
  const begin = Date.now();
  const outcome = await carryOut().then(
    (id) => ({ id }),
    (error: unknown) => {
      if (!isShaleError(error)) throw error;
      return { code: error.code, message: error.message };
    },
  );
  const command: Command = { kind, ...(name !== undefined && { name }), begin, end: Date.now(), ...outcome };
  console.log(JSON.stringify(command));
}

/** Names are of the registry on loopback, so that one which leads nowhere is asked for there. */
function one(work: Engine): Work {
  const name = `${host}/local:${random.below(SLOTS)}`;
  const pulled = `${host}/team/app:${random.below(IMAGES)}`;
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      return { kind: 'build', name, carryOut: () => build(work, name, random.below(3) === 0 ? pulled : name) };
    case 3:
    case 4:
      return { kind: 'pull', name: pulled, carryOut: async () => (await work.pull({ image: pulled }, watch)).imageId };
    case 5:
      return { kind: 'tag', name, carryOut: () => tag(work, name) };
    case 6: {
      const gone = random.below(4) === 0 ? pulled : name;
      return { kind: 'remove', name: gone, carryOut: () => remove(work, gone) };
    }
    case 7:
      return { kind: 'prune', carryOut: () => prune(work) };
    default:
      return { kind: 'read', name, carryOut: () => read(work, name) };
  }
}

/** Of few kinds, so that others build the same at the same time. */
async function build(work: Engine, name: string, base: string): Promise<string> {
  const folder = join(context, `${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const variant = random.below(VARIANTS);
  for (let i = 0; i < 3; i++) writeFileSync(join(folder, `f${i}`), `${variant} ${i}\n`.repeat(2000 * (i + variant)));
  const from = random.below(2) === 0 ? 'scratch' : base;
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${from}\nCOPY f0 f1 /d/\nCOPY f2 /${variant}\n`);
  return (await buildWith(work, folder, { tags: [name] })).imageId;
}

async function tag(work: Engine, name: string): Promise<string | null> {
  const ids = (await work.images({ all: true })).map(({ id }) => id);
  const id = random.pick(ids);
  if (id === undefined) return await read(work, name);
  await work.tag(id, name);
  return id;
}

async function remove(work: Engine, name: string): Promise<null> {
  await work.removeImage(name, { force: random.below(2) === 0 });
  return null;
}

async function prune(work: Engine): Promise<null> {
  const what = random.pick([['images'], ['build-cache'], ['images', 'build-cache']] as const) ?? [];
  await work.prune({ what, all: random.below(3) === 0 }, watch);
  return null;
}

/** Where a name leads, and sometimes all that it leads to. */
async function read(work: Engine, name: string): Promise<string | null> {
  let id: string;
  try {
    id = String((await work.inspect(name, 'image'))['Id']);
  } catch (error) {
    if (isShaleError(error, 'IMAGE_NOT_FOUND')) return null;
    throw error;
  }
  if (random.below(2) === 0) return id;
  // Every byte is compared with its digest on the way out. The image may be removed before this begins.
  try {
    for await (const _chunk of work.save({ images: [id], format: 'docker' }, watch));
  } catch (error) {
    if (!isShaleError(error, 'IMAGE_NOT_FOUND')) throw error;
  }
  return id;
}
