import { ShaleError } from '../../base/index.ts';
import { findImage, getImage, putImage, readConfig } from '../../images/index.ts';
import { type DiffId, familiarName, formatReference, type ImageConfig, parseReference } from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import { ImagePrograms, type ProgramProblem } from './programs.ts';
import { rebaseConfig } from './rebase-config.ts';
import { findConflicts } from './rebase-conflicts.ts';
import type { RebaseOutcome, RebaseRequest } from './rebase-types.ts';

interface BaseImage {
  readonly id: string;
  readonly config: ImageConfig;
}

/**
 * `shale rebase IMAGE --onto BASE`: the same application layers on other base layers, without building. Refused where the
 * layers above touch what the new base has otherwise, and where programs in them would miss something.
 * @throws IMAGE_NOT_FOUND, REBASE_BASE_UNKNOWN, REBASE_PLATFORM, REFERENCE_INVALID, and what fetching a layer throws
 */
export async function rebase(context: EngineContext, request: RebaseRequest): Promise<RebaseOutcome> {
  const { store, layers } = context;
  const names = request.tags.map((tag) => formatReference(parseReference(tag)));
  const image = await open(context, request.image);
  const onto = await open(context, request.onto);
  refuseOtherPlatform(image.config, onto.config, request);
  const before = await baseOf(context, image, request);
  const kept = image.config.diffIds.slice(before.config.diffIds.length);
  const stacks = {
    before: await layers.stack(before.config.diffIds),
    onto: await layers.stack(onto.config.diffIds),
    above: (await layers.stack(kept)).layers,
  };
  const config = rebaseConfig({ before: before.config, image: image.config, onto: onto.config });
  const conflicts = findConflicts(stacks);
  const programs = await brokenPrograms(context, { image: image.config, rebased: config, kept });
  if (conflicts.length > 0 || programs.length > 0)
    return { kind: 'refused', from: before.id, onto: onto.id, conflicts, programs };
  const made = await putImage(store, config, { madeHere: true });
  await store.publish({
    images: [made],
    tags: names.map((name) => ({ name, target: { kind: 'image', digest: made.id } })),
    reason: `rebase onto ${request.onto}`,
  });
  return {
    kind: 'rebased',
    imageId: made.id,
    tags: names.map((name) => familiarName(parseReference(name))),
    from: before.id,
    onto: onto.id,
    keptLayers: kept.length,
  };
}

async function open({ store }: EngineContext, name: string): Promise<BaseImage> {
  const { record } = await getImage(store, name);
  return { id: record.id, config: await readConfig(store, record.id) };
}

function refuseOtherPlatform(image: ImageConfig, onto: ImageConfig, request: RebaseRequest): void {
  const [ours, theirs] = [image, onto].map(({ os, architecture, variant }) =>
    [os, architecture, variant].filter((each) => each !== undefined).join('/'),
  );
  if (image.os === onto.os && image.architecture === onto.architecture) return;
  throw new ShaleError('REBASE_PLATFORM', `${request.image} is for ${ours}, and ${request.onto} for ${theirs}`, {
    data: { image: ours, onto: theirs },
  });
}

/** The base that an image was made on: what was named, else what the new base's name led to before. */
async function baseOf(context: EngineContext, image: BaseImage, request: RebaseRequest): Promise<BaseImage> {
  if (request.base !== undefined) {
    const named = await open(context, request.base);
    if (isBelow(named.config.diffIds, image.config.diffIds)) return named;
    throw unknownBase(`the layers of ${request.base} are not the lowest of ${request.image}`, request);
  }
  const { store } = context;
  const name = formatReference(parseReference(request.onto));
  let best: BaseImage | undefined;
  for (const { to } of await store.tags.log(name)) {
    if (to === undefined) continue;
    const record = await findImage(store, to.digest);
    if (record === undefined || !isBelow(record.record.diffIds, image.config.diffIds)) continue;
    if (best === undefined || record.record.diffIds.length > best.config.diffIds.length)
      best = { id: record.record.id, config: await readConfig(store, record.record.id) };
  }
  if (best !== undefined) return best;
  throw unknownBase(`no image that ${request.onto} led to is at the bottom of ${request.image}`, request);
}

function unknownBase(message: string, { image, onto }: RebaseRequest): ShaleError {
  return new ShaleError('REBASE_BASE_UNKNOWN', message, {
    data: { image, onto },
    hint: `say which base it was made on: shale rebase ${image} --onto ${onto} --base IMAGE`,
  });
}

function isBelow(lower: readonly DiffId[], all: readonly DiffId[]): boolean {
  return lower.length > 0 && lower.length < all.length && lower.every((diffId, i) => diffId === all[i]);
}

/** What programs of the layers above would miss on the new base, and did not miss on the old one. */
async function brokenPrograms(
  { layers }: EngineContext,
  options: { readonly image: ImageConfig; readonly rebased: ImageConfig; readonly kept: readonly DiffId[] },
): Promise<ProgramProblem[]> {
  const { image, rebased, kept } = options;
  const before = new ImagePrograms(await layers.stack(image.diffIds));
  const after = new ImagePrograms(await layers.stack(rebased.diffIds));
  const known = (problem: ProgramProblem): string => `${problem.path} ${problem.missing}`;
  const problems: ProgramProblem[] = [];
  for (const { path } of new ImagePrograms(await layers.stack(kept)).all()) {
    const [was, is] = [before.at(path), after.at(path)];
    if (is === undefined) continue;
    const old = new Set(was === undefined ? [] : before.problemsOf(was).map(known));
    problems.push(...after.problemsOf(is).filter((problem) => !old.has(known(problem))));
  }
  return problems;
}
