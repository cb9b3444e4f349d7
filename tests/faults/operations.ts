/** What is done to a store while something goes wrong: one operation of each kind, with what it changes once it is done. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import type { ByteStream } from '../../src/base/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { writeRepository } from '../../src/bases/alpine/minirootfs.fixture.ts';
import { makeSigner, type TestApk } from '../../src/bases/alpine/packed-apk.fixture.ts';
import { parseLockFile } from '../../src/lock/index.ts';
import { imageOf, layerOf, seed, TYPES } from '../support/image-of.ts';
import { buildWith, SEARCH_PATH } from '../support/lab.ts';
import type { Random } from '../support/random.ts';
import { startScriptedRegistry } from '../support/scripted-registry.ts';
import { buildRequest, containerRequest } from '../support/requests.ts';

/** What a name leads to; absent when it was removed. */
export interface Change {
  readonly name: string;
  readonly id?: string;
}

export interface State {
  /** Of the whole check of the store: what is damaged. */
  readonly findings: readonly string[];
  readonly names: Readonly<Record<string, string>>;
}

export const KINDS = [
  'import',
  'build',
  'run',
  'push',
  'pull',
  'lock',
  'base',
  'tag',
  'commit',
  'load',
  'rmi',
  'prune',
] as const;
export type Kind = (typeof KINDS)[number];

export interface Operation {
  readonly kind: Kind;
  /** What it is about to change. */
  readonly name?: string;
  readonly carryOut: () => Promise<Change | undefined>;
}

export interface Workplace {
  readonly engine: Engine;
  /** `http://127.0.0.1:PORT`, where the engine's store is served. */
  readonly served: string;
  readonly random: Random;
  /** A folder for the contexts of builds, outside the store. */
  readonly context: string;
  /** Of a root file system with busybox; without it no build has a RUN. */
  readonly rootfs: string | undefined;
  /** Names that lead to something. */
  readonly names: ReadonlySet<string>;
}

const SLOTS = 3;
const watch = { signal: new AbortController().signal };

export interface Served extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
}

/** Serves the engine's store on loopback until it is disposed. */
export async function serve(engine: Engine): Promise<Served> {
  const ending = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = { host: '127.0.0.1', port: 0, readOnly: false, failed: () => {}, listening: resolve };
  const over = engine.serveRegistry(request, { signal: ending.signal });
  over.catch(reject);
  return {
    url: await promise,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await over;
    },
  };
}

