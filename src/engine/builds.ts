import { lstatSync } from 'node:fs';
import { basename, join } from 'node:path';
import { collect, isSystemError, messageOf, ShaleError, type ByteStream } from '../base/index.ts';
import { isTar, sniffCompression } from '../archive/index.ts';
import { buildImage, planOptionsOf, readLocalFile, type PlanInput } from '../build/index.ts';
import {
  checkDockerfile,
  DOCKERFILE_MAX_BYTES,
  outlineDockerfile,
  targetsOf,
  type ResolvedImage,
} from '../dockerfile/index.ts';
import { findImage, readConfig } from '../images/index.ts';
import {
  familiarName,
  formatPlatform,
  formatReference,
  hostPlatform,
  parsePlatform,
  parseReference,
  platformMatches,
  type Platform,
  type Reference,
} from '../oci/index.ts';
import type { EngineContext } from './context.ts';
import { buildLimits, cacheCap } from './cache-cap.ts';
import { secretsOf } from './secrets.ts';
import { sshAgentsOf } from './ssh-agents.ts';
import type { BuildAnswer, BuildCall, BuildOutcome, BuildRequest, Watch } from './types.ts';
import { makeWorkFolder } from './work-folders.ts';

/** Milliseconds that collecting may take at the end of a build; the rest is done by the next one. */
const COLLECT_BUDGET_MS = 200;

/** `shale build`. @throws DOCKERFILE_INVALID, CONTEXT_NOT_FOUND, EXEC_FAILED, and what buildImage throws */
export async function build(context: EngineContext, request: BuildRequest, watch: Watch): Promise<BuildOutcome> {
  const names = request.tags.map(parseReference);
  const input = await readInput(request);
  const result = await buildImage({
    ...planInput(context, request, input, watch),
    layers: context.layers,
    names,
    noCache: request.noCache,
    keepNoise: request.keepNoise,
    openRunner: async () => (await import('./step-runner.ts')).openRunner(context),
    provisions: {
      secret: secretsOf(request.secrets ?? [], context.options.env),
      ssh: await sshAgentsOf(request.ssh ?? []),
    },
    makeFolder: () => makeWorkFolder(context.store),
    signal: watch.signal,
    emit: (event) => watch.progress?.(event),
    ...(watch.onFailedStep !== undefined && { onFailedStep: watch.onFailedStep }),
    now: context.options.now,
  });
  // What was found again has left nothing to collect.
  if (result.ranSteps) {
    const limits = { maxCacheBytes: cacheCap(context), ...buildLimits(context) };
    await context.store.collect({ budgetMs: COLLECT_BUDGET_MS, ...limits });
  }
  return { ...result, tags: names.map(familiarName) };
}

function planInput(context: EngineContext, request: BuildRequest, input: BuildInput, watch: Watch): PlanInput {
  return {
    contextDirectory: input.contextDirectory,
    dockerfile: input.dockerfile,
    buildArgs: request.buildArgs,
    labels: request.labels,
    target: request.target,
    platform: request.platform === undefined ? hostPlatform() : parsePlatform(request.platform),
    platformRequested: request.platform !== undefined,
    network: request.network === undefined || request.network === 'bridge' ? 'default' : request.network,
    epochSeconds: epochOf(context.options.env['SOURCE_DATE_EPOCH']),
    resolveImage: (reference, platform) => resolveImage(context, reference, { platform, pull: request.pull, watch }),
  };
}

/** `shale build --call`. @throws DOCKERFILE_INVALID but for `check`, CONTEXT_NOT_FOUND, and what resolving images throws */
export async function callBuild(
  context: EngineContext,
  request: BuildRequest,
  call: BuildCall,
  watch: Watch,
): Promise<BuildAnswer> {
  const input = await readInput(request);
  // What is only asked about needs no permission to reach out of the sandbox.
  const options = { ...planOptionsOf(planInput(context, request, input, watch)), acceptNotYet: true };
  const { name: file, text } = options.dockerfile.source;
  const source = { file, text };
  if (call === 'targets') return { kind: 'targets', source, targets: targetsOf(options) };
  if (call === 'outline') return { kind: 'outline', source, outline: await outlineDockerfile(options) };
  return { kind: 'check', source, ...(await checkDockerfile(options)) };
}

interface BuildInput {
  readonly contextDirectory: string | undefined;
  readonly dockerfile: { readonly bytes: Uint8Array; readonly name: string; readonly path: string | undefined };
}

