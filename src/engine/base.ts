import { createReadStream, existsSync, mkdirSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';

import { join } from 'node:path';
import { createHash, randomBytes } from 'node:crypto';
import { SHALE_VERSION, ShaleError, type ByteStream } from '../base/index.ts';
import {
  debianArchitecture,
  HttpFetcher,
  makeDebianBase,
  readHostAptSources,
  type BaseHost,
  type BaseProgress,
  type ContentCache,
  type LayerSink,
  type StepRequest,
  type StepResult,
} from '../bases/index.ts';
import { mountLayers, rootAttributes, walkUpper, writeUpper } from '../layers/index.ts';
import { putImage } from '../images/index.ts';
import { formatReference, hostPlatform, parseDiffId, parseReference, type DiffId } from '../oci/index.ts';
import { noNetwork, STEP_SURROUNDINGS } from '../runtime/index.ts';
import type { EngineContext } from './context.ts';
import type { BaseRequest, Watch } from './types.ts';
import { makeWorkFolder, sweepWorkFolders } from './work-folders.ts';
import { openWorkshop, type Workshop } from './workshop.ts';
import { hasCapability } from '../sys/index.ts';

/** `shale base debian`. @throws as makeDebianBase, REFERENCE_INVALID */
export async function makeBase(
  context: EngineContext,
  request: BaseRequest,
  watch: Watch,
): Promise<{ imageId: string; tags: string[] }> {
  const { store, options } = context;
  const names = request.tags.map((tag) => formatReference(parseReference(tag)));
  const reporter = progressReporter(context, watch);
  // Its packages are configured in a container: without the right to mount, nothing need be downloaded.
  if (!hasCapability('sys_admin')) await (await openWorkshop(context))[Symbol.asyncDispose]();
  await using host = await openBaseHost(context, watch, request.noCache);
  const epoch = options.env['SOURCE_DATE_EPOCH'];
  const base = await reporter.during(() =>
    makeDebianBase(
      {
        suite: request.suite,
        slim: request.slim,
        architecture:
          request.architecture ?? debianArchitecture(hostPlatform().architecture) ?? hostPlatform().architecture,
        tool: `shale ${SHALE_VERSION}`,
        signal: watch.signal,
        onProgress: reporter.take,
        ...(request.mirror !== undefined && { mirror: request.mirror }),
        ...(options.debianMirror !== undefined && { configuredMirror: options.debianMirror }),
        ...(epoch !== undefined && epoch !== '' && { epochSeconds: Number(epoch) }),
      },
      host,
    ),
  );
  const image = await putImage(store, base.config, { madeHere: true });
  await store.publish({
    images: [image],
    tags: names.map((name) => ({ name, target: { kind: 'image', digest: image.id } })),
    reason: 'base debian',
  });
  return { imageId: image.id, tags: [...request.tags] };
}

/** Shows the making of a base as one step. */
function progressReporter(
  context: EngineContext,
  watch: Watch,
): { take: (event: BaseProgress) => void; during: <T>(work: () => Promise<T>) => Promise<T> } {
  const id = 'base';
  const { now } = context.options;
  const say = (text: string): void =>
    watch.progress?.({ kind: 'vertex-log', id, stream: 'stdout', data: Buffer.from(`${text}\n`), time: now() });
  return {
    take: (event) => {
      if (event.kind === 'release')
        say(
          `Debian ${event.version ?? ''} (${event.codename}), as of ${event.date.toISOString()}, from ${event.mirror}`,
        );
      else if (event.kind === 'resolved')
        say(`${event.packages} packages, ${(event.downloadBytes / 1e6).toFixed(1)} MB to fetch`);
      else if (event.kind === 'unpacked') {
        if (event.done === event.total) say(`${event.total} packages unpacked`);
      } else if (event.kind === 'configuring') say('configuring');
      else if (event.kind === 'output')
        watch.progress?.({ kind: 'vertex-log', id, stream: 'stdout', data: Buffer.from(event.text), time: now() });
      else say(`layer ${event.layer.diffId}, ${(event.layer.sizeBytes / 1e6).toFixed(1)} MB`);
    },
    async during(work) {
      watch.progress?.({ kind: 'vertex-started', id, number: 1, name: '[base] debian', time: now() });
      try {
        const result = await work();
        watch.progress?.({ kind: 'vertex-done', id, cached: false, time: now() });
        watch.progress?.({ kind: 'finished', time: now() });
        return result;
      } catch (error) {
        watch.progress?.({
          kind: 'vertex-error',
          id,
          message: error instanceof Error ? error.message : String(error),
          time: now(),
        });
        throw error;
      }
    },
  };
}

async function openBaseHost(
  context: EngineContext,
  watch: Watch,
  noCache: boolean,
): Promise<BaseHost & AsyncDisposable> {
  await sweepWorkFolders(context);
  let workshop: Promise<Workshop> | undefined;
  const fetcher = new HttpFetcher({ userAgent: `shale/${SHALE_VERSION}`, env: context.options.env });
  const host: BaseHost = {
    fetcher,
    cache: packageCache(join(await context.store.folder('sources'), 'packages')),
    runner: { run: (request) => runStep(context, (workshop ??= openWorkshop(context)), request) },
    layers: layerSink(context, noCache),
    now: () => new Date(context.options.now()),
    aptSources: () => readHostAptSources(),
    makeWorkFolder: () => makeWorkFolder(context.store),
  };
  return {
    ...host,
    async [Symbol.asyncDispose]() {
      fetcher[Symbol.dispose]();
      await (await workshop?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}

/** Downloaded packages by their sha256; they are sources, which can be fetched again. */
function packageCache(folder: string): ContentCache {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    find: async (sha256) => (existsSync(join(folder, sha256)) ? join(folder, sha256) : undefined),
    async put(sha256, sizeBytes, stream) {
      const path = join(folder, sha256);
      const draft = `${path}.${randomBytes(4).toString('hex')}`;
      try {
        await writeVerified(draft, { sha256, sizeBytes, stream });
        await rename(draft, path);
      } finally {
        rmSync(draft, { force: true });
      }
      return path;
    },
  };
}

async function writeVerified(
  path: string,
  wanted: { readonly sha256: string; readonly sizeBytes: number; readonly stream: ByteStream },
): Promise<void> {
  const hash = createHash('sha256');
  let size = 0;
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of wanted.stream) {
    hash.update(chunk);
    size += chunk.byteLength;
    await file.writeFile(chunk);
  }
  if (size !== wanted.sizeBytes || hash.digest('hex') !== wanted.sha256)
    throw new ShaleError('DIGEST_MISMATCH', `a package is not the one that the index names (${wanted.sha256})`);
}

/** Finished layers by what they are made of, kept as records of the build cache. */
function layerSink({ layers, store }: EngineContext, noCache: boolean): LayerSink {
  return {
    write: async (tar) => layers.ingest(tar),
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
          slot: 'base debian',
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
async function runStep(context: EngineContext, opening: Promise<Workshop>, request: StepRequest): Promise<StepResult> {
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
  await using handle = await workshop.runtime.run(
    {
      ...STEP_SURROUNDINGS,
      id: `base-${randomBytes(6).toString('hex')}`,
      rootfs: { path: rootfs.path, access: rootfs.access },
      args: request.args,
      env,
      network: noNetwork,
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
