import { ShaleError } from '../../base/index.ts';
import type { EngineContext } from '../context.ts';
import type { LogPiece, LogQuery, Watch } from '../types.ts';
import { logFilesOf } from './log-files.ts';
import { parseSetup } from './record.ts';
import { detachedOf } from './state.ts';

/** `shale logs`: the older files first. @throws CONTAINER_NOT_FOUND, LOG_UNAVAILABLE */
export async function* logsOf(
  context: EngineContext,
  name: string,
  query: LogQuery,
  watch: Watch,
): AsyncGenerator<LogPiece> {
  const record = await context.store.containers.get(name);
  const setup = parseSetup(record);
  if (setup.request.log?.driver === 'none')
    throw new ShaleError('LOG_UNAVAILABLE', `the container ${record.name} keeps no log (--log-driver none)`);
  if (!setup.detached) {
    throw new ShaleError(
      'LOG_UNAVAILABLE',
      `the container ${record.name} writes straight to where it was started from: there is no log`,
      { hint: 'a container that is run with -d, or without --rm, has one' },
    );
  }
  const older = logFilesOf(context.store.containers.folder(record.id)).slice(0, -1);
  yield* detachedOf(context, record).logOutput({
    timestamps: query.timestamps,
    follow: query.follow,
    signal: watch.signal,
    older,
    ...(query.tail !== undefined && { tail: query.tail }),
    ...(query.sinceMs !== undefined && { sinceMs: query.sinceMs }),
    ...(query.untilMs !== undefined && { untilMs: query.untilMs }),
  });
}
