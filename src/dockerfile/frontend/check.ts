import { BUILD_CHECKS } from '../lint/build-checks/build-checks.ts';
import { runRules, type Finding } from '../lint/build-checks/check.ts';
import { CHECK_DEFAULTS, parseCheckOptions, type CheckOptions } from '../lint/build-checks/options.ts';
import { Refusal, type Diagnostic } from '../syntax/diagnostics.ts';
import { buildArg } from './arguments.ts';
import { makePlan } from './make-plan.ts';
import { firstError, planDiagnostic, planFailure } from './failures.ts';
import type { PlanOptions } from './plan.ts';
import { Trace } from './trace.ts';

/** What the build checks say of a Dockerfile. */
export interface BuildCheckReport {
  readonly findings: readonly Finding[];
  /** Why it cannot be built; the findings are then those up to this place. */
  readonly error?: Diagnostic;
}

/**
 * Makes the build checks without building anything: on every stage, or on those that `target` needs. What is wrong with
 * the file becomes `error`.
 * @throws whatever `resolveImageConfig` throws, with the place in front of the message
 */
export async function checkDockerfile(options: PlanOptions): Promise<BuildCheckReport> {
  const { dockerfile, target } = options;
  const trace = new Trace();
  let error = firstError(dockerfile.diagnostics);
  let checks = CHECK_DEFAULTS;
  try {
    checks = checkOptionsOf(options);
    if (error === undefined) await makePlan({ allStages: target === undefined, ...options }, trace);
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw planFailure(thrown, dockerfile);
    error = planDiagnostic(thrown, dockerfile);
  }
  const findings = runRules(trace.subject(dockerfile), BUILD_CHECKS, checks);
  return error === undefined ? { findings } : { findings, error };
}

/**
 * The options of the build checks: BUILDKIT_DOCKERFILE_CHECK among the build arguments, else the directive `check`.
 * @throws Refusal CHECK_OPTION
 */
export function checkOptionsOf({ dockerfile, buildArgs = {} }: PlanOptions): CheckOptions {
  const given = buildArg(buildArgs, 'BUILDKIT_DOCKERFILE_CHECK');
  if (given !== undefined) return parseCheckOptions(given);
  const directive = dockerfile.directives.find(({ name }) => name === 'check');
  // What stands after a blank is no part of it, as in the reference.
  return directive === undefined
    ? CHECK_DEFAULTS
    : parseCheckOptions(directive.value.split(' ', 1)[0] ?? '', directive);
}
