import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GraphBuilder, type Graph, type ProgressEvent, type Vertex, type VertexId } from '../graph/index.ts';
import { shareWork, solve } from './solver.ts';
import type { ActionCache, EarlierStep, Operations, SharedWork, Solved, StepRecord } from './types.ts';

const PLATFORM = { os: 'linux', architecture: 'amd64' };

/** A graph of exec steps: `steps` maps a name to the names of its inputs. */
function graphOf(
  steps: Record<string, readonly string[]>,
  commands: Record<string, string> = {},
): { graph: Graph; ids: Map<string, VertexId> } {
  const builder = new GraphBuilder();
  const ids = new Map<string, VertexId>();
  for (const [name, inputs] of Object.entries(steps)) {
    const op = { kind: 'context', name: commands[name] ?? name } as const;
    const inputIds = inputs.map((input) => idOf(ids, input));
    ids.set(
      name,
      builder.add({
        op,
        inputs: inputIds,
        platform: PLATFORM,
        name,
        origin: [],
        noCache: false,
        slot: name,
        command: name,
      }),
    );
  }
  return { graph: builder.finish([...ids.values()]), ids };
}

function idOf(ids: ReadonlyMap<string, VertexId>, name: string): VertexId {
  const id = ids.get(name);
  assert.ok(id !== undefined);
  return id;
}

class MemoryCache implements ActionCache {
  readonly records: (StepRecord & { recordId: string })[] = [];
  readonly keys = new Map<string, string>();

  async find(key: string): Promise<{ recordId: string; stored: string } | undefined> {
    const recordId = this.keys.get(key);
    return this.records.find((record) => record.recordId === recordId);
  }
  async save(record: StepRecord): Promise<void> {
    const recordId = `r${this.records.length}`;
    this.records.push({ ...record, recordId });
    for (const key of record.keys) this.keys.set(key, recordId);
  }
  async link(key: string, recordId: string): Promise<void> {
    this.keys.set(key, recordId);
  }
  async *earlier(slot: string, max: number): AsyncGenerator<EarlierStep> {
    yield* this.records
      .filter((record) => record.slot === slot)
      .toReversed()
      .slice(0, max);
  }
}

/** Results are texts; `contents` says what a step's own files hold, `outputs` what it gives. */
interface World {
  readonly ran: string[];
  readonly contents: Record<string, string>;
  readonly outputs: Record<string, string>;
  readonly hooks?: Record<string, (signal: AbortSignal) => Promise<void>>;
}

function operationsOf(world: World): Operations<string> {
  const nameOf = (vertex: Vertex): string => (vertex.op.kind === 'context' ? vertex.op.name : '');
  return {
    fastInputs: async (vertex, inputs) =>
      vertex.name in world.contents
        ? undefined
        : new Map([['op', nameOf(vertex)], ...inputs.map((input, i) => [`input:${i}`, input] as const)]),
    contentInputs: async (vertex, inputs) =>
      new Map([
        ['op', nameOf(vertex)],
        ...inputs.map((input, i) => [`input:${i}`, input] as const),
        ['file', world.contents[vertex.name] ?? ''],
      ]),
    execute: async (vertex, _inputs, step) => {
      world.ran.push(vertex.name);
      await world.hooks?.[vertex.name]?.(step.signal);
      return world.outputs[vertex.name] ?? `${nameOf(vertex)}:${world.contents[vertex.name] ?? ''}`;
    },
    store: (result) => result,
    restore: async (_vertex, _inputs, stored) => stored,
    isSilent: () => false,
  };
}

async function run(
  target: string,
  built: ReturnType<typeof graphOf>,
  world: World,
  options: { cache: MemoryCache; noCache?: boolean; events?: ProgressEvent[]; shared?: SharedWork },
): Promise<Map<string, Solved<string>>> {
  const solved = await solve([idOf(built.ids, target)], {
    graph: built.graph,
    operations: operationsOf(world),
    cache: options.cache,
    concurrency: 4,
    noCache: options.noCache ?? false,
    explain: true,
    signal: new AbortController().signal,
    emit: (event) => options.events?.push(event),
    now: () => 0,
    ...(options.shared !== undefined && { shared: options.shared }),
  });
  return new Map([...solved.values()].map((one) => [one.vertex.name, one]));
}

test('solve() runs only what the target needs, each step once, and nothing the second time', async () => {
  const built = graphOf({ base: [], left: ['base'], right: ['base'], top: ['left', 'right'], other: ['base'] });
  const world: World = { ran: [], contents: {}, outputs: {} };
  const cache = new MemoryCache();
  await run('top', built, world, { cache });
  assert.deepEqual(world.ran.toSorted(), ['base', 'left', 'right', 'top']);
  const again = await run('top', built, world, { cache });
  assert.equal(world.ran.length, 4);
  assert.deepEqual(again.get('top')?.explanation, { kind: 'hit', by: 'definition' });
});

