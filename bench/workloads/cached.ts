import { writeContext } from '../contexts.ts';
import type { Workload } from '../types.ts';

const DOCKERFILE = `FROM busybox:latest
ENV A=1 B=2
WORKDIR /app
RUN true
COPY dir /app/dir
RUN true && true
LABEL x=y
RUN test -f dir/f1
COPY dir/f1 /app/f1
RUN true && true && true
EXPOSE 80
CMD ["sh"]
`;

/** Nothing has changed: what starting and finding that out costs. */
export const cached: Workload = {
  name: 'cached12',
  rows({ contexts }) {
    const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`dir/f${i + 1}`, `file ${i + 1}\n`]));
    const context = writeContext(contexts, 'cached12', { Dockerfile: DOCKERFILE, ...files });
    return [
      {
        name: 'cached12',
        title: 'nothing changed, 12 steps',
        warmups: 2,
        rounds: 15,
        limit: { args: [process.execPath, '-e', '0'] },
        limitTitle: 'bare node start',
        goal: '≤ 0.05 s',
        command: (contender) => contender.build({ context, tag: 'bench/cached12', cold: false }),
      },
    ];
  },
};
