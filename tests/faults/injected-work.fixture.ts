/**
 * One operation in which something fails: `node --import inject.fixture.ts … HOME RUN CONTEXT SEED KIND FAULT N NAMES [ROOTFS]`.
 * Prints `{"points": […]}` with what could have failed up to the end, and `{"done": …}` or `{"failed": …}`.
 */
import { openEngine } from '../../src/engine/index.ts';
import { Random } from '../support/random.ts';
import type { Fault } from './inject.fixture.ts';
import { type Kind, operation, serve, upstream } from './operations.ts';

const [home = '', runRoot = '', context = '', seed = '0', kind, fault, at = '0', names = '', rootfs] =
  process.argv.slice(2);

const { mirrors: registryMirrors } = await upstream();
const engine = await openEngine({ home, runRoot, now: Date.now, env: {}, insecureRegistries: [], registryMirrors });
const { url: served } = await serve(engine);
const work = { engine, served, random: new Random(Number(seed)), context, rootfs, names: new Set(names.split(' ')) };
const next = operation(kind as Kind, work); // As the caller says.
if (next === undefined) throw new Error(`nothing to do for ${kind}`);
globalThis.shaleFaults?.arm(fault as Fault, Number(at)); // As the caller says.
const outcome = await next.carryOut().then(
  (change) => ({ done: change ?? null }),
  (error: unknown) => ({
    failed: String(error),
    code: error instanceof Error && 'code' in error ? error.code : undefined,
  }),
);
const points = globalThis.shaleFaults?.disarm() ?? [];
process.stdout.write(`${JSON.stringify({ ...outcome, points })}\n`);
process.exit(0);
