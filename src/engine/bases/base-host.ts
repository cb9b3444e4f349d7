import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { SHALE_VERSION, streamOf, writeWholeFile } from '../../base/index.ts';
import {
  type BaseHost,
  type ContentCache,
  HttpFetcher,
  type LayerSink,
  readHostAptSources,
  type SeenLists,
  type StepRequest,
  type StepResult,
} from '../../bases/index.ts';
import type { StepClock } from '../../build/index.ts';
import { mountLayers, rootAttributes, walkUpper, writeUpper } from '../../layers/index.ts';
import { type DiffId, parseDiffId } from '../../oci/index.ts';
import { noNetwork, STEP_SURROUNDINGS, type Resources } from '../../runtime/index.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../types.ts';
import { makeWorkFolder, sweepWorkFolders, type WorkFolder } from '../work-folders.ts';
import { openWorkshop, type Workshop } from '../workshop.ts';

const SEEN_LISTS_WRITE_MS = 10_000;
/** How the run of packages' scripts is called where it is told of. */
const CONFIGURING = 'the scripts of packages';

export interface BaseHostOptions {
  /** Takes no layer that was made before. */
  readonly noCache: boolean;
  /** Where a base is made a second time, to be compared; nothing is taken from what is kept here, and nothing is left. */
  readonly elsewhere?: Elsewhere;
}

export interface Elsewhere {
  /** Private, on the store's file system: what is downloaded and unpacked lies in it. */
  readonly folder: string;
  /** Of the programs that configure packages. */
  readonly clock?: StepClock;
  readonly resources?: Resources;
}

