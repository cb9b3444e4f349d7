import type { EngineContext } from '../context.ts';
import type { ContainerSummary } from '../types.ts';
import { parseSetup } from './record.ts';
import { runtimeFor, settleState } from './state.ts';

/** `shale ps`. Newest first. */
export async function listContainers(
  context: EngineContext,
  options: { readonly all: boolean },
): Promise<ContainerSummary[]> {
  const runtime = runtimeFor(context);
  const summaries: ContainerSummary[] = [];
  for (const record of await context.store.containers.list()) {
    const state = await settleState(context, record, runtime);
    if (!options.all && state.kind !== 'running') continue;
    const setup = parseSetup(record);
    summaries.push({
      id: record.id,
      name: record.name,
      image: setup.image,
      imageId: record.imageId ?? '',
      command: setup.command,
      createdMs: record.createdAt,
      state,
      ports: setup.ports,
      labels: setup.labels,
    });
  }
  return summaries;
}
