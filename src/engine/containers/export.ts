import { closeSync, constants, openSync } from 'node:fs';
import type { EngineContext } from '../context.ts';
import { openContainerRoot } from './container-root.ts';
import { eventAttributes, parseSetup } from './record.ts';
import { tarOfTree } from './tree-tar.ts';

/** `shale export`: the file system of a container as a tar, without what is mounted in it. @throws CONTAINER_NOT_FOUND */
export async function* exportContainer(context: EngineContext, name: string): AsyncGenerator<Uint8Array> {
  const record = await context.store.containers.get(name);
  await using root = await openContainerRoot(context, record.id);
  const { root: held } = root.locate('/');
  const directory = openSync(`/proc/self/fd/${held}/.`, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    yield* tarOfTree({ directory }, '');
  } finally {
    closeSync(directory);
  }
  await context.store.events.append({
    type: 'container',
    action: 'export',
    subject: record.id,
    attributes: eventAttributes(record, parseSetup(record)),
  });
}
