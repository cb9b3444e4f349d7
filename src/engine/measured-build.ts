import { createHash } from 'node:crypto';
import { isJsonObject, toText, type ByteString, type Json, type JsonObject } from '../base/index.ts';
import { VOLATILE_FOLDER } from '../dockerfile/index.ts';
import type { IndexNode } from '../erofs/index.ts';
import { findImage, readConfig } from '../images/index.ts';
import { formatPlatform, type DiffId } from '../oci/index.ts';
import type { BuildRecord, BuildStepRecord, Store } from '../store/index.ts';
import { adviseBase } from './bases/advise.ts';
import type { EngineContext } from './context.ts';
import type { BuildMeasure, MeasuredBuildStep } from './measured-build-types.ts';
import { packageNames, unusedPackages, type UnusedPackage } from './unused-packages.ts';
import { layerDifferences } from './verify/layer-differences.ts';

/** Paths of one layer that are told by their size. */
const LARGEST_MAX = 10;
/** Builds of one file that are counted. */
const BUILDS_MAX = 20;
/** Paths of one layer with one kind of new rights. */
const RIGHTS_MAX = 100;
/** Smaller files are not worth a word. */
const LARGE_BYTES_MIN = 1_000_000;

/**
 * Reads from the record of the newest build of exactly this Dockerfile what its steps took and what they left in layers;
 * undefined when there is none that ended well, or its layers are not here. Nothing is built or fetched. `opened`: what
 * containers of its image opened, as absolute paths.
 * @throws TRACE_FOREIGN where some of these are no files of the image, LAYER_NOT_FOUND where the layers that they need are gone
 */
export async function measureBuild(
  context: EngineContext,
  dockerfile: Uint8Array,
  opened?: readonly ByteString[],
): Promise<BuildMeasure | undefined> {
  const { store } = context;
  const records = await store.builds.list(await store.builds.count());
  const record = newestBuild(records, dockerfile);
  if (record?.imageId === undefined) return undefined;
  const image = await store.images.find(record.imageId);
  if (image === undefined) return undefined;
  const config = await readConfig(store, record.imageId);
  const steps = await store.builds.steps(record.id);
  const layers = await layersOf(context, config.diffIds, steps);
  const details = objectOf(record.details);
  const alike = await stepsOfAlike(store, records, record);
  const ran = runsOf(alike);
  const unused = opened === undefined ? undefined : await unusedOf(context, config.diffIds, steps, opened);
  const folder = details['context'];
  return {
    buildId: record.id,
    ...(typeof folder === 'string' && folder !== '' ? { context: folder } : {}),
    steps: await Promise.all(
      steps.map(async (step) => {
        const otherwise = await otherwiseOf(context, step, alike);
        return {
          ...(await measured(store, step, layers)),
          ran: ran(step.slot ?? ''),
          ...(otherwise !== undefined && { otherwise }),
          ...(unused !== undefined && { unusedPackages: unused.get(step.diffId) ?? [] }),
        };
      }),
    ),
    ...(layers.size > 0 && (await smallerOf(context, record.imageId))),
    bases: await basesOf(store, steps, textOf(details['platform'])),
  };
}

function newestBuild(records: readonly BuildRecord[], dockerfile: Uint8Array): BuildRecord | undefined {
  const digest = `sha256:${createHash('sha256').update(dockerfile).digest('hex')}`;
  return records.find((record) => record.status === 'done' && record.dockerfileDigest === digest);
}

/** The steps of one build. */
interface BuildSteps {
  readonly buildId: string;
  readonly steps: readonly BuildStepRecord[];
}

/** The newest builds of the same file and folder, whatever it said then. */
async function stepsOfAlike(
  store: Store,
  records: readonly BuildRecord[],
  { details }: BuildRecord,
): Promise<readonly BuildSteps[]> {
  const { context, dockerfile } = objectOf(details);
  const alike = records
    .filter((other) => {
      const about = objectOf(other.details);
      return other.status === 'done' && about['context'] === context && about['dockerfile'] === dockerfile;
    })
    .slice(0, BUILDS_MAX);
  return Promise.all(alike.map(async ({ id }) => ({ buildId: id, steps: await store.builds.steps(id) })));
}

/** How often each step ran in them. */
function runsOf(alike: readonly BuildSteps[]): (slot: string) => MeasuredBuildStep['ran'] {
  const times = new Map<string, number>();
  for (const { steps } of alike) {
    for (const { slot, status } of steps) {
      if (slot !== undefined && status === 'done') times.set(slot, (times.get(slot) ?? 0) + 1);
    }
  }
  return (slot) => ({ times: times.get(slot) ?? 0, of: alike.length });
}

