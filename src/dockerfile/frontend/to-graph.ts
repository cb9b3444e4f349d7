import { invariant, ShaleError, type ErrorData } from '../../base/index.ts';
import { diagnosticAt, formatCodeFrame, lastLineOf, Refusal, type Diagnostic } from '../syntax/diagnostics.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';
import type { Source } from '../syntax/source.ts';
import { addGlobalArgs, platformArgs } from './arguments.ts';
import { BaseFailure, Bases } from './bases.ts';
import type { BuildPlan, PlanOptions } from './plan.ts';
import { PlanMaker } from './plan-maker.ts';
import { reachableStages, refuseCircles, sourcesOf, StageList } from './stage-list.ts';
import type { Stage, StageSource } from './stage.ts';
import { readTrigger } from './triggers.ts';

/** How often ONBUILD triggers of newly found images may lead to further images. */
const TRIGGER_ROUNDS_MAX = 100;

/**
 * Turns a Dockerfile into a build graph and the config and history of its image, as BuildKit would. Only the stages
 * that the target needs are looked at closely, and only their base images are resolved.
 * @throws DOCKERFILE_INVALID, with all diagnostics in `data.diagnostics`, the first one as the message and its place in
 * `data.frame`; and whatever `resolveImageConfig` throws, with the place in front of the message
 */
export async function toGraph(options: PlanOptions): Promise<BuildPlan> {
  const { dockerfile } = options;
  const errors = dockerfile.diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw refused(dockerfile, dockerfile.diagnostics);
  try {
    return await plan(options);
  } catch (error) {
    if (error instanceof BaseFailure) {
      const fault = { code: 'BASE_IMAGE_FAILED', message: error.message };
      const place = diagnosticAt(dockerfile.source, error.source.span, PLAN_ERROR, fault);
      throw error.at(`${place.file}:${place.start.line}`, placeData(place, dockerfile.source));
    }
    if (!(error instanceof Refusal)) throw error;
    const diagnostic = diagnosticAt(dockerfile.source, error.span ?? { start: 0, end: 0 }, PLAN_ERROR, error.fault);
    throw refused(dockerfile, [...dockerfile.diagnostics, diagnostic]);
  }
}

const PLAN_ERROR = { severity: 'error', phase: 'plan' } as const;

function refused(dockerfile: Dockerfile, diagnostics: readonly Diagnostic[]): ShaleError {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  // What stops reading counts before what only stops building.
  const first = errors.find(({ phase }) => phase === 'parse') ?? errors[0];
  invariant(first !== undefined, 'a refused Dockerfile has an error');
  return new ShaleError('DOCKERFILE_INVALID', `${first.file}:${first.start.line}: ${first.message}`, {
    data: { diagnostics, ...placeData(first, dockerfile.source) },
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

/** The place of an error as the command line shows it: `excerpt` as lines, `frame` as text with a caret. */
function placeData(diagnostic: Diagnostic, source: Source): ErrorData {
  const { file, start } = diagnostic;
  return {
    file,
    line: start.line,
    column: start.column,
    excerpt: { file, text: source.text, firstLine: start.line, lastLine: lastLineOf(diagnostic) },
    frame: formatCodeFrame(diagnostic, source),
  };
}

async function plan(options: PlanOptions): Promise<BuildPlan> {
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
  addGlobalArgs(globals, dockerfile.globalArgs, buildArgs, dockerfile.escape);
  const list = new StageList(options, globals);
  const target = list.target();
  refuseCircles(list.stages);
  const bases = new Bases((reference, platform) => options.resolveImageConfig(reference, platform));
  const targets = options.allStages === true ? list.stages : [target];
  const needed = await resolveBases(list, targets, bases);
  const maker = new PlanMaker(options, globals, list.stages, bases);
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
