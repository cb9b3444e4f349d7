import { isJsonObject, JsonReader, ShaleError, type Json } from '../base/index.ts';
import { findImage } from '../images/index.ts';
import { parseDiffId, type ContainerConfig, type DiffId } from '../oci/index.ts';
import type { BuildRecord, BuildStepRecord } from '../store/index.ts';
import { getStep } from './build-records.ts';
import type { EngineContext } from './context.ts';

/** The root filesystem of a build's step, with what the Dockerfile had set there. */
export interface StepRootfs {
  /** `BUILD:STEP`, the build's id in full. */
  readonly name: string;
  readonly diffIds: readonly DiffId[];
  readonly config: ContainerConfig;
}

const WHOLE_ID_CHARACTERS = 11;
/** Shorter beginnings of build ids are left to images: `bash:5` must not mean a build by chance. */
const BEGINNING_MIN = 6;

/**
 * The root filesystem after a step of a build, as `BUILD:STEP` names it, or before it where it failed; undefined when the
 * name is no such one, but an image's. Steps that were cached have one as well.
 * @throws BUILD_NOT_FOUND for a build that is there without the step, STEP_WITHOUT_ROOTFS, STEP_LOST
 */
export async function findStepRootfs(context: EngineContext, name: string): Promise<StepRootfs | undefined> {
  const { store, layers } = context;
  const [, build = '', number = ''] = /^(b[a-z2-7]{1,10}|latest):(\d{1,6})$/.exec(name) ?? [];
  const isBeginning = build !== 'latest' && build.length < WHOLE_ID_CHARACTERS;
  if (build === '' || (isBeginning && build.length < BEGINNING_MIN)) return undefined;
  if (build.length < WHOLE_ID_CHARACTERS && (await findImage(store, name)) !== undefined) return undefined;
  const record = await store.builds.find(build);
  if (record === undefined) return undefined;
  const steps = await store.builds.steps(record.id);
  const step = getStep(record, steps, Number(number));
  const rootfs = rootfsOf(record, steps, step);
  for (const layer of rootfs.layers) {
    if (await layers.isAvailable(layer)) continue;
    throw new ShaleError('STEP_LOST', `step ${number} of build ${record.id} is no longer in the store`, {
      data: { build: record.id, step: step.number, layer },
      hint: 'build it again: the cache was collected since',
    });
  }
  const { surroundings } = rootfs;
  const [shell = '/bin/sh'] = surroundings.strings('shell') ?? [];
  return {
    name: `${record.id}:${step.number}`,
    diffIds: rootfs.layers,
    config: {
      Env: surroundings.strings('env') ?? [],
      WorkingDir: surroundings.string('workingDirectory') ?? '/',
      User: surroundings.string('user') ?? '',
      Cmd: [shell],
    },
  };
}

interface Found {
  readonly layers: readonly DiffId[];
  readonly surroundings: JsonReader;
}

/** Follows the steps that a step lies on (docs/formats/build-records.md). */
function rootfsOf(record: BuildRecord, steps: readonly BuildStepRecord[], step: BuildStepRecord): Found {
  const layers: DiffId[][] = [];
  let surroundings: Json | undefined;
  let at: BuildStepRecord | undefined = step;
  // A step lies on an earlier one, so this ends; the limit is for records that are not ours.
  for (let i = 0; at !== undefined && i <= steps.length; i++) {
    const details = isJsonObject(at.details) ? at.details : {};
    if (details['rootfs'] === undefined) throw withoutRootfs(record, step);
    const rootfs = new JsonReader(details['rootfs'], `step ${at.number} of build ${record.id}`, 'STORE_DAMAGED');
    layers.unshift((rootfs.strings('layers') ?? []).map(parseDiffId));
    surroundings ??= details['surroundings'];
    const below = rootfs.integer('on');
    at = below === undefined ? undefined : getStep(record, steps, below);
  }
  return {
    layers: layers.flat(),
    surroundings: new JsonReader(surroundings ?? {}, `the surroundings of step ${step.number}`, 'STORE_DAMAGED'),
  };
}

function withoutRootfs({ id, status }: BuildRecord, { number, name }: BuildStepRecord): ShaleError {
  const why = status === 'running' ? 'the build is still running' : 'it has no root file system';
  return new ShaleError('STEP_WITHOUT_ROOTFS', `step ${number} of build ${id} cannot be entered: ${why}`, {
    data: { build: id, step: number, name },
    hint: `shale builds show ${id}`,
  });
}
