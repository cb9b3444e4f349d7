import { SHALE_VERSION, ShaleError } from '../../base/index.ts';
import {
  alpineArchitecture,
  type BaseHost,
  type BaseProgress,
  debianArchitecture,
  makeAlpineBase,
  makeDebianBase,
} from '../../bases/index.ts';
import { putImage } from '../../images/index.ts';
import { type Digest, formatReference, hostPlatform, type ImageConfig, parseReference } from '../../oci/index.ts';
import { hasCapability } from '../../sys/index.ts';
import type { EngineContext } from '../context.ts';
import type { AlpineBaseRequest, BaseRequest, DebianBaseRequest, Watch } from '../types.ts';
import { openWorkshop } from '../workshop.ts';
import { type BaseHostOptions, openBaseHost } from './base-host.ts';

/** `shale base debian`, `shale base alpine`. @throws as makeDebianBase and makeAlpineBase, REFERENCE_INVALID */
export async function makeBase(
  context: EngineContext,
  request: BaseRequest,
  watch: Watch,
): Promise<{ imageId: string; tags: string[] }> {
  const made = await makeNamed(context, request, watch);
  watch.progress?.({ kind: 'finished', time: context.options.now() });
  return made;
}

/** The same, within work that goes on. */
export async function makeNamed(
  context: EngineContext,
  request: BaseRequest,
  watch: Watch,
): Promise<{ imageId: Digest; tags: string[] }> {
  const { store } = context;
  const names = request.tags.map((tag) => formatReference(parseReference(tag)));
  const step = { id: 'base', number: 1, name: `[base] ${request.distribution}` };
  const config = await makeBaseConfig(context, request, watch, { step, noCache: request.noCache });
  const image = await putImage(store, config, { madeHere: true });
  await store.publish({
    images: [image],
    tags: names.map((name) => ({ name, target: { kind: 'image', digest: image.id } })),
    reason: `base ${request.distribution}`,
  });
  return { imageId: image.id, tags: [...request.tags] };
}

export interface MakingHow extends BaseHostOptions {
  /** How it is shown. */
  readonly step: { readonly id: string; readonly number: number; readonly name: string };
  /** Threads that read packages; as many as there are processors when absent. */
  readonly threads?: number;
}

/** Makes the layer of a base, which is in the store then, and gives the config of its image, which is not. */
export async function makeBaseConfig(
  context: EngineContext,
  request: BaseRequest,
  watch: Watch,
  { step, threads, ...how }: MakingHow,
): Promise<ImageConfig> {
  const reporter = progressReporter(context, watch, step);
  // Packages are configured in a container: without the right to mount, nothing need be downloaded.
  if (runsScripts(request) && !hasCapability('sys_admin')) await (await openWorkshop(context))[Symbol.asyncDispose]();
  await using host = await openBaseHost(context, watch, how);
  const surroundings: Surroundings = { context, host, watch, threads, onProgress: reporter.take };
  return await reporter.during(() =>
    request.distribution === 'debian' ? debianConfig(request, surroundings) : alpineConfig(request, surroundings),
  );
}

/** Whether programs of packages run when it is made. */
export function runsScripts(request: BaseRequest): boolean {
  return request.scripts !== 'none' && !(request.distribution === 'debian' && request.packages.length > 0);
}

interface Surroundings {
  readonly context: EngineContext;
  readonly host: BaseHost;
  readonly watch: Watch;
  readonly threads: number | undefined;
  readonly onProgress: (event: BaseProgress) => void;
}

/** What is the same for every distribution. */
function commonOptions({ context, watch, onProgress }: Surroundings): {
  readonly tool: string;
  readonly signal: AbortSignal;
  readonly onProgress: (event: BaseProgress) => void;
  readonly epochSeconds?: number;
} {
  const epoch = context.options.env['SOURCE_DATE_EPOCH'];
  return {
    tool: `shale ${SHALE_VERSION}`,
    signal: watch.signal,
    onProgress,
    ...(epoch !== undefined && epoch !== '' && { epochSeconds: Number(epoch) }),
  };
}