/** A step whose key is the same had the same inputs: another layer of it is a build that was not reproducible. */
async function otherwiseOf(
  { layers, store }: EngineContext,
  { key, diffId }: BuildStepRecord,
  alike: readonly BuildSteps[],
): Promise<MeasuredBuildStep['otherwise']> {
  if (key === undefined || key === '' || diffId === undefined) return undefined;
  for (const { buildId, steps } of alike) {
    const other = steps.find((step) => step.key === key && step.diffId !== undefined && step.diffId !== diffId)?.diffId;
    if (other === undefined) continue;
    const areHere = await Promise.all([diffId, other].map(async (each) => store.blobs.find(each)));
    if (areHere.includes(undefined)) continue;
    await using differences = layerDifferences(layers, other, diffId);
    const { value: first } = await differences.next();
    if (first === undefined) continue;
    const { done } = await differences.next();
    return { buildId, example: toText(first.path), more: done !== true, cause: first.cause, mend: first.mend };
  }
  return undefined;
}

/** By the layers of steps: the packages that they brought and nothing used. */
async function unusedOf(
  { layers }: EngineContext,
  diffIds: readonly DiffId[],
  steps: readonly BuildStepRecord[],
  opened: readonly ByteString[],
): Promise<ReadonlyMap<DiffId | undefined, readonly UnusedPackage[]>> {
  const made = new Set(steps.map(({ diffId }) => diffId));
  const first = diffIds.findIndex((diffId) => made.has(diffId));
  const baseLayers = first === -1 ? diffIds.length : first;
  const names = packageNames(await layers.stack(diffIds.slice(0, baseLayers)));
  const unused = unusedPackages(await layers.stack(diffIds), opened, { names, layers: baseLayers });
  return Map.groupBy(unused, ({ layer }) => diffIds[layer]);
}

/** What `base advise` says first. */
async function smallerOf(context: EngineContext, imageId: string): Promise<Pick<BuildMeasure, 'smaller'>> {
  const { sizeBytes, suggestions } = await adviseBase(context, imageId);
  const [best] = suggestions;
  if (best === undefined) return {};
  const { base, estimatedBytes, reasons } = best;
  return { smaller: { base, bytes: estimatedBytes, ofBytes: sizeBytes, reason: reasons.join('; ') } };
}

/** What is known of a layer from walking it and those below. */
interface LayerFacts {
  layerBytes: number;
  rewrittenBytes: number;
  /** By the place of the later layer. */
  readonly deletedBy: Map<number, { bytes: number; example: string }>;
  readonly sizes: { readonly path: string; readonly bytes: number }[];
  readonly rights: { readonly path: string; readonly kind: Right }[];
  readonly slot: string;
}

type Right = MeasuredBuildStep['rights'][number]['kind'];

interface KnownFile {
  readonly layer: number;
  readonly bytes: number;
  readonly sha256: string | undefined;
}

/** The layers of the image by their diffIds; of those of the base nothing is told. */
async function layersOf(
  { layers, store }: EngineContext,
  diffIds: readonly DiffId[],
  steps: readonly BuildStepRecord[],
): Promise<ReadonlyMap<DiffId, { readonly facts: LayerFacts; readonly all: readonly LayerFacts[] }>> {
  const slots = new Map(
    steps.flatMap(({ diffId, slot }) => (diffId === undefined ? [] : [[diffId, slot ?? ''] as const])),
  );
  const isHere = await Promise.all(diffIds.map(async (diffId) => (await store.blobs.find(diffId)) !== undefined));
  if (isHere.includes(false)) return new Map();
  const stack = await layers.stack(diffIds);
  const facts: LayerFacts[] = diffIds.map((diffId) => ({
    layerBytes: 0,
    rewrittenBytes: 0,
    deletedBy: new Map(),
    sizes: [],
    rights: [],
    slot: slots.get(diffId) ?? '',
  }));
  const files = new Files(facts);
  for (const [place, layer] of stack.layers.entries()) files.add(place, layer.index.root);
  return new Map(
    diffIds.flatMap((diffId, place) => {
      const one = facts[place];
      return one === undefined || !slots.has(diffId) ? [] : [[diffId, { facts: one, all: facts }] as const];
    }),
  );
}

/** The files that are visible so far, while layers are put on each other. */
class Files {
  readonly #facts: readonly LayerFacts[];
  readonly #known = new Map<string, KnownFile>();
  /** Rights of what has any that are told. */
  readonly #rights = new Map<string, readonly Right[]>();

  constructor(facts: readonly LayerFacts[]) {
    this.#facts = facts;
  }

  add(place: number, root: IndexNode): void {
    const facts = this.#facts[place];
    if (facts === undefined) return;
    const folders = new Map<string, number>();
    this.#visit(place, facts, '', root, folders);
    for (const [path, bytes] of folders) facts.sizes.push({ path, bytes });
  }

