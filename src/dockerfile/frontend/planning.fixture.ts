import assert from 'node:assert/strict';
import { isShaleError } from '../../base/index.ts';
import type { ExecOp, Vertex } from '../../graph/index.ts';
import { parseDiffId, type ContainerConfig, type ImageConfig } from '../../oci/index.ts';
import type { Diagnostic } from '../syntax/diagnostics.ts';
import { parseDockerfile } from '../syntax/dockerfile.ts';
import type { BuildPlan, PlanOptions } from './plan.ts';
import { toGraph } from './to-graph.ts';

export const PLATFORM = { os: 'linux', architecture: 'amd64' } as const;
export const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The config of a base image with one layer. */
export function baseConfig(config: ContainerConfig = { Env: [PATH], Cmd: ['sh'] }): ImageConfig {
  return {
    ...PLATFORM,
    config,
    diffIds: [parseDiffId(`sha256:${'0'.repeat(64)}`)],
    history: [{ createdBy: 'imported' }],
  };
}

type Extra = Partial<Omit<PlanOptions, 'dockerfile'>>;

export function planOf(text: string, extra: Extra = {}): Promise<BuildPlan> {
  return toGraph({
    dockerfile: parseDockerfile(text),
    platform: PLATFORM,
    resolveImageConfig: () => Promise.resolve({ config: baseConfig() }),
    ...extra,
  });
}

/** The error for which a text is refused. */
export async function refusalOf(text: string, extra: Extra = {}): Promise<Diagnostic> {
  const error: unknown = await planOf(text, extra).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(isShaleError(error, 'DOCKERFILE_INVALID'), `${JSON.stringify(text)}: ${String(error)}`);
  const { diagnostics } = error.data;
  assert.ok(Array.isArray(diagnostics));
  const last: Diagnostic | undefined = diagnostics.findLast(({ severity }: Diagnostic) => severity === 'error');
  assert.ok(last !== undefined);
  return last;
}

export function verticesOf(plan: BuildPlan): Vertex[] {
  return Array.from(plan.graph.vertices.values());
}

export function execsOf(plan: BuildPlan): ExecOp[] {
  return verticesOf(plan).flatMap(({ op }) => (op.kind === 'exec' ? [op] : []));
}
