import { writeContext } from '../contexts.ts';
import type { Workload } from '../types.ts';

const STAGES = [1, 2, 3, 4];

/** Four stages that sleep for two seconds each, and know nothing of each other. */
export const stages4: Workload = {
  name: 'stages4',
  rows({ contexts }) {
    const Dockerfile = [
      ...STAGES.map((i) => `FROM busybox:latest AS s${i}\nRUN sleep 2 && echo ${i} >/out${i}`),
      'FROM busybox:latest',
      ...STAGES.map((i) => `COPY --from=s${i} /out${i} /out${i}`),
      '',
    ].join('\n');
    const context = writeContext(contexts, 'stages4', { Dockerfile });
    return [
      {
        name: 'stages4',
        title: '4 stages of `sleep 2`',
        warmups: 0,
        rounds: 5,
        limit: { args: ['sleep', '2'] },
        limitTitle: 'sleep 2',
        goal: '≤ 2.3 s',
        prepare: (contender) => contender !== 'limit' && contender.forget('bench/stages4'),
        command: (contender) => contender.build({ context, tag: 'bench/stages4', cold: true, jobs: STAGES.length }),
      },
    ];
  },
};
