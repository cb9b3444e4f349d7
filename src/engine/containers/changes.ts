import { join } from 'node:path';
import { walkUpper, type Stack, type UpperChange } from '../../layers/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { PathChange } from '../types.ts';
import { viewOf } from './state.ts';

const WHITEOUT = '.wh.';

/** What a container changed against its image, as the entries of a layer. It must not run meanwhile, or be frozen. */
export function containerChanges(
  context: EngineContext,
  record: ContainerRecord,
  { stack, pathsOnly = false }: { readonly stack: Stack; readonly pathsOnly?: boolean },
): Iterable<UpperChange> {
  return walkUpper({
    pathsOnly,
    upperDir: join(context.store.containers.folder(record.id), 'upper'),
    lower: stack.view,
    traces: viewOf(context, record).traces,
  });
}

/** `shale diff`: added, changed and deleted paths. @throws CONTAINER_NOT_FOUND */
export async function* changesOf(context: EngineContext, name: string): AsyncGenerator<PathChange> {
  const record = await context.store.containers.get(name);
  const stack = await context.layers.stack(record.diffIds);
  for (const { entry, replaces } of containerChanges(context, record, { stack, pathsOnly: true })) {
    const slash = entry.path.lastIndexOf('/') + 1;
    const base = entry.path.slice(slash);
    if (base.startsWith(WHITEOUT)) {
      yield { kind: 'deleted', path: `/${entry.path.slice(0, slash)}${base.slice(WHITEOUT.length)}` };
      continue;
    }
    yield { kind: replaces ? 'changed' : 'added', path: `/${entry.path}` };
  }
}
