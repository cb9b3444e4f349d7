import { hasErrors } from '../syntax/dockerfile.ts';
import { BUILD_CHECKS } from '../lint/build-checks/build-checks.ts';
import { runRules } from '../lint/build-checks/check.ts';
import { checkOptionsOf } from './check.ts';
import { planFailure, refused } from './failures.ts';
import { makePlan } from './make-plan.ts';
import type { BuildPlan, PlanOptions } from './plan.ts';
import { Trace } from './trace.ts';

/**
 * Turns a Dockerfile into a build graph and the config and history of its image, as BuildKit would. Only the stages
 * that the target needs are looked at closely, and only their base images are resolved.
 * @throws DOCKERFILE_INVALID, with all diagnostics in `data.diagnostics`, the first one as the message and its place in
 * `data.frame`; and whatever `resolveImageConfig` throws, with the place in front of the message
 */
export async function toGraph(options: PlanOptions): Promise<BuildPlan> {
  const { dockerfile } = options;
  if (hasErrors(dockerfile.diagnostics)) throw refused(dockerfile, dockerfile.diagnostics);
  const trace = new Trace();
  try {
    const checks = checkOptionsOf(options);
    const planned = await makePlan(options, trace);
    const findings = runRules(trace.subject(dockerfile), BUILD_CHECKS, checks);
    return { ...planned, findings, findingsAreErrors: checks.isError };
  } catch (error) {
    throw planFailure(error, dockerfile);
  }
}