  #visit(place: number, facts: LayerFacts, path: ByteString, node: IndexNode, folders: Map<string, number>): void {
    for (const [name, child] of node.children()) {
      const at = `${path}/${name}`;
      if (child.kind === 'whiteout') this.#remove(place, at);
      else this.#compareRights(facts, at, child);
      if (child.kind === 'directory') this.#visit(place, facts, at, child, folders);
      else if (child.kind === 'file') {
        this.#put(place, facts, at, child);
        const shown = toText(at);
        const folder = VOLATILE_FOLDER.exec(shown);
        if (folder !== null) {
          const key = shown.slice(1, folder.index + folder[0].replace(/\/$/, '').length);
          folders.set(key, (folders.get(key) ?? 0) + child.sizeBytes);
        } else if (child.sizeBytes >= LARGE_BYTES_MIN)
          facts.sizes.push({ path: shown.slice(1), bytes: child.sizeBytes });
      }
    }
  }

  #compareRights(facts: LayerFacts, path: string, node: IndexNode): void {
    const rights = rightsOf(node);
    const before = this.#rights.get(path) ?? [];
    for (const kind of rights) {
      const count = facts.rights.filter((one) => one.kind === kind).length;
      if (!before.includes(kind) && count < RIGHTS_MAX) facts.rights.push({ path: toText(path), kind });
    }
    if (rights.length > 0 || before.length > 0) this.#rights.set(path, rights);
  }

  #put(place: number, facts: LayerFacts, path: string, node: IndexNode): void {
    const bytes = node.sizeBytes;
    const digest = node.sha256();
    const sha256 = digest === undefined ? undefined : Buffer.from(digest).toString('latin1');
    const before = this.#known.get(path);
    facts.layerBytes += bytes;
    if (before !== undefined && sha256 !== undefined && before.sha256 === sha256) facts.rewrittenBytes += bytes;
    else if (before !== undefined) this.#lose(place, path, before);
    this.#known.set(path, { layer: place, bytes, sha256 });
  }

  #remove(place: number, path: string): void {
    for (const [name, file] of this.#known) {
      if (name !== path && !name.startsWith(`${path}/`)) continue;
      this.#known.delete(name);
      this.#lose(place, name, file);
    }
  }

  #lose(place: number, path: string, { layer, bytes }: KnownFile): void {
    const { deletedBy } = this.#facts[layer] ?? { deletedBy: new Map<number, { bytes: number; example: string }>() };
    const sum = deletedBy.get(place) ?? { bytes: 0, example: toText(path) };
    sum.bytes += bytes;
    deletedBy.set(place, sum);
  }
}

/** Of files, setuid and setgid; of both, what everybody may write, but for directories in which all keep their own. */
function rightsOf({ kind, mode }: IndexNode): readonly Right[] {
  if (kind !== 'file' && kind !== 'directory') return [];
  const isOpen = (mode & 0o002) !== 0 && (kind === 'file' || (mode & 0o1000) === 0);
  const rights: Right[] = isOpen ? ['world-writable'] : [];
  if (kind === 'file' && (mode & 0o4000) !== 0) rights.push('setuid');
  // Without the right to start it the bit means something else.
  if (kind === 'file' && (mode & 0o2010) === 0o2010) rights.push('setgid');
  return rights;
}

async function measured(
  store: Store,
  step: BuildStepRecord,
  layers: Awaited<ReturnType<typeof layersOf>>,
): Promise<Omit<MeasuredBuildStep, 'ran' | 'otherwise'>> {
  const found = step.diffId === undefined ? undefined : layers.get(step.diffId);
  const { startedAt = 0, endedAt = startedAt, status } = step;
  return {
    slot: step.slot ?? '',
    seconds: status === 'done' ? (endedAt - startedAt) / 1000 : 0,
    layerBytes: found?.facts.layerBytes ?? 0,
    rewrittenBytes: found?.facts.rewrittenBytes ?? 0,
    deletedLater: [...(found?.facts.deletedBy ?? [])].map(([place, { bytes, example }]) => ({
      slot: found?.all[place]?.slot ?? '',
      bytes,
      example,
    })),
    largest: (found?.facts.sizes ?? []).toSorted((a, b) => b.bytes - a.bytes).slice(0, LARGEST_MAX),
    rights: found?.facts.rights ?? [],
    taken: await takenFiles(store, step),
  };
}

/** The files of the context that a step's key was made of. */
async function takenFiles(store: Store, { key, details }: BuildStepRecord): Promise<readonly string[]> {
  if (key === undefined || key === '' || objectOf(details)['readsContext'] !== true) return [];
  const inputs = (await store.cacheRecords.find(key))?.inputs;
  if (!Array.isArray(inputs)) return [];
  return inputs.flatMap((input: Json) => {
    const name = Array.isArray(input) ? input[0] : undefined;
    const source = typeof name === 'string' ? /^file:(.*?) -> /s.exec(name)?.[1] : undefined;
    return source === undefined ? [] : [source];
  });
}

async function basesOf(
  store: Store,
  steps: readonly BuildStepRecord[],
  expected: string,
): Promise<BuildMeasure['bases']> {
  const bases: BuildMeasure['bases'][number][] = [];
  for (const { slot = '', details } of steps) {
    const { op, reference } = objectOf(details);
    if (op !== 'image' || typeof reference !== 'string') continue;
    const image = await findImage(store, reference);
    if (image === undefined || image.set !== undefined) continue;
    const config = await readConfig(store, image.record.id);
    bases.push({ slot, reference, expected, actual: formatPlatform(config) });
  }
  return bases;
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