async function debianConfig(request: DebianBaseRequest, surroundings: Surroundings): Promise<ImageConfig> {
  const { debianMirror } = surroundings.context.options;
  const hostArchitecture = debianArchitecture(hostPlatform().architecture) ?? hostPlatform().architecture;
  const { architecture = hostArchitecture, packages, include, exclude, keyrings, keyFingerprints } = request;
  const base = await makeDebianBase(
    {
      ...commonOptions(surroundings),
      suite: request.suite,
      slim: request.slim,
      architecture,
      hostArchitecture,
      include,
      exclude,
      keyrings,
      keyFingerprints,
      updates: request.updates,
      isSnapshot: request.isSnapshot,
      checkAge: !request.allowOutdated,
      scripts: request.scripts ?? (runsHere(architecture, hostArchitecture) ? 'container' : 'emulate'),
      ...(packages.length > 0 && { packages }),
      ...(request.mirror !== undefined && { mirror: request.mirror }),
      ...(request.securityMirror !== undefined && { securityMirror: request.securityMirror }),
      ...(debianMirror !== undefined && { configuredMirror: debianMirror }),
      ...(surroundings.threads !== undefined && { threads: surroundings.threads }),
    },
    surroundings.host,
  );
  return base.config;
}

/** Other architectures need an emulator, but for the small ones of the same processors. */
function runsHere(architecture: string, hostArchitecture: string): boolean {
  return architecture === hostArchitecture || (architecture === 'i386' && hostArchitecture === 'amd64');
}

async function alpineConfig(request: AlpineBaseRequest, surroundings: Surroundings): Promise<ImageConfig> {
  const { architecture: wanted = hostPlatform().architecture, keyFolder } = request;
  const architecture = alpineArchitecture(
    wanted,
    request.architecture === undefined ? hostPlatform().variant : undefined,
  );
  if (architecture === undefined)
    throw new ShaleError('ARCHITECTURE_NOT_FOUND', `Alpine has no architecture ${JSON.stringify(wanted)}`);
  const { repositories, packages, include, keyFingerprints } = request;
  const base = await makeAlpineBase(
    {
      ...commonOptions(surroundings),
      architecture,
      branch: request.branch,
      mirror: request.mirror,
      repositories,
      packages,
      include,
      keyFingerprints,
      scripts: request.scripts,
      checkAge: !request.allowOutdated,
      ...(keyFolder !== undefined && { keyFolder }),
    },
    surroundings.host,
  );
  return base.config;
}

interface Reporter {
  readonly take: (event: BaseProgress) => void;
  readonly during: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Shows the making of a base as one step. */
function progressReporter(context: EngineContext, watch: Watch, { id, number, name }: MakingHow['step']): Reporter {
  const { now } = context.options;
  const show = (data: string): void =>
    watch.progress?.({ kind: 'vertex-log', id, stream: 'stdout', data: Buffer.from(data), time: now() });
  return {
    take(event) {
      const text = progressText(event);
      if (text !== undefined) show(text);
    },
    async during(work) {
      watch.progress?.({ kind: 'vertex-started', id, number, name, time: now() });
      try {
        const result = await work();
        watch.progress?.({ kind: 'vertex-done', id, cached: false, time: now() });
        return result;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        watch.progress?.({ kind: 'vertex-error', id, message, time: now() });
        throw error;
      }
    },
  };
}

function progressText(event: BaseProgress): string | undefined {
  switch (event.kind) {
    case 'release':
      return `${event.text}\n`;
    case 'resolved':
      return `${event.packages} packages, ${(event.downloadBytes / 1e6).toFixed(1)} MB to fetch\n`;
    case 'unpacked':
      return event.done === event.total ? `${event.total} packages unpacked\n` : undefined;
    case 'configuring':
      return 'configuring\n';
    case 'output':
      return event.text;
    case 'layer':
      return `layer ${event.layer.diffId}, ${(event.layer.sizeBytes / 1e6).toFixed(1)} MB\n`;
  }
}
