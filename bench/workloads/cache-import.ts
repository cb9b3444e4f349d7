import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pseudoRandom, writeContext } from '../contexts.ts';
import { run } from '../measure.ts';
import type { Workload } from '../types.ts';

const FILE_BYTES = 64 * 1024 * 1024;
const TAG = 'bench/cache-import';
const DOCKERFILE = `FROM busybox:latest AS tool
RUN --network=none dd if=/dev/zero of=/tool bs=1M count=64
FROM busybox:latest
COPY large /large
COPY --from=tool /tool /tool
RUN --network=none test -f /tool
WORKDIR /app
COPY small /app/
RUN --network=none cat small > both
CMD ["sh"]
`;

/** A store that has the base image and nothing else takes all of a build from a cache: no step runs and no layer is read. */
export const cacheImport: Workload = {
  name: 'cache-import',
  rows({ contexts, contenders }) {
    const context = writeContext(contexts, 'cache-import', { Dockerfile: DOCKERFILE, small: 'small\n' });
    writeFileSync(join(context, 'large'), pseudoRandom('cache-import').bytes(FILE_BYTES));
    const folder = join(contexts, 'cache-import-cache');
    for (const contender of contenders) {
      const command = contender.buildWithCache({ context, tag: TAG, cold: true }, { folder, direction: 'to' });
      if (command !== undefined) run(command);
    }
    return [
      {
        name: 'cache-import',
        title: 'cache of 190 MB of layers into a fresh store',
        warmups: 1,
        rounds: 9,
        limit: { args: ['sha256sum', join(context, 'large')] },
        limitTitle: 'sha256 of the one file copied',
        goal: '≤ 1.5 × limit',
        prepare: (contender) => contender !== 'limit' && contender.forget(TAG),
        command: (contender) =>
          contender.buildWithCache({ context, tag: TAG, cold: false }, { folder, direction: 'from' }),
      },
    ];
  },
};
