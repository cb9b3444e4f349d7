/**
 * What a power cut interrupts: `node … HOME RUN SEED CONTEXT DRIVER [ROOTFS]`; DRIVER mounts layers, and with the archive of
 * a root file system builds have RUN steps too. Opens the store of a disk that is back, says in what state it is
 * (`{"state": …}`), then does one operation after another until it is killed or one fails: `{"begin": …}` before each,
 * `{"done": …}` when it was reported done. A line each, JSON.
 */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ByteStream } from '../../src/base/index.ts';
import { openEngine, type Engine } from '../../src/engine/index.ts';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import { imageOf, layerOf, TYPES } from '../support/image-of.ts';
import { buildWith, SEARCH_PATH } from '../support/lab.ts';
import { Random } from '../support/random.ts';

const [home = '', runRoot = '', seed = '0', context = '', driver = '', rootfs] = process.argv.slice(2);
const watch = { signal: new AbortController().signal };
const random = new Random(Number(seed));

/** What a name leads to; absent when it was removed. */
export interface Change {
  readonly name: string;
  readonly id?: string;
}

export interface State {
  /** Of the whole check of the store, with what is damaged. */
  readonly findings: readonly string[];
  readonly names: Readonly<Record<string, string>>;
}

/** An operation, and what it changes once it is done. */
interface Operation {
  readonly kind: string;
  readonly name?: string;
  readonly carryOut: () => Promise<Change | undefined>;
}

const SLOTS = 3;

