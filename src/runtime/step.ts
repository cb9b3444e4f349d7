import type { ResourceLimit, RunSpec } from './types.ts';

const LIMITS: readonly ResourceLimit[] = [
  { name: 'nofile', soft: 4096, hard: 1_048_576 },
  { name: 'stack', soft: 8 * 1024 * 1024, hard: 'unlimited' },
  { name: 'core', soft: 0, hard: 'unlimited' },
];

/**
 * What is the same in every build step, whatever machine it runs on: spread it into the step's RunSpec, the step's own
 * fields after it. Hard limits are the machine's where it gives less. stdin is empty, there is no terminal, no variable
 * of the host is passed on.
 */
export const STEP_SURROUNDINGS: Pick<RunSpec, 'hostname' | 'hostnameVariable' | 'umask' | 'cgroupMount'> & {
  readonly rlimits: readonly ResourceLimit[];
} = {
  hostname: 'shale',
  hostnameVariable: false,
  umask: 0o022,
  rlimits: LIMITS,
  cgroupMount: false,
};
