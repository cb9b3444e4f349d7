/**
 * A process for crash.host.test.ts to kill: runs containers without end. Arguments: run folder, rootfs, id prefix,
 * `attached` | `bridge` | `detached`. Prints a line per container that was started.
 */
import { mkdirSync } from 'node:fs';
import { bridgeNetwork } from './bridge.ts';
import { noNetwork } from './networks-basic.ts';
import { openPlainHost } from './plain-host.ts';
import { openRuntime } from './runtime.ts';
import type { RunSpec } from './types.ts';

const [runRoot = '', rootfs = '', prefix = '', kind = ''] = process.argv.slice(2);
const host = openPlainHost();
const runtime = openRuntime({ host, runRoot });
const bridge = bridgeNetwork({ folder: `${runRoot}/networks`, bridge: `s${prefix.split('-')[0] ?? ''}` });

for (let count = 0; ; count++) {
  const spec: RunSpec = {
    id: `${prefix}-${count}`,
    rootfs: { path: rootfs, access: rootfs },
    args: ['sh', '-c', 'sleep 300 & sleep 0.1'],
    env: [],
    network: kind === 'bridge' ? bridge : noNetwork,
  };
  if (kind === 'detached') {
    const stateDir = `${runRoot}/../state-${spec.id}`;
    mkdirSync(stateDir, { recursive: true });
    const container = await runtime.create({ ...spec, args: ['sleep', '300'] }, { stateDir });
    await container.start();
  } else {
    const handle = await runtime.run(spec, { kind: 'pipes' });
    process.stdout.write(`${spec.id}\n`);
    await handle.exit;
  }
  process.stdout.write(`${spec.id}\n`);
}
