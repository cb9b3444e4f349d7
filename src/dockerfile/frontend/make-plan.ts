import { Refusal } from '../syntax/diagnostics.ts';
import type { ImageUse } from '../lint/build-checks/subject.ts';
import { addGlobalArgs, platformArgs } from './arguments.ts';
import { Bases, isEmptyImage } from './bases.ts';
import { defaultBases } from './default-bases.ts';
import type { PlanOptions } from './plan.ts';
import { PlanMaker, type PlannedBuild } from './plan-maker.ts';
import { reachableStages, refuseCircles, sourcesOf, StageList } from './stage-list.ts';
import type { Stage, StageSource } from './stage.ts';
import type { Trace } from './trace.ts';
import { readTrigger } from './triggers.ts';

/** How often ONBUILD triggers of newly found images may lead to further images. */
const TRIGGER_ROUNDS_MAX = 100;

/**
 * Makes the plan of a Dockerfile without errors, and fills the trace as far as it comes.
 * @throws Refusal, BaseFailure
 */
export async function makePlan(options: PlanOptions, trace: Trace): Promise<PlannedBuild> {
  const { dockerfile } = options;
  const last = dockerfile.stages.at(-1);
  if (last === undefined) throw new Refusal('STAGE_MISSING', 'the file has no stage to build', undefined, 'FROM image');
  const buildArgs = options.buildArgs ?? {};
  const targetName = options.target ?? last.from.name;
  const globals = platformArgs(
    options.buildPlatform ?? options.platform,
    options.platform,
    targetName === '' ? 'default' : targetName,
    buildArgs,
  );
  trace.defaultBases = defaultBases(dockerfile, globals);
  trace.globalArgs.push(...addGlobalArgs(globals, dockerfile.globalArgs, buildArgs, dockerfile.escape));
  const list = new StageList(options, globals, trace);
  const target = list.target();
  trace.stages = list.stages;
  trace.target = target;
  refuseCircles(list.stages);
  const bases = new Bases((reference, platform) => options.resolveImageConfig(reference, platform));
  const targets = options.allStages === true ? list.stages : [target];
  const needed = await resolveBases(list, targets, bases);
  trace.images.push(...imagesOf(needed, bases));
  const maker = new PlanMaker(options, globals, list.stages, bases, trace);
  for (const stage of list.stages) if (needed.has(stage)) maker.buildStage(stage);
  return maker.finish(target);
}

/** Resolves the images of the stages that are needed; their ONBUILD triggers may name further stages and images. */
async function resolveBases(list: StageList, targets: readonly Stage[], bases: Bases): Promise<Set<Stage>> {
  for (let round = 0; round < TRIGGER_ROUNDS_MAX; round++) {
    const needed = reachableStages(targets);
    await bases.resolveAll(Array.from(needed).flatMap(sourcesOf));
    const fresh = Array.from(needed).filter((stage) => !stage.hasTriggers);
    if (fresh.length === 0) return needed;
    for (const stage of fresh) addTriggers(list, stage, bases);
    refuseCircles(list.stages);
  }
  throw new Refusal('ONBUILD_TRIGGER', 'ONBUILD triggers lead to ever more images');
}

function addTriggers(list: StageList, stage: Stage, bases: Bases): void {
  stage.hasTriggers = true;
  if (!stage.isOwn) return;
  const texts = triggersOf(stage.base, bases);
  const commands = texts.map((text) => list.link(readTrigger(text, stage), true));
  stage.commands = [...commands, ...stage.commands];
  stage.stepTotal += commands.length;
}

function triggersOf(base: StageSource, bases: Bases): readonly string[] {
  if (base.kind === 'image') return bases.get(base).config.config.OnBuild ?? [];
  if (base.kind !== 'stage') return [];
  return base.stage.commands.flatMap(({ instruction }) =>
    instruction.kind === 'onbuild' ? [instruction.expression] : [],
  );
}

/** The base images that were resolved, with the platforms that were wanted and found. */
function imagesOf(stages: ReadonlySet<Stage>, bases: Bases): ImageUse[] {
  return Array.from(stages).flatMap(({ from, base, baseText }) => {
    if (base.kind !== 'image') return [];
    const resolved = bases.get(base);
    if (isEmptyImage(resolved)) return [];
    const { os, architecture, variant } = resolved.config;
    const actual = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    return [{ from, name: baseText, expected: base.platform, actual }];
  });
}
