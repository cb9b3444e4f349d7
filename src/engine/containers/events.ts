import type { EventRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../types.ts';
import { removeEnded } from './sweep.ts';
import type { ContainerEvent, EventQuery } from './types.ts';

const POLL_MS = 100;

/**
 * `shale events`: what has happened since some time, and then what happens, also by other commands. Ends of containers that
 * nobody waits for are found by looking, several times a second.
 */
export async function* eventsOf(
  context: EngineContext,
  query: EventQuery,
  watch: Watch,
): AsyncGenerator<ContainerEvent> {
  const { events } = context.store;
  const { now } = context.options;
  await removeEnded(context);
  let last = query.sinceMs === undefined ? await events.latest() : 0;
  for (;;) {
    const page = await events.since(last);
    for (const record of page) {
      last = record.seq;
      if (record.at < (query.sinceMs ?? 0) || record.at > (query.untilMs ?? Infinity)) continue;
      yield eventOf(record);
    }
    if (page.length > 0) continue;
    if (now() > (query.untilMs ?? Infinity) || watch.signal.aborted) return;
    await pause(watch.signal);
    await removeEnded(context);
  }
}

function eventOf({ at, type, action, subject, attributes }: EventRecord): ContainerEvent {
  if (type !== 'tag') return { atMs: at, type, action, id: subject, attributes };
  return {
    atMs: at,
    type: 'image',
    action: action === 'set' ? 'tag' : 'untag',
    id: attributes['digest'] ?? subject,
    attributes: { name: subject },
  };
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, POLL_MS);
    signal.addEventListener('abort', done, { once: true });
  });
}
