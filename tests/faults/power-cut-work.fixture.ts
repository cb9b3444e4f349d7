/**
 * What a power cut interrupts: `node … HOME RUN SEED CONTEXT CHECK DRIVER [ROOTFS]`; CHECK is `full` where every byte of the store is to
 * be read first, or `records`; DRIVER mounts layers, and with the archive of a root file system builds have RUN steps too. Opens the store of a disk that is back, says in what state it is
 * (`{"state": …}`), then does one operation after another until it is killed or one fails: `{"begin": …}` before each,
 * `{"done": …}` when it was reported done. A line each, JSON.
 */
import { openEngine } from '../../src/engine/index.ts';
import { Random } from '../support/random.ts';
import { type Kind, operation, serve, stateOf, upstream } from './operations.ts';

const [home = '', runRoot = '', seed = '0', context = '', check = '', driver = '', rootfs] = process.argv.slice(2);

/** The more often a kind stands here, the more often it comes. */
const MIX: readonly Kind[] = [
  ...(['import', 'import', 'build', 'build'] as const),
  ...(['run', 'push', 'pull', 'lock', 'base', 'tag', 'commit', 'load', 'rmi', 'prune'] as const),
];

const { mirrors: registryMirrors } = await upstream();
await using engine = await openEngine({
  home,
  runRoot,
  now: Date.now,
  env: {},
  insecureRegistries: [],
  registryMirrors,
  ...((driver === 'erofs' || driver === 'unpack') && { mountDriver: driver }),
});
const { url: served } = await serve(engine);
const state = await stateOf({ engine, served }, { full: check === 'full' });
say({ state });
const names = new Set(Object.keys(state.names));
const random = new Random(Number(seed));
for (;;) {
  const next = operation(random.pick(MIX) ?? 'import', { engine, served, random, context, rootfs, names });
  if (next === undefined) continue;
  say({ begin: { kind: next.kind, name: next.name } });
  const change = await next.carryOut();
  say({ done: { kind: next.kind, change } });
  if (change?.id !== undefined) names.add(change.name);
  else if (change !== undefined) names.delete(change.name);
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
