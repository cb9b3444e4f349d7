import { ambiguous, JsonReader, ShaleError } from '../base/index.ts';
import { familiarName, formatReference, parseReference } from '../oci/index.ts';
import type { Store, TagMove, TagTarget } from '../store/index.ts';
import type { EngineContext } from './context.ts';
import type { RollbackOutcome, TagLogEntry, TagOrigin } from './tag-history-types.ts';

/** Of which a tag that is rolled back is not moved: they only say where it came from. */
const ROLLBACK = 'rollback';

/** `shale image log`: the moves of a tag, newest first. @throws TAG_NOT_FOUND, REFERENCE_INVALID */
export async function tagLog({ store }: EngineContext, name: string): Promise<TagLogEntry[]> {
  const full = fullName(name);
  const moves = await requireLog(store, full);
  const current = await store.tags.find(full);
  const entries: TagLogEntry[] = [];
  let isFirst = true;
  for (const { at, reason, to, origin } of moves) {
    const isCurrent = isFirst && to !== undefined && to.digest === current?.target.digest;
    isFirst = false;
    entries.push({
      movedMs: at,
      reason,
      ...(to !== undefined && { imageId: to.digest }),
      isHere: to !== undefined && (await isHere(store, to)),
      isCurrent,
      ...(origin !== undefined && { origin: originIn(new JsonReader(origin, `the history of ${name}`, DAMAGED)) }),
    });
  }
  return entries;
}

/**
 * `shale rollback`: moves a tag back to where it led before, one move each time, or to `to`: the beginning of an image's
 * id, or the build that made it. The move is in the history too.
 * @throws TAG_NOT_FOUND, ROLLBACK_NOTHING, IMAGE_NOT_FOUND
 */
export async function rollback({ store }: EngineContext, name: string, to?: string): Promise<RollbackOutcome> {
  const full = fullName(name);
  const moves = await requireLog(store, full);
  const current = (await store.tags.find(full))?.target;
  const target = to === undefined ? before(moves, current) : chosen(moves, to);
  const shown = familiarName(parseReference(full));
  if (target === undefined)
    throw new ShaleError(
      'ROLLBACK_NOTHING',
      to === undefined ? `${shown} led to nothing before` : `${shown} never led to ${to}`,
      { hint: `shale image log ${shown} shows where it led` },
    );
  if (!(await isHere(store, target)))
    throw new ShaleError('IMAGE_NOT_FOUND', `${shown} led to ${target.digest}, which is not in the store any more`, {
      data: { name: shown, digest: target.digest },
      hint: `shale image log ${shown} says which of its images are`,
    });
  await store.tags.set(full, target, ROLLBACK);
  return { name: shown, ...(current !== undefined && { from: current.digest }), to: target.digest };
}

const DAMAGED = 'STORE_DAMAGED';

function fullName(name: string): string {
  const reference = parseReference(name);
  if (reference.digest === undefined) return formatReference(reference);
  throw new ShaleError('REFERENCE_INVALID', `${name} is a digest, which never moves`, { hint: 'name a tag' });
}

async function requireLog(store: Store, full: string): Promise<readonly TagMove[]> {
  const moves = await store.tags.log(full);
  if (moves.length > 0) return moves;
  const name = familiarName(parseReference(full));
  throw new ShaleError('TAG_NOT_FOUND', `${name} was never a tag of this store`, { data: { name } });
}

/** Where a tag led before it led to `current`. Rolling back twice goes two moves back, not back and forth. */
function before(moves: readonly TagMove[], current: TagTarget | undefined): TagTarget | undefined {
  const targets = moves.flatMap(({ reason, to }) => (reason === ROLLBACK || to === undefined ? [] : [to]));
  const at = targets.findIndex(({ digest }) => digest === current?.digest);
  const earlier = current === undefined ? targets : targets.slice(at + 1);
  return earlier.find(({ digest }) => digest !== current?.digest);
}

/** By the beginning of an id, or by a build. @throws NAME_AMBIGUOUS */
function chosen(moves: readonly TagMove[], to: string): TagTarget | undefined {
  const byBuild = moves.find(({ reason }) => reason === `build ${to}`)?.to;
  if (byBuild !== undefined) return byBuild;
  const hex = to.replace(/^sha256:/, '');
  if (!/^[0-9a-f]{4,64}$/.test(hex)) return undefined;
  const targets = moves.flatMap((move) => (move.to?.digest.startsWith(`sha256:${hex}`) === true ? [move.to] : []));
  const ids = new Set(targets.map(({ digest }) => digest.slice('sha256:'.length).slice(0, 12)));
  if (ids.size > 1) throw ambiguous('image', hex, [...ids].toSorted());
  return targets[0];
}

async function isHere(store: Store, { kind, digest }: TagTarget): Promise<boolean> {
  return (await (kind === 'image' ? store.images.find(digest) : store.indexes.find(digest))) !== undefined;
}

function originIn(fields: JsonReader): TagOrigin {
  const revision = fields.object('revision');
  const epoch = fields.integer('epoch');
  const given = {
    dockerfileDigest: fields.string('dockerfileDigest'),
    context: fields.string('context'),
    commit: revision?.string('commit'),
    branch: revision?.string('branch'),
    target: fields.string('target'),
  };
  return {
    build: fields.string('build') ?? '',
    dockerfile: fields.string('dockerfile') ?? 'Dockerfile',
    ...present(given),
    platform: fields.string('platform') ?? '',
    buildArgs: fields.strings('buildArgs') ?? [],
    ...(epoch !== undefined && { epoch }),
    bases: (fields.objects('bases') ?? []).map((base) => {
      const digest = base.string('digest');
      return { reference: base.string('reference') ?? '', ...(digest !== undefined && { digest }) };
    }),
    fetched: (fields.objects('fetched') ?? []).map((one) => ({
      address: one.string('url') ?? one.string('repository') ?? '',
      ...present({ digest: one.string('digest'), commit: one.string('commit') }),
    })),
  };
}

/** The fields that there are. */
function present<T extends Readonly<Record<string, string | undefined>>>(fields: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string;
  };
}
