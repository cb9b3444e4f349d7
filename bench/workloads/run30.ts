import { writeContext } from '../contexts.ts';
import { limitProgram, type Workload } from '../types.ts';

const STEPS = 30;

/** Thirty RUN steps that do nothing: the cost of a step. */
export const run30: Workload = {
  name: 'run30',
  rows({ contexts, bundle }) {
    const steps = Array.from({ length: STEPS }, (_, i) => `RUN true ${i + 1}\n`).join('');
    const context = writeContext(contexts, 'run30', { Dockerfile: `FROM busybox:latest\n${steps}` });
    return [
      {
        name: 'run30',
        title: '30 trivial RUN steps, cold',
        warmups: 0,
        rounds: 5,
        limit: limitProgram('run-bundle', bundle, String(STEPS)),
        limitTitle: '30 × runc run',
        goal: '≤ 1.3 × limit',
        prepare: (contender) => contender !== 'limit' && contender.forget('bench/run30'),
        command: (contender) => contender.build({ context, tag: 'bench/run30', cold: true }),
      },
    ];
  },
};
