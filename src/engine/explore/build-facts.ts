import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type { DockerfileLine, ExploredBase, ExploredBuild, ExploredStep } from '../../explore/index.ts';
import { familiarName, parseReference, type Digest, type DiffId } from '../../oci/index.ts';
import type { BuildRecord, BuildStepRecord } from '../../store/index.ts';
import { outcomeOf } from '../build-records.ts';
import type { EngineContext } from '../context.ts';
import { why } from '../why.ts';

/** What the record of a build says about the image that it made. */
export interface BuildFacts {
  readonly build: ExploredBuild;
  /** The instructions of the Dockerfile that made the image, in order; empty where they are not known. */
  readonly instructions: readonly (DockerfileLine & { readonly keyword: string })[];
  readonly bases: readonly ExploredBase[];
}

/** The newest build of an image; undefined where this store has no record of one. */
export async function buildFacts(
  context: EngineContext,
  id: Digest,
  diffIds: readonly DiffId[],
): Promise<BuildFacts | undefined> {
  const { store } = context;
  const record = await store.builds.findByImage(id);
  if (record === undefined) return undefined;
  const steps = await store.builds.steps(record.id);
  const lines = await dockerfileLines(record);
  const reasons = new Map((await why(context, { build: record.id })).steps.map((step) => [step.number, step]));
  const seconds = (from: number | undefined, to: number | undefined): number =>
    from === undefined || to === undefined ? 0 : Math.max(0, (to - from) / 1000);
  const found = steps.map((step): ExploredStep => {
    const details = objectOf(step.details);
    const reason = reasons.get(step.number);
    const stage = step.slot?.split('/')[0];
    const layer = layerOf(step, diffIds);
    const outcome = details['op'] === 'image' && step.status === 'done' ? 'base' : outcomeOf(step);
    return {
      number: step.number,
      name: step.name,
      stage: stage === '' ? undefined : stage,
      outcome,
      reason: reason?.reason ?? '',
      changes: reason?.changes ?? [],
      startedMs: step.startedAt,
      endedMs: step.endedAt,
      seconds: outcome === 'cached' ? 0 : seconds(step.startedAt, step.endedAt),
      needs: needsOf(step, steps),
      isCritical: false,
      layer,
      line: step.slot === undefined ? undefined : lines.of.get(step.slot),
    };
  });
  const path = criticalPath(found);
  const { context: folder, target } = objectOf(record.details);
  return {
    build: {
      id: record.id,
      startedMs: record.startedAt,
      endedMs: record.endedAt,
      seconds: seconds(record.startedAt, record.endedAt),
      criticalSeconds: path.reduce((sum, one) => sum + one.seconds, 0),
      dockerfile: lines.file,
      isDockerfileSame: lines.isSame,
      context: textOf(folder),
      target: textOf(target),
      steps: found.map((step) => ({ ...step, isCritical: path.includes(step) })),
    },
    instructions: lines.instructions,
    bases: basesOf(steps, diffIds),
  };
}

interface FoundLines {
  readonly file: string | undefined;
  readonly isSame: boolean;
  readonly of: ReadonlyMap<string, DockerfileLine>;
  readonly instructions: BuildFacts['instructions'];
}

