import { putImage, readConfig } from '../../images/index.ts';
import { writeUpper } from '../../layers/index.ts';
import { formatReference, hostPlatform, parseReference, type ImageConfig } from '../../oci/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import { applyChanges } from '../changes.ts';
import type { EngineContext } from '../context.ts';
import type { CommitRequest } from '../types.ts';
import { containerChanges } from './changes.ts';
import { containerConfigOf } from './container-config.ts';
import { eventAttributes, parseSetup } from './record.ts';
import { runtimeFor, stateOf, viewOf } from './state.ts';

/**
 * `shale commit`: an image of the container's image and one more layer, which holds what the container changed and nothing
 * else. A running container is frozen while its files are read, unless `pause` is off.
 * @throws CONTAINER_NOT_FOUND, CHANGE_INVALID, UPPER_CHANGED
 */
export async function commitContainer(
  context: EngineContext,
  request: CommitRequest,
): Promise<{ readonly imageId: string }> {
  const { store, layers } = context;
  const record = await store.containers.get(request.container);
  const name = request.tag === undefined ? undefined : formatReference(parseReference(request.tag));
  const base = await baseOf(context, record);
  const setup = parseSetup(record);
  const config = await applyChanges(containerConfigOf(setup, base.config), request.changes);
  await using _frozen = request.pause ? await freeze(context, record) : undefined;
  const stack = await layers.stack(record.diffIds);
  const { diffId } = await writeUpper(layers, containerChanges(context, record, { stack }));
  const created = new Date(context.options.now()).toISOString();
  const entry = {
    created,
    createdBy: setup.program.args.join(' '),
    ...(request.author !== undefined && { author: request.author }),
    ...(request.message !== undefined && { comment: request.message }),
  };
  const image = await putImage(
    store,
    {
      ...base,
      created,
      config,
      diffIds: [...record.diffIds, diffId],
      history: [...base.history, entry],
      ...(request.author !== undefined && { author: request.author }),
    },
    { madeHere: true },
  );
  await store.publish({
    images: [image],
    tags: name === undefined ? [] : [{ name, target: { kind: 'image', digest: image.id } }],
    reason: `commit ${record.name}`,
  });
  await store.events.append({
    type: 'container',
    action: 'commit',
    subject: record.id,
    attributes: eventAttributes(record, setup, { imageID: image.id }),
  });
  return { imageId: image.id };
}

async function baseOf({ store }: EngineContext, record: ContainerRecord): Promise<ImageConfig> {
  if (record.imageId !== undefined) return readConfig(store, record.imageId);
  return { ...hostPlatform(), config: {}, diffIds: record.diffIds, history: [] };
}

async function freeze(context: EngineContext, record: ContainerRecord): Promise<AsyncDisposable | undefined> {
  const runtime = runtimeFor(context);
  if (stateOf(context, record, runtime).kind !== 'running') return undefined;
  const container = viewOf(context, record, runtime);
  await container.pause();
  return { [Symbol.asyncDispose]: () => container.resume() };
}
