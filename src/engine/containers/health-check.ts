import type { ContainerConfig } from '../../oci/index.ts';
import type { HealthCheck, HealthRequest } from './types.ts';

const NS_PER_MS = 1_000_000;
const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c'];
/** Docker's defaults. */
const DEFAULTS = { intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5000, retries: 3 };

/**
 * The health check of a container: the image's (HEALTHCHECK), with what the request changes of it. Undefined where there
 * is none, or it is turned off. Zero values of the image mean the default.
 */
export function healthCheckOf(asked: HealthRequest | undefined, config: ContainerConfig): HealthCheck | undefined {
  if (asked?.disabled === true) return undefined;
  const image = config.Healthcheck;
  const test = asked?.command === undefined ? image?.Test : ['CMD-SHELL', asked.command];
  if (test === undefined || test.length === 0 || test[0] === 'NONE') return undefined;
  const ms = (nanoseconds: number | undefined): number | undefined =>
    nanoseconds === undefined || nanoseconds === 0 ? undefined : nanoseconds / NS_PER_MS;
  return {
    test: withShell(test, config.Shell ?? DEFAULT_SHELL),
    intervalMs: asked?.intervalMs ?? ms(image?.Interval) ?? DEFAULTS.intervalMs,
    timeoutMs: asked?.timeoutMs ?? ms(image?.Timeout) ?? DEFAULTS.timeoutMs,
    startPeriodMs: asked?.startPeriodMs ?? ms(image?.StartPeriod) ?? DEFAULTS.startPeriodMs,
    startIntervalMs: asked?.startIntervalMs ?? ms(image?.StartInterval) ?? DEFAULTS.startIntervalMs,
    retries: asked?.retries ?? (image?.Retries || undefined) ?? DEFAULTS.retries,
  };
}

/** `CMD-SHELL` runs in the image's shell; the record keeps the words that are run after docker's mark. */
function withShell(test: readonly string[], shell: readonly string[]): readonly string[] {
  return test[0] === 'CMD-SHELL' && shell !== DEFAULT_SHELL ? ['CMD', ...shell, test[1] ?? ''] : test;
}

/** The words that are run inside. */
export function healthCommand({ test }: HealthCheck): readonly string[] {
  return test[0] === 'CMD-SHELL' ? [...DEFAULT_SHELL, test[1] ?? ''] : test.slice(1);
}
