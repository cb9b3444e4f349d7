import { ShaleError } from '../../base/index.ts';
import type { EngineContext } from '../context.ts';
import type { LogLine, LogQuery, Watch } from '../types.ts';
import { parseSetup } from './record.ts';
import { detachedOf } from './state.ts';

/** `shale logs`. @throws CONTAINER_NOT_FOUND, LOG_UNAVAILABLE */
export async function* logsOf(
  context: EngineContext,
  name: string,
  query: LogQuery,
  watch: Watch,
): AsyncGenerator<LogLine> {
  const record = await context.store.containers.get(name);
  if (!parseSetup(record).detached) {
    throw new ShaleError(
      'LOG_UNAVAILABLE',
      `the container ${record.name} wrote to the terminal that it was started from: there is no log`,
    );
  }
  const lines = detachedOf(context, record).logs({
    follow: query.follow,
    signal: watch.signal,
    ...(query.tail !== undefined && { tail: query.tail }),
    ...(query.sinceMs !== undefined && { sinceMs: query.sinceMs }),
  });
  for await (const line of lines) yield { stream: line.stream, timeMs: Date.parse(line.time), data: line.bytes };
}
