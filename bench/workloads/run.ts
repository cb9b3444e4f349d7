import { limitProgram, type Workload } from '../types.ts';

/** `run --rm IMAGE true`: the latency of a container. */
export const run: Workload = {
  name: 'run',
  rows: ({ bundle }) => [
    {
      name: 'run-no-network',
      title: '`run --rm IMAGE true`, no network',
      warmups: 2,
      rounds: 11,
      limit: limitProgram('run-bundle', bundle),
      limitTitle: 'node start + runc run',
      goal: '≤ 2 × runc run + node start',
      command: (contender) => contender.run('busybox:latest', 'none'),
    },
    {
      name: 'run-default-network',
      title: 'same, default network',
      warmups: 2,
      rounds: 11,
      goal: '≤ 1.2 × (node + network set-up + runc)',
      command: (contender) => contender.run('busybox:latest', 'default'),
    },
  ],
};