await using engine = await openEngine({
  home,
  runRoot,
  now: Date.now,
  env: {},
  insecureRegistries: [],
  ...((driver === 'erofs' || driver === 'unpack') && { mountDriver: driver }),
});
const served = await serve(engine);
const state = await stateOf();
say({ state });
const names = new Set(Object.keys(state.names));
for (;;) {
  const operation = next();
  say({ begin: { kind: operation.kind, name: operation.name } });
  const change = await operation.carryOut();
  say({ done: { kind: operation.kind, change } });
  if (change?.id !== undefined) names.add(change.name);
  else if (change !== undefined) names.delete(change.name);
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function next(): Operation {
  const slot = random.below(SLOTS);
  const local = [...names].filter((name) => !name.startsWith('pushed:'));
  const choices: (() => Operation)[] = [
    () => importing(`import:${slot}`),
    () => importing(`import:${slot}`),
    () => building(`build:${slot}`),
    () => building(`build:${slot}`),
    () => pushing(`pushed:${slot}`),
    ...(rootfs === undefined ? [] : [() => running(`run:${slot}`, rootfs)]),
    ...(local.length === 0
      ? []
      : [
          () => tagging(`tag:${slot}`, pick(local)),
          () => committing(`commit:${slot}`, pick(local)),
          () => loading(pick(local)),
          () => removing(pick(local)),
          () => pruning(),
        ]),
  ];
  return pick(choices)();
}

function importing(name: string): Operation {
  const carryOut = async (): Promise<Change> => {
    const bytes = tar(...Array.from({ length: 1 + random.below(4) }, (_, i) => member({ name: `f${i}` }, noise())));
    const { imageId } = await engine.importImage(stream(bytes), { tag: name, changes: [] }, watch);
    return { name, id: imageId };
  };
  return { kind: 'import', name, carryOut };
}

/** A context of some files; every second one on an image that is there. */
function building(name: string): Operation {
  const base = [...names].find((one) => one.startsWith('import:'));
  const carryOut = async (): Promise<Change> => {
    rmSync(context, { recursive: true, force: true });
    mkdirSync(context, { recursive: true });
    for (let i = 0; i <= random.below(5); i++) writeFileSync(join(context, `file${i}`), noise());
    const from = base !== undefined && random.below(2) === 0 ? base : 'scratch';
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM ${from}\nCOPY file0 /a\nCOPY . /all/\nLABEL seed=${random.below(1 << 30)}\n`,
    );
    const { imageId } = await buildWith(engine, context, { tags: [name] });
    return { name, id: imageId };
  };
  return { kind: 'build', name, carryOut };
}

/** A build whose step changes what the root file system had, and adds to it. */
function running(name: string, archive: string): Operation {
  const carryOut = async (): Promise<Change> => {
    const base = { tag: 'rootfs:0', changes: [`ENV ${SEARCH_PATH}`] };
    await engine.importImage(createReadStream(archive), base, watch);
    rmSync(context, { recursive: true, force: true });
    mkdirSync(context, { recursive: true });
    const change = `echo ${random.below(1 << 30)} > /etc/passwd && mkdir /new && cp /bin/busybox /new/ && rm -r /etc/group`;
    writeFileSync(join(context, 'Dockerfile'), `FROM rootfs:0\nRUN ${change}\n`);
    const { imageId } = await buildWith(engine, context, { tags: [name] });
    return { name, id: imageId };
  };
  return { kind: 'run', name, carryOut };
}

function tagging(name: string, source: string): Operation {
  const carryOut = async (): Promise<Change> => {
    await engine.tag(source, name);
    return { name, id: await idOf(name) };
  };
  return { kind: 'tag', name, carryOut };
}

function committing(name: string, base: string): Operation {
  const carryOut = async (): Promise<Change> => {
    const request = {
      image: base,
      command: ['/a'],
      environment: {},
      labels: {},
      volumes: [],
      ports: [],
      readOnly: false,
      removeWhenDone: false,
      interactive: false,
      terminal: false,
      detach: false,
      pull: 'never',
    } as const;
    const { containerId } = await engine.create(request, watch);
    const bytes = tar(member({ name: 'added' }, noise()));
    await engine.copyIn(stream(bytes), { container: containerId, path: '/', keepOwners: false });
    const { imageId } = await engine.commit({ container: containerId, tag: name, pause: false, changes: [] }, watch);
    await engine.removeContainer(containerId, { force: true, volumes: true });
    return { name, id: imageId };
  };
  return { kind: 'commit', name, carryOut };
}

/** Saved, removed and loaded again: done when it is there again. */
function loading(name: string): Operation {
  const carryOut = async (): Promise<Change> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of engine.save({ images: [name], format: 'docker' }, watch)) chunks.push(chunk);
    await engine.load(stream(...chunks), watch);
    return { name, id: await idOf(name) };
  };
  return { kind: 'load', name, carryOut };
}

function removing(name: string): Operation {
  const carryOut = async (): Promise<Change> => {
    await engine.removeImage(name, { force: true });
    return { name };
  };
  return { kind: 'rmi', name, carryOut };
}

function pruning(): Operation {
  const carryOut = async (): Promise<undefined> => {
    await engine.prune({ what: ['containers', 'images', 'build-cache'], all: false }, watch);
  };
  return { kind: 'prune', carryOut };
}

/** Over HTTP, to this store's registry: done when the manifest was answered with 201. */
function pushing(name: string): Operation {
  const carryOut = async (): Promise<Change> => {
    const image = imageOf([layerOf(`pushed${random.below(1 << 30)}`, 1 + random.below(40_000))]);
    for (const bytes of [image.config, ...image.layers.map(({ packed }) => packed)]) {
      const begun = await fetch(`${served}/v2/pushed/blobs/uploads/`, { method: 'POST' });
      const place = new URL(begun.headers.get('location') ?? '', served);
      place.searchParams.set('digest', digestOf(bytes));
      const put = await fetch(place, { method: 'PUT', body: new Uint8Array(bytes) });
      if (put.status !== 201) throw new Error(`PUT of a blob: ${put.status}`);
    }
    const put = await fetch(`${served}/v2/pushed/manifests/${name.slice('pushed:'.length)}`, {
      method: 'PUT',
      headers: { 'content-type': TYPES.manifest },
      body: new Uint8Array(image.manifest),
    });
    if (put.status !== 201) throw new Error(`PUT of a manifest: ${put.status} ${await put.text()}`);
    return { name, id: image.digest };
  };
  return { kind: 'push', name, carryOut };
}

async function stateOf(): Promise<State> {
  const { findings } = await engine.check({ full: true, repair: false }, watch);
  const damage = findings.map(({ subject, problem }) => `${subject}: ${problem}`);
  if (damage.length > 0) return { findings: damage, names: {} };
  const found: Record<string, string> = {};
  for (const { id, tag } of await engine.images({ all: true })) {
    const repository = tag?.repository.replace(/^docker\.io\/library\//, '');
    // What is not this work's: pushed images under the registry's names, and the base, which comes by itself.
    if (tag !== undefined && !/pushed|^rootfs$/.test(repository ?? '')) found[`${repository}:${tag.tag}`] = id;
  }
  for (let slot = 0; slot < SLOTS; slot++) {
    const digest = await servedDigest(String(slot));
    if (digest !== undefined) found[`pushed:${slot}`] = digest;
  }
  return { findings: [], names: found };
}

/** Of a manifest that the registry has with everything it names. */
async function servedDigest(tag: string): Promise<string | undefined> {
  const answer = await fetch(`${served}/v2/pushed/manifests/${tag}`, { headers: { accept: TYPES.manifest } });
  if (answer.status === 404) return undefined;
  const bytes = Buffer.from(await answer.arrayBuffer());
  const { config, layers } = JSON.parse(bytes.toString()) as Record<string, { digest: string } & { digest: string }[]>; // Pushed above.
  for (const { digest } of [config, ...(layers ?? [])].filter((one) => one !== undefined)) {
    const blob = await fetch(`${served}/v2/pushed/blobs/${digest}`);
    const got = digestOf(Buffer.from(await blob.arrayBuffer()));
    if (got !== digest) throw new Error(`blob ${digest} of ${tag} came as ${blob.status} ${got}`);
  }
  return digestOf(bytes);
}

async function idOf(name: string): Promise<string> {
  return String((await engine.inspect(name, 'image'))['Id']);
}

async function serve(one: Engine): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = { host: '127.0.0.1', port: 0, readOnly: false, failed: () => {}, listening: resolve };
  one.serveRegistry(request, watch).catch(reject);
  return promise;
}

async function* stream(...chunks: readonly Uint8Array[]): ByteStream {
  yield* chunks;
}

function noise(): string {
  const bytes = Buffer.alloc(random.below(4) === 0 ? 1 + random.below(400_000) : 1 + random.below(8000));
  for (let i = 0; i < bytes.length; i += 16) bytes[i] = random.below(256);
  return bytes.toString('latin1');
}

function pick<Item>(items: readonly Item[]): Item {
  const item = random.pick(items);
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