/** The lines that steps came from, where the Dockerfile is still the one that was built. */
async function dockerfileLines({ details, dockerfileDigest }: BuildRecord): Promise<FoundLines> {
  const { dockerfile, dockerfilePath, context, target } = objectOf(details);
  const [name, path, folder] = [textOf(dockerfile), textOf(dockerfilePath), textOf(context)];
  const file =
    path ?? (name !== undefined && folder !== undefined && isAbsolute(folder) ? join(folder, name) : undefined);
  const none = { file, isSame: false, of: new Map<string, DockerfileLine>(), instructions: [] };
  const stat = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
  if (file === undefined || stat?.isFile() !== true) return none;
  const { DOCKERFILE_MAX_BYTES, linesOfSlots, linesOfStage, parseDockerfile } =
    await import('../../dockerfile/index.ts');
  if (stat.size > DOCKERFILE_MAX_BYTES) return none;
  const bytes = readFileSync(file);
  if (`sha256:${createHash('sha256').update(bytes).digest('hex')}` !== dockerfileDigest) return none;
  const parsed = parseDockerfile(bytes, file);
  const lines = Array.from(linesOfSlots(parsed), ([slot, line]) => [slot, { file, ...line }] as const);
  const instructions = linesOfStage(parsed, textOf(target)).map((line) => ({ file, ...line }));
  return { file, isSame: true, of: new Map(lines), instructions };
}

/** The step that a step lies on, those of stages that it copies from, and contexts where it reads them. */
function needsOf(step: BuildStepRecord, steps: readonly BuildStepRecord[]): number[] {
  const { rootfs, readsContext } = objectOf(step.details);
  const needs = new Set<number>();
  const on = objectOf(rootfs)['on'];
  if (typeof on === 'number') needs.add(on);
  const before = steps.filter(({ number }) => number !== step.number);
  for (const [, from = ''] of step.name.matchAll(/(?:--from=|[,=]from=)([^\s,]+)/g)) {
    const of = before.filter(
      ({ slot, details }) => slot?.split('/')[0] === from && objectOf(details)['rootfs'] !== undefined,
    );
    const last = of.at(-1);
    if (last !== undefined) needs.add(last.number);
  }
  if (readsContext === true)
    for (const { number, details } of before) if (objectOf(details)['op'] === 'context') needs.add(number);
  return [...needs].toSorted((a, b) => a - b);
}

/** The chain of steps that need each other and took longest together. */
function criticalPath(steps: readonly ExploredStep[]): ExploredStep[] {
  const byNumber = new Map(steps.map((step) => [step.number, step]));
  const best = new Map<number, { readonly seconds: number; readonly before: number | undefined }>();
  // Steps are numbered as they begin, so that what one needs comes before it; a record of another order has a shorter path.
  for (const { number, seconds, needs } of steps) {
    let before: number | undefined;
    for (const need of needs)
      if ((best.get(need)?.seconds ?? -1) > (best.get(before ?? -1)?.seconds ?? -1)) before = need;
    best.set(number, { seconds: seconds + (best.get(before ?? -1)?.seconds ?? 0), before });
  }
  let at = [...best].toSorted(([, a], [, b]) => b.seconds - a.seconds)[0]?.[0];
  const path: ExploredStep[] = [];
  while (at !== undefined) {
    const step = byNumber.get(at);
    if (step === undefined || path.includes(step)) break;
    path.unshift(step);
    at = best.get(at)?.before;
  }
  return path;
}

/** The layer of the image that a step made; of a base the topmost of its layers. */
function layerOf(step: BuildStepRecord, diffIds: readonly DiffId[]): number | undefined {
  const [base] = basesOf([step], diffIds);
  if (base !== undefined) return base.layers - 1;
  const layer = step.diffId === undefined ? -1 : diffIds.indexOf(step.diffId);
  return layer < 0 ? undefined : layer;
}

/** The base images whose layers are the lowest of the image. */
function basesOf(steps: readonly BuildStepRecord[], diffIds: readonly DiffId[]): ExploredBase[] {
  return steps.flatMap(({ details }) => {
    const { op, reference, rootfs, fetched } = objectOf(details);
    const layers = objectOf(rootfs)['layers'];
    if (op !== 'image' || typeof reference !== 'string' || !Array.isArray(layers)) return [];
    if (layers.length === 0 || layers.some((layer: Json, i) => layer !== diffIds[i])) return [];
    const digest = textOf(objectOf(fetched)['digest']);
    return [{ name: familiarName(parseReference(reference)), digest, layers: layers.length, knownBy: 'build' }];
  });
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
