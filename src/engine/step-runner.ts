import { randomOf } from '../base/index.ts';
import { createStepRunner, type StepRunner } from '../build/index.ts';
import { CDI_FOLDERS, hostNetwork, noNetwork, openNetworkPool } from '../runtime/index.ts';
import type { EngineContext } from './context.ts';
import { makeWorkFolder, sweepWorkFolders } from './work-folders.ts';
import { networkFolder, openWorkshop } from './workshop.ts';

/** Opens what RUN needs, once a step really runs. */
export async function openRunner(context: EngineContext, warn?: (message: string) => void): Promise<StepRunner> {
  await sweepWorkFolders(context);
  const workshop = await openWorkshop(context, { warn });
  await workshop.runtime.sweep();
  const folder = await makeWorkFolder(context.store);
  const pool = openNetworkPool({ folder: networkFolder(context) });
  return createStepRunner({
    host: workshop.host,
    runtime: workshop.runtime,
    warmNetwork: () => pool.warm(),
    networks: { default: pool, none: noNetwork, host: hostNetwork },
    deviceFolders: context.options.deviceFolders ?? CDI_FOLDERS,
    workFolder: folder.path,
    newId: () => `step-${randomOf(6).toString('hex')}`,
    async [Symbol.asyncDispose]() {
      await pool[Symbol.asyncDispose]();
      await workshop[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  });
}