test('solve() lets later steps hit when a step that reran gave the same result', async () => {
  const cache = new MemoryCache();
  const world: World = { ran: [], contents: { copy: 'one' }, outputs: { compile: 'same' } };
  const built = graphOf({ copy: [], compile: ['copy'], link: ['compile'] });
  await run('link', built, world, { cache });
  world.contents['copy'] = 'two';
  world.ran.length = 0;
  const solved = await run('link', built, world, { cache });
  assert.deepEqual(world.ran, ['copy', 'compile']);
  assert.equal(solved.get('link')?.cached, true);
});

test('solve() explains a miss by the input that differs from the nearest earlier run', async () => {
  const cache = new MemoryCache();
  const world: World = { ran: [], contents: { copy: 'one' }, outputs: {} };
  const built = graphOf({ copy: [] });
  const first = await run('copy', built, world, { cache });
  assert.deepEqual(first.get('copy')?.explanation, { kind: 'first-run' });
  world.contents['copy'] = 'two';
  const second = await run('copy', built, world, { cache });
  assert.deepEqual(second.get('copy')?.explanation, {
    kind: 'changed',
    changes: [{ name: 'file', before: 'one', after: 'two' }],
  });
});

test('solve() with noCache runs every step and records it for the next build', async () => {
  const cache = new MemoryCache();
  const world: World = { ran: [], contents: {}, outputs: {} };
  const built = graphOf({ base: [], top: ['base'] });
  await run('top', built, world, { cache });
  const solved = await run('top', built, world, { cache, noCache: true });
  assert.deepEqual(world.ran, ['base', 'top', 'base', 'top']);
  assert.deepEqual(solved.get('top')?.explanation, { kind: 'disabled' });
});

test('solve() runs independent steps at the same time', async () => {
  let running = 0;
  let most = 0;
  const hook = async (): Promise<void> => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
  };
  const built = graphOf({ a: [], b: [], c: [], top: ['a', 'b', 'c'] });
  await run(
    'top',
    built,
    { ran: [], contents: {}, outputs: {}, hooks: { a: hook, b: hook, c: hook } },
    { cache: new MemoryCache() },
  );
  assert.equal(most, 3);
});

test('solve() cancels the other steps when one fails, waits for them, and throws the failure', async () => {
  const events: ProgressEvent[] = [];
  let ended = false;
  const hooks = {
    bad: async () => {
      throw new Error('exit code 1');
    },
    slow: async (signal: AbortSignal) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      ended = true;
      signal.throwIfAborted();
    },
  };
  const built = graphOf({ bad: [], slow: [], top: ['slow', 'bad'] });
  await assert.rejects(
    run('top', built, { ran: [], contents: {}, outputs: {}, hooks }, { cache: new MemoryCache(), events }),
    /exit code 1/,
  );
  assert.equal(ended, true);
  assert.deepEqual(
    events.filter((event) => event.kind === 'vertex-error').map((event) => event.message),
    ['exit code 1'],
  );
});

test('solvers that share their work carry a step out once, with and without the cache, and number steps through', async () => {
  const world: World = { ran: [], contents: { common: 'c' }, outputs: {} };
  const left = graphOf({ common: [], left: ['common'] });
  const right = graphOf({ common: [], right: ['common'] });
  const shared = shareWork(4);
  const events: ProgressEvent[] = [];
  const cache = new MemoryCache();
  const [one, other] = await Promise.all([
    run('left', left, world, { cache, shared, events }),
    run('right', right, world, { cache, shared, events, noCache: true }),
  ]);
  assert.deepEqual(world.ran.toSorted(), ['common', 'left', 'right']);
  const kinds = [one, other].map((solved) => solved.get('common')?.explanation.kind);
  assert.equal(kinds.filter((kind) => kind === 'shared').length, 1);
  const numbers = events.flatMap((event) => (event.kind === 'vertex-started' ? [event.number] : []));
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    [1, 2, 3, 4],
  );
});

test('a solver tries for itself what another one that shares its work has failed in', async () => {
  let failures = 1;
  const world: World = {
    ran: [],
    contents: { step: 's' },
    outputs: {},
    hooks: {
      step: async () => {
        if (failures-- > 0) throw new Error('not now');
      },
    },
  };
  const built = graphOf({ step: [] });
  const shared = shareWork(4);
  const cache = new MemoryCache();
  const settled = await Promise.allSettled([
    run('step', built, world, { cache, shared }),
    run('step', built, world, { cache, shared }),
  ]);
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  );
  assert.deepEqual(world.ran, ['step', 'step']);
});
