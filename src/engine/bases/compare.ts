import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isShaleError, messageOf, ShaleError } from '../../base/index.ts';
import { parseDockerfile, type Target, targetsOf } from '../../dockerfile/index.ts';
import { mountLayers, rootAttributes, type Stack } from '../../layers/index.ts';
import { noNetwork, STEP_SURROUNDINGS } from '../../runtime/index.ts';
import { build } from '../builds.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../types.ts';
import { makeWorkFolder, sweepWorkFolders } from '../work-folders.ts';
import { openWorkshop, type Workshop } from '../workshop.ts';
import { baseFacts, compressedSizeOf, openImage, type OpenImage, programFacts, sizeOf } from './base-facts.ts';
import type { ApplicationFacts, BaseComparison, BaseFacts, CompareBasesRequest, Probe } from './compare-types.ts';
import { ImagePrograms } from './programs.ts';
import { recommend } from './recommend.ts';

const PROBE_STARTS = 3;

/**
 * `shale base compare A B`: what two images are like as bases, and which one to take.
 * @throws IMAGE_NOT_FOUND, NAME_AMBIGUOUS, COMPARE_BASE_UNKNOWN, DOCKERFILE_INVALID
 */
export async function compareBases(
  context: EngineContext,
  request: CompareBasesRequest,
  watch: Watch,
): Promise<BaseComparison> {
  const [a, b] = [await openImage(context, request.images[0]), await openImage(context, request.images[1])];
  let images: readonly [BaseFacts, BaseFacts] = [
    await baseFacts(context, a, watch.signal),
    await baseFacts(context, b, watch.signal),
  ];
  if (request.probe) images = await probed(context, [a, b], images);
  if (request.application === undefined) return { images, recommendation: recommend({ images }) };
  const { application } = request;
  const replaced = await finalBase(application.dockerfile);
  const applications = [
    await onBase(context, { application, replaced, base: a }, watch),
    await onBase(context, { application, replaced, base: b }, watch),
  ] as const;
  return { images, applications, recommendation: recommend({ images, applications }) };
}

/** The image that the last stage is made from, through the stages that it is made from. */
async function finalBase(path: string): Promise<string> {
  const targets = targetsOf({ dockerfile: parseDockerfile(await readFile(path), path) });
  let target: Target | undefined = targets.find(({ isDefault }) => isDefault);
  for (let seen = 0; target !== undefined && seen <= targets.length; seen++) {
    const { base }: Target = target;
    target = targets.find(({ name }) => name.toLowerCase() === base.toLowerCase());
    if (target !== undefined) continue;
    if (base === 'scratch' || base.includes('$')) break;
    return base;
  }
  throw new ShaleError('COMPARE_BASE_UNKNOWN', `${path}: its last stage has no base that could be replaced`, {
    data: { path },
    hint: 'FROM has to name an image, and not scratch or a variable',
  });
}

interface OnBase {
  readonly application: NonNullable<CompareBasesRequest['application']>;
  /** The name in the Dockerfile that stands for the base. */
  readonly replaced: string;
  readonly base: OpenImage;
}

/** Builds the application with another base in the place of its own. */
async function onBase(context: EngineContext, options: OnBase, watch: Watch): Promise<ApplicationFacts> {
  const { application, replaced, base } = options;
  const start = context.options.now();
  try {
    const { imageId } = await build(
      context,
      {
        context: { kind: 'directory', path: application.context },
        dockerfile: { kind: 'file', path: application.dockerfile },
        buildContexts: { [replaced]: { kind: 'image', reference: base.name } },
        tags: [],
        buildArgs: {},
        labels: {},
        noCache: false,
        pull: false,
        keepNoise: false,
      },
      watch,
    );
    const { config, stack } = await openImage(context, imageId);
    return {
      kind: 'built',
      imageId,
      seconds: (context.options.now() - start) / 1000,
      sizeBytes: sizeOf(stack),
      compressedBytes: await compressedSizeOf(context, config, watch.signal),
      problems: programFacts(new ImagePrograms(stack)).problems,
    };
  } catch (error) {
    watch.signal.throwIfAborted();
    if (!isShaleError(error)) throw error;
    return { kind: 'failed', message: messageOf(error) };
  }
}

async function probed(
  context: EngineContext,
  opened: readonly [OpenImage, OpenImage],
  images: readonly [BaseFacts, BaseFacts],
): Promise<readonly [BaseFacts, BaseFacts]> {
  await sweepWorkFolders(context);
  await using workshop = await openWorkshop(context);
  const add = async (facts: BaseFacts, { stack }: OpenImage): Promise<BaseFacts> => {
    const probe = facts.hasShell ? await probeOf(context, workshop, stack) : undefined;
    return probe === undefined ? facts : { ...facts, probe };
  };
  return [await add(images[0], opened[0]), await add(images[1], opened[1])];
}

/** Its own high-water mark, as the shell itself can read it. */
const PROBE = 'while read -r name value unit; do case $name in VmHWM:) echo "$value";; esac; done < /proc/self/status';

/** Undefined for an image whose shell does not run here. */
async function probeOf(context: EngineContext, workshop: Workshop, stack: Stack): Promise<Probe | undefined> {
  const times: number[] = [];
  let memoryBytes = 0;
  for (let i = 0; i < PROBE_STARTS; i++) {
    const start = performance.now();
    const output = await runShell(context, workshop, stack);
    if (output === undefined) return undefined;
    times.push(performance.now() - start);
    memoryBytes = Math.max(memoryBytes, Number(output.trim()) * 1024);
  }
  const [startMs = 0] = times.toSorted((x, y) => x - y).slice(Math.floor(PROBE_STARTS / 2));
  return { startMs, memoryBytes };
}

async function runShell(context: EngineContext, workshop: Workshop, stack: Stack): Promise<string | undefined> {
  await using folder = await makeWorkFolder(context.store);
  const upperDir = join(folder.path, 'upper');
  mkdirSync(upperDir, { mode: 0o755 });
  await using rootfs = await workshop.host.mountRootfs({
    layers: await mountLayers(context.layers, stack),
    upper: { upperDir, workDir: join(folder.path, 'work') },
    rootAttributes: rootAttributes(stack),
    volatile: true,
  });
  await using handle = await workshop.runtime.run(
    {
      ...STEP_SURROUNDINGS,
      id: `probe-${randomBytes(6).toString('hex')}`,
      rootfs: { path: rootfs.path, access: rootfs.access },
      args: ['/bin/sh', '-c', PROBE],
      env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
      network: noNetwork,
    },
    { kind: 'pipes' },
  );
  let output = '';
  await Promise.all([
    (async () => {
      for await (const chunk of handle.stdout) output += Buffer.from(chunk).toString('latin1');
    })(),
    (async () => {
      for await (const _ of handle.stderr);
    })(),
  ]);
  const exit = await handle.exit;
  return exit.code === 0 && /^\d+\s*$/.test(output) ? output : undefined;
}