export interface Upstream extends AsyncDisposable {
  /** For the engine: where `upstream.test` is asked for. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
}

/** A registry on loopback with images to pull, always under the same names. */
export async function upstream(): Promise<Upstream> {
  const registry = await startScriptedRegistry();
  const images = Array.from({ length: SLOTS }, (_, slot) =>
    imageOf([layerOf('shared', 50_000), layerOf(`own${slot}`, 900)]),
  );
  seed(registry, Object.fromEntries(images.entries()));
  return {
    mirrors: { [UPSTREAM]: [`http://${registry.host}`] },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

const UPSTREAM = 'upstream.test';

/** An operation of a kind; undefined where the store has nothing yet that it could be done to. */
export function operation(kind: Kind, work: Workplace): Operation | undefined {
  const slot = work.random.below(SLOTS);
  const local = work.random.pick([...work.names].filter((name) => !name.startsWith('pushed:')));
  switch (kind) {
    case 'import':
      return importing(work, `import:${slot}`);
    case 'build':
      return building(work, `build:${slot}`);
    case 'run':
      return work.rootfs === undefined ? undefined : running(work, { name: `run:${slot}`, rootfs: work.rootfs });
    case 'push':
      return pushing(work, `pushed:${slot}`);
    case 'pull':
      return pulling(work, `${UPSTREAM}/team/app:${slot}`);
    case 'lock':
      return locking(work, `${UPSTREAM}/team/app:${slot}`);
    case 'base':
      return basing(work, `base:${slot}`);
    case 'tag':
      return local === undefined ? undefined : tagging(work, { name: `tag:${slot}`, source: local });
    case 'commit':
      return local === undefined ? undefined : committing(work, { name: `commit:${slot}`, base: local });
    case 'load':
      return local === undefined ? undefined : loading(work, local);
    case 'rmi':
      return local === undefined ? undefined : removing(work, local);
    case 'prune':
      return pruning(work);
  }
}

function importing({ engine, random }: Workplace, name: string): Operation {
  const carryOut = async (): Promise<Change> => {
    const files = Array.from({ length: 1 + random.below(4) }, (_, i) => member({ name: `f${i}` }, noise(random)));
    const { imageId } = await engine.importImage(stream(tar(...files)), { tag: name, changes: [] }, watch);
    return { name, id: imageId };
  };
  return { kind: 'import', name, carryOut };
}

/** A context of some files; every second one on an image that is there. */
function building({ engine, random, context, names }: Workplace, name: string): Operation {
  const base = [...names].find((one) => one.startsWith('import:'));
  const carryOut = async (): Promise<Change> => {
    emptyFolder(context);
    for (let i = 0; i <= random.below(5); i++) writeFileSync(join(context, `file${i}`), noise(random));
    const from = base !== undefined && random.below(2) === 0 ? base : 'scratch';
    const lines = [`FROM ${from}`, 'COPY file0 /a', 'COPY . /all/', `LABEL seed=${random.below(1 << 30)}`];
    writeFileSync(join(context, 'Dockerfile'), lines.join('\n'));
    const { imageId } = await buildWith(engine, context, { tags: [name] });
    return { name, id: imageId };
  };
  return { kind: 'build', name, carryOut };
}

/** A build whose step changes what the root file system had, and adds to it. */
function running(
  { engine, random, context }: Workplace,
  { name, rootfs }: { readonly name: string; readonly rootfs: string },
): Operation {
  const carryOut = async (): Promise<Change> => {
    const base = { tag: 'rootfs:0', changes: [`ENV ${SEARCH_PATH}`] };
    await engine.importImage(createReadStream(rootfs), base, watch);
    emptyFolder(context);
    const changed = `echo ${random.below(1 << 30)} > /etc/passwd && mkdir /new && cp /bin/busybox /new/ && rm /etc/group`;
    writeFileSync(join(context, 'Dockerfile'), `FROM rootfs:0\nRUN ${changed}\n`);
    const { imageId } = await buildWith(engine, context, { tags: [name] });
    return { name, id: imageId };
  };
  return { kind: 'run', name, carryOut };
}

function pulling({ engine }: Workplace, name: string): Operation {
  const carryOut = async (): Promise<Change> => ({ name, id: (await engine.pull({ image: name }, watch)).imageId });
  return { kind: 'pull', name, carryOut };
}

/** Writes a lock file of a build; its base comes into the store under its name. */
function locking({ engine, context }: Workplace, base: string): Operation {
  const carryOut = async (): Promise<Change> => {
    emptyFolder(context);
    writeFileSync(join(context, 'Dockerfile'), `FROM ${base}\nCOPY Dockerfile /locked\n`);
    const build = buildRequest(context, { noCache: true });
    await engine.locks.lock({ build, update: false, dryRun: false }, watch);
    parseLockFile(readFileSync(join(context, 'Dockerfile.lock')), 'Dockerfile.lock');
    return { name: base, id: await idOf(engine, base) };
  };
  return { kind: 'lock', name: base, carryOut };
}

/** Makes an Alpine base of a package or two, from a signed repository in a folder. */
function basing({ engine, context, random }: Workplace, name: string): Operation {
  const carryOut = async (): Promise<Change> => {
    const folder = `${context}-packages`;
    if (!existsSync(folder)) writePackages(folder);
    const request = {
      distribution: 'alpine',
      branch: 'v3.20',
      mirror: 'http://unused.example',
      repositories: [join(folder, 'repository')],
      packages: ['app'],
      include: random.below(2) === 0 ? [] : ['more'],
      keyFolder: join(folder, 'keys'),
      keyFingerprints: [],
      scripts: 'none',
      allowOutdated: false,
      tags: [name],
      noCache: false,
    } as const;
    return { name, id: (await engine.makeBase(request, watch)).imageId };
  };
  return { kind: 'base', name, carryOut };
}

/** There as a whole or not at all. */
function writePackages(folder: string): void {
  const draft = `${folder}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  const signer = makeSigner();
  const apk = (own: string, bytes: number): TestApk => ({
    name: own,
    version: '1.0-r0',
    files: [{ path: `usr/share/${own}`, content: own.repeat(bytes) }],
  });
  writeRepository(join(draft, 'repository'), [apk('app', 3000), apk('more', 200)], signer);
  mkdirSync(join(draft, 'keys'));
  writeFileSync(join(draft, 'keys', signer.name), signer.pem);
  renameSync(draft, folder);
}

function tagging(
  { engine }: Workplace,
  { name, source }: { readonly name: string; readonly source: string },
): Operation {
  const carryOut = async (): Promise<Change> => {
    await engine.tag(source, name);
    return { name, id: await idOf(engine, name) };
  };
  return { kind: 'tag', name, carryOut };
}

function committing(
  { engine, random }: Workplace,
  { name, base }: { readonly name: string; readonly base: string },
): Operation {
  const carryOut = async (): Promise<Change> => {
    const { containerId } = await engine.create(containerRequest(base, ['/a']), watch);
    const added = tar(member({ name: 'added' }, noise(random)));
    await engine.copyIn(stream(added), { container: containerId, path: '/', keepOwners: false });
    const { imageId } = await engine.commit({ container: containerId, tag: name, pause: false, changes: [] }, watch);
    await engine.removeContainer(containerId, { force: true, volumes: true });
    return { name, id: imageId };
  };
  return { kind: 'commit', name, carryOut };
}

/** Saved and loaded again. */
function loading({ engine }: Workplace, name: string): Operation {
  const carryOut = async (): Promise<Change> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of engine.save({ images: [name], format: 'docker' }, watch)) chunks.push(chunk);
    await engine.load(stream(...chunks), watch);
    return { name, id: await idOf(engine, name) };
  };
  return { kind: 'load', name, carryOut };
}

function removing({ engine }: Workplace, name: string): Operation {
  const carryOut = async (): Promise<Change> => {
    await engine.removeImage(name, { force: true });
    return { name };
  };
  return { kind: 'rmi', name, carryOut };
}

function pruning({ engine }: Workplace): Operation {
  const carryOut = async (): Promise<undefined> => {
    await engine.prune({ what: ['containers', 'images', 'build-cache'], all: false }, watch);
  };
  return { kind: 'prune', carryOut };
}

/** Over HTTP, to this store's registry: done when the manifest was answered with 201. */
function pushing({ served, random }: Workplace, name: string): Operation {
  const carryOut = async (): Promise<Change> => {
    const image = imageOf([layerOf(`pushed${random.below(1 << 30)}`, 1 + random.below(40_000))]);
    for (const bytes of [image.config, ...image.layers.map(({ packed }) => packed)]) {
      const begun = await fetch(`${served}/v2/pushed/blobs/uploads/`, { method: 'POST' });
      await requireStatus(202, begun);
      const place = new URL(begun.headers.get('location') ?? '', served);
      place.searchParams.set('digest', digestOf(bytes));
      await requireStatus(201, await fetch(place, { method: 'PUT', body: new Uint8Array(bytes) }));
    }
    const put = await fetch(`${served}/v2/pushed/manifests/${name.slice('pushed:'.length)}`, {
      method: 'PUT',
      headers: { 'content-type': TYPES.manifest },
      body: new Uint8Array(image.manifest),
    });
    await requireStatus(201, put);
    return { name, id: image.digest };
  };
  return { kind: 'push', name, carryOut };
}

/** An answer with another status is an error with that status as its code. */
async function requireStatus(status: number, answer: Response): Promise<void> {
  if (answer.status === status) return;
  const message = `${answer.url}: ${answer.status} ${await answer.text()}`;
  throw Object.assign(new Error(message), { code: `HTTP ${answer.status}` });
}

/** In what state a store is; `full`: every byte of it is read. */
export async function stateOf(
  { engine, served }: Pick<Workplace, 'engine' | 'served'>,
  { full }: { readonly full: boolean } = { full: true },
): Promise<State> {
  const { findings } = await engine.check({ full, repair: false }, watch);
  const damage = findings.map(({ subject, problem }) => `${subject}: ${problem}`);
  if (damage.length > 0) return { findings: damage, names: {} };
  const names: Record<string, string> = {};
  for (const { id, tag } of await engine.images({ all: true })) {
    const repository = tag?.repository.replace(/^docker\.io\/library\//, '') ?? '';
    // Pushed images are asked for over HTTP, and the base comes by itself.
    if (tag !== undefined && !/pushed|^rootfs$/.test(repository)) names[`${repository}:${tag.tag}`] = id;
  }
  for (let slot = 0; slot < SLOTS; slot++) {
    const digest = await servedDigest(served, String(slot));
    if (digest !== undefined) names[`pushed:${slot}`] = digest;
  }
  return { findings: [], names };
}

/** Of a manifest that the registry has; everything that it names is fetched and compared. */
async function servedDigest(served: string, tag: string): Promise<string | undefined> {
  const answer = await fetch(`${served}/v2/pushed/manifests/${tag}`, { headers: { accept: TYPES.manifest } });
  if (answer.status === 404) return undefined;
  const bytes = Buffer.from(await answer.arrayBuffer());
  for (const [digest] of bytes.toString().matchAll(/sha256:[0-9a-f]{64}/g)) {
    const blob = await fetch(`${served}/v2/pushed/blobs/${digest}`);
    const got = digestOf(Buffer.from(await blob.arrayBuffer()));
    if (got !== digest) throw new Error(`blob ${digest} of ${tag} came as ${blob.status} ${got}`);
  }
  return digestOf(bytes);
}

async function idOf(engine: Engine, name: string): Promise<string> {
  return String((await engine.inspect(name, 'image'))['Id']);
}

async function* stream(...chunks: readonly Uint8Array[]): ByteStream {
  yield* chunks;
}

/** Mostly small, sometimes some hundred kilobytes. */
function noise(random: Random): string {
  const bytes = Buffer.alloc(1 + random.below(random.below(4) === 0 ? 400_000 : 8000));
  for (let i = 0; i < bytes.length; i += 16) bytes[i] = random.below(256);
  return bytes.toString('latin1');
}

function emptyFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