/** What the making of bases asks of its surroundings, done with the store, the mounts and the runtime. */
export async function openBaseHost(
  context: EngineContext,
  watch: Watch,
  { noCache, elsewhere }: BaseHostOptions,
): Promise<BaseHost & AsyncDisposable> {
  await sweepWorkFolders(context);
  let workshop: Promise<Workshop> | undefined;
  const fetcher = new HttpFetcher({ userAgent: `shale/${SHALE_VERSION}` });
  const sources = elsewhere?.folder ?? (await context.store.folder('sources'));
  const lists = seenLists(join(await context.store.folder('sources'), 'package-lists.json'));
  const host: BaseHost = {
    fetcher,
    cache: packageCache(join(sources, 'packages')),
    seenLists: elsewhere === undefined ? lists : { ...lists, record: async () => {} },
    runner: { run: (request) => runStep(context, (workshop ??= openWorkshop(context)), request, elsewhere) },
    layers: elsewhere === undefined ? rememberedLayers(context, noCache) : newLayers(context),
    now: () => new Date(context.options.now()),
    aptSources: () => readHostAptSources(),
    makeWorkFolder: () => (elsewhere === undefined ? makeWorkFolder(context.store) : makeFolderIn(elsewhere.folder)),
  };
  return {
    ...host,
    async [Symbol.asyncDispose]() {
      await (await workshop?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}

async function makeFolderIn(folder: string): Promise<WorkFolder> {
  const path = join(folder, `work-${randomBytes(6).toString('hex')}`);
  mkdirSync(path, { mode: 0o700 });
  return {
    path,
    async [Symbol.asyncDispose]() {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Downloaded packages; they are sources, which can be fetched again. What they are was checked while they came. */
function packageCache(folder: string): ContentCache {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    find: async (name) => (existsSync(join(folder, name)) ? join(folder, name) : undefined),
    async put(name, stream) {
      const path = join(folder, name);
      const draft = `${path}.${randomBytes(4).toString('hex')}`;
      try {
        await using file = await open(draft, 'wx', 0o600);
        for await (const chunk of stream) await file.writeFile(chunk);
        await rename(draft, path);
      } finally {
        rmSync(draft, { force: true });
      }
      return path;
    },
  };
}

/**
 * One small file, `{ NAME: SECONDS }`. Two commands at once may lose what one of them noticed, which is noticed again;
 * a file that cannot be read counts as empty.
 */
function seenLists(path: string): SeenLists {
  const read = (): Record<string, number> => {
    try {
      const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
      if (typeof value !== 'object' || value === null) return {};
      return Object.fromEntries(
        Object.entries(value).filter((pair): pair is [string, number] => Number.isSafeInteger(pair[1])),
      );
    } catch {
      return {};
    }
  };
  return {
    find: async (name) => read()[name],
    async record(name, madeAt) {
      const text = `${JSON.stringify({ ...read(), [name]: madeAt }, undefined, 1)}\n`;
      await writeWholeFile(path, streamOf(text), AbortSignal.timeout(SEEN_LISTS_WRITE_MS));
    },
  };
}

/** Layers that are made each time. */
function newLayers({ layers, store }: EngineContext): LayerSink {
  return {
    write: async (tar) => layers.ingest(tar),
    tarOf: async ({ diffId }) => store.blobs.path(diffId),
  };
}

/** Finished layers by what they are made of, kept as records of the build cache. */
function rememberedLayers(context: EngineContext, noCache: boolean): LayerSink {
  const { store } = context;
  return {
    ...newLayers(context),
    async find(key) {
      const record = noCache ? undefined : await store.cacheRecords.find(key);
      const diffId: DiffId | undefined = typeof record?.result === 'string' ? parseDiffId(record.result) : undefined;
      const blob = diffId && (await store.blobs.find(diffId));
      return blob && diffId && { diffId, sizeBytes: blob.sizeBytes };
    },
    async record(key, layer) {
      await store.cacheRecords.put(
        {
          keys: [key],
          slot: 'base',
          result: layer.diffId,
          diffIds: [layer.diffId],
          sizeBytes: layer.sizeBytes,
          trusted: true,
        },
        { replace: true },
      );
    },
  };
}

/** Runs one program on a root filesystem that is a single tar, and gives what it changed as another one. */
async function runStep(
  context: EngineContext,
  opening: Promise<Workshop>,
  request: StepRequest,
  elsewhere: Elsewhere | undefined,
): Promise<StepResult> {
  const { layers } = context;
  const workshop = await opening;
  const { diffId } = await layers.ingest(createReadStream(request.rootfsTar, { highWaterMark: 1024 * 1024 }));
  const stack = await layers.stack([diffId]);
  await using folder = await makeWorkFolder(context.store);
  const upperDir = join(folder.path, 'upper');
  mkdirSync(upperDir, { mode: 0o755 });
  await using rootfs = await workshop.host.mountRootfs({
    layers: await mountLayers(layers, stack),
    upper: { upperDir, workDir: join(folder.path, 'work') },
    rootAttributes: rootAttributes(stack),
    volatile: true,
  });
  const env = Object.entries(request.env).map(([name, value]) => `${name}=${value}`);
  const clock = elsewhere?.clock?.setFor(
    { step: CONFIGURING, platform: request.architecture, place: '' },
    { stack, env },
  );
  await using handle = await workshop.runtime.run(
    {
      ...STEP_SURROUNDINGS,
      id: `base-${randomBytes(6).toString('hex')}`,
      rootfs: { path: rootfs.path, access: rootfs.access },
      args: request.args,
      env,
      network: noNetwork,
      ...(clock !== undefined && { secretEnv: clock.env, mounts: clock.mounts }),
      ...(elsewhere?.resources !== undefined && { resources: elsewhere.resources }),
    },
    { kind: 'pipes' },
  );
  const kill = (): void => void handle.kill('KILL');
  request.signal?.addEventListener('abort', kill);
  await Promise.all(
    [handle.stdout, handle.stderr].map(async (stream) => {
      for await (const chunk of stream) request.onOutput(chunk);
    }),
  );
  const exit = await handle.exit;
  request.signal?.removeEventListener('abort', kill);
  const changes = await writeUpper(layers, walkUpper({ upperDir, lower: stack.view, traces: handle.traces }));
  return { exitCode: exit.code, changesTar: context.store.blobs.path(changes.diffId) };
}