async function readInput(request: BuildRequest): Promise<BuildInput> {
  const { context, dockerfile } = request;
  if (context.kind === 'stream') {
    const text = refuseArchive(context.bytes);
    const bytes = await collect(text, DOCKERFILE_MAX_BYTES, 'the Dockerfile on standard input');
    return { contextDirectory: undefined, dockerfile: { bytes, name: 'Dockerfile', path: undefined } };
  }
  if (!isDirectory(context.path))
    throw new ShaleError('CONTEXT_NOT_FOUND', `the build context ${context.path} is not a directory`, {
      data: { path: context.path },
    });
  if (dockerfile?.kind === 'stream') {
    const bytes = await collect(dockerfile.bytes, DOCKERFILE_MAX_BYTES, 'the Dockerfile on standard input');
    return { contextDirectory: context.path, dockerfile: { bytes, name: 'Dockerfile', path: undefined } };
  }
  const path = dockerfile?.path ?? join(context.path, 'Dockerfile');
  const bytes = readDockerfile(path, context.path);
  return { contextDirectory: context.path, dockerfile: { bytes, name: basename(path), path } };
}

/** A Dockerfile alone comes on standard input; a tar is told by its first block. @throws CONTEXT_UNSUPPORTED */
async function* refuseArchive(stream: ByteStream): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const chunk of stream) {
    if (first && (isTar(chunk) || sniffCompression(chunk) !== 'none')) {
      throw new ShaleError('CONTEXT_UNSUPPORTED', 'standard input holds an archive, and a context is a directory', {
        hint: 'unpack it into a directory, and name that',
      });
    }
    first = false;
    yield chunk;
  }
}

function readDockerfile(path: string, within: string): Buffer {
  const bytes = readLocalFile({ path, what: 'the Dockerfile', maxBytes: DOCKERFILE_MAX_BYTES, within });
  if (bytes !== undefined) return bytes;
  throw new ShaleError('DOCKERFILE_NOT_FOUND', `there is no Dockerfile ${path}`, {
    data: { path },
    hint: 'name it with -f FILE',
  });
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(`${path}/.`).isDirectory();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^[0-9]{1,15}$/.test(text))
    throw new ShaleError('EPOCH_INVALID', `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, expected seconds since 1970`);
  return Number(text);
}

/**
 * A base image: the local one of that platform without asking anybody, else the registry's, whose layers come when a step
 * needs them.
 */
async function resolveImage(
  context: EngineContext,
  reference: Reference,
  how: { readonly platform: Platform; readonly pull: boolean; readonly watch: Watch },
): Promise<ResolvedImage> {
  const { store } = context;
  const local = await findImage(store, formatReference(reference), how.platform);
  const isOther = local !== undefined && !platformMatches(how.platform, local.record.platform);
  if (isOther && local.record.madeHere) throw otherPlatform(reference, local.record.platform, how.platform);
  const digest = local?.record.manifests[0]?.digest;
  if (local !== undefined && !isOther && (!how.pull || local.record.madeHere)) {
    return { config: await readConfig(store, local.record.id), ...(digest !== undefined && { digest }) };
  }
  try {
    const { pullImage } = await import('../images/index.ts');
    const pulled = await pullImage(context.layers, reference, {
      platform: how.platform,
      registry: context.registry(how.watch.signal),
      lazy: true,
    });
    return { config: pulled.config, digest: pulled.digest };
  } catch (cause) {
    how.watch.signal.throwIfAborted();
    const name = familiarName(reference);
    const hint = /^(?:debian|docker\.io\/library\/debian):/.test(name)
      ? `make it here: shale base debian -t ${name}`
      : undefined;
    const where = isOther ? `in the store for ${formatPlatform(local.record.platform)} only` : 'not in the store';
    throw new ShaleError(
      'BASE_IMAGE_NOT_FOUND',
      `the base image ${name} is ${where} and cannot be pulled: ${messageOf(cause)}`,
      { cause, data: { name }, ...(hint !== undefined && { hint }) },
    );
  }
}

function otherPlatform(reference: Reference, has: Platform, wanted: Platform): ShaleError {
  const name = familiarName(reference);
  return new ShaleError(
    'BASE_IMAGE_PLATFORM',
    `the base image ${name} was made here for ${formatPlatform(has)}, and ${formatPlatform(wanted)} is built`,
    { data: { name }, hint: `build it with --platform ${formatPlatform(wanted)} under another name` },
  );
}
