/** The limit of RUN steps: `runc run` of one bundle, so many times. Arguments: the bundle, how often. */
import { spawnSync } from 'node:child_process';

const [bundle = '', times = '1'] = process.argv.slice(2);
for (let i = 0; i < Number(times); i++) {
  const { status } = spawnSync('runc', ['run', '--bundle', bundle, `shale-bench-${process.pid}-${i}`], {
    stdio: 'ignore',
  });
  if (status !== 0) throw new Error(`runc run ended with ${status}`);
}
