import type { EngineContext } from '../context.ts';
import type { ContainerSummary } from '../types.ts';
import { endpointsAsked } from './networks.ts';
import { parseSetup } from './record.ts';
import { sizeOf } from './size.ts';
import { isUp, publicState, runtimeFor, settle } from './state.ts';
import { isUnsettled, settleOrRemove } from './sweep.ts';
import type { ContainerQuery } from './types.ts';

/** `shale ps`. Newest first. */
export async function listContainers(context: EngineContext, query: ContainerQuery): Promise<ContainerSummary[]> {
  const runtime = runtimeFor(context);
  const summaries: ContainerSummary[] = [];
  for (const record of await context.store.containers.list()) {
    const setup = parseSetup(record);
    const life = await settle(context, record, runtime);
    const mayGo = !context.store.readOnly && isUnsettled(record, setup);
    if (mayGo && (await settleOrRemove(context, record, life))) continue;
    const state = publicState(life);
    if (!query.all && !isUp(state) && state.kind !== 'restarting') continue;
    summaries.push({
      id: record.id,
      name: record.name,
      image: setup.image,
      imageId: record.imageId ?? '',
      command: setup.program.args,
      createdMs: record.createdAt,
      state,
      ports: setup.ports,
      exposedPorts: setup.exposedPorts,
      labels: setup.labels,
      volumes: setup.mounts.flatMap(({ kind, ...mount }) =>
        kind === 'bind' && 'source' in mount ? [{ source: mount.source, target: mount.target }] : [],
      ),
      volumeNames: record.volumes,
      network: endpointsAsked(setup.request)
        .map(({ name }) => name)
        .join(','),
      ...(query.sizes === true && { size: await sizeOf(context, record) }),
    });
  }
  return summaries;
}
