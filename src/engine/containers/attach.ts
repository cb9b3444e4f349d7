import { isShaleError, ShaleError } from '../../base/index.ts';
import type { Attachment, DetachedContainer } from '../../runtime/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { Started } from '../types.ts';
import { ensureKeeper, needsKeeper } from './keeper-process.ts';
import { eventAttributes, formatSetup, isBeingRestarted, parseLife, parseSetup } from './record.ts';
import { dropContainer } from './remove.ts';
import { startContainer, type StartedContainer } from './start.ts';
import {
  detachedOf,
  finishedMs,
  isUp,
  runtimeFor,
  settle,
  settleState,
  statusFromEvents,
  writeEnd,
  UNKNOWN_END,
} from './state.ts';
import type { AttachedStreams, AttachRequest, StartRequest } from './types.ts';

/** `shale start`, of one container. Starting one that runs is no error. @throws CONTAINER_NOT_FOUND, START_FAILED */
export async function start(context: EngineContext, request: StartRequest): Promise<Started> {
  const record = await context.store.containers.get(request.container);
  const isAttached = request.attach || request.interactive;
  if (!parseSetup(record).detached) throw endsWithItsCommand(record.name);
  const started = await startContainer(context, record.id, { attach: isAttached, terminalSize: request.terminalSize });
  if (started === undefined && isAttached) return await attach(context, request);
  return followStarted(context, record, started);
}

/** `shale attach`. @throws CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING, CONTAINER_ATTACHED, CONTAINER_PAUSED */
export async function attach(context: EngineContext, request: AttachRequest): Promise<Started> {
  const record = await context.store.containers.get(request.container);
  const runtime = runtimeFor(context);
  const state = await settleState(context, record, runtime);
  if (state.kind === 'paused')
    throw new ShaleError('CONTAINER_PAUSED', 'you cannot attach to a paused container, unpause it first');
  if (!isUp(state))
    throw new ShaleError('CONTAINER_NOT_RUNNING', 'you cannot attach to a stopped container, start it first', {
      hint: `shale start -a ${record.name}`,
    });
  if (!parseSetup(record).detached) throw endsWithItsCommand(record.name);
  const container = detachedOf(context, record, runtime);
  const attachment = container.attach();
  const setup = parseSetup(record);
  await context.store.events.append({
    type: 'container',
    action: 'attach',
    subject: record.id,
    attributes: eventAttributes(record, setup),
  });
  if (request.terminalSize !== undefined && setup.request.terminal) {
    const { columns, rows } = request.terminalSize;
    attachment.resize({ width: columns, height: rows });
  }
  return followStarted(context, record, { container, attachment });
}

function endsWithItsCommand(name: string): ShaleError {
  return new ShaleError('CONTAINER_ATTACHED', `the container ${name} runs as a part of the command that started it`, {
    hint: 'run it with -d, or without --rm, to come back to it',
  });
}

/** A container that runs, with its streams where somebody is attached, and its end. */
export function followStarted(
  context: EngineContext,
  record: ContainerRecord,
  started: StartedContainer | undefined,
): Started {
  if (started?.attachment === undefined) return { containerId: record.id, exit: Promise.resolve(0) };
  const { container, attachment } = started;
  const leaving = new AbortController();
  const ended = endOf(context, record, container, leaving.signal);
  ended.catch(() => undefined); // Whoever has left need not hear of it.
  return {
    containerId: record.id,
    exit: ended,
    attached: streamsOf(context, record, attachment, leaving),
    kill: (signal) => void container.kill(signal).catch(() => undefined),
  };
}

function streamsOf(
  context: EngineContext,
  record: ContainerRecord,
  attachment: Attachment,
  leaving: AbortController,
): AttachedStreams {
  const { request, background } = parseSetup(record);
  const leave = (): void => {
    attachment.close();
    leaving.abort(new ShaleError('CANCELED', 'the attachment was closed'));
  };
  return {
    output: attachment.output(),
    terminal: request.terminal,
    write: (bytes) => attachment.write(bytes),
    endInput: () => attachment.endInput(),
    resize: ({ columns, rows }) => attachment.resize({ width: columns, height: rows }),
    // Who has to remove it at its end waits on.
    close: request.removeWhenDone && !background ? () => attachment.close() : leave,
    detach: async () => {
      leave();
      await leaveBehind(context, record);
    },
  };
}

/** Nobody waits for it any more: what is to be done at its end is the keeper's from now on. */
async function leaveBehind(context: EngineContext, record: ContainerRecord): Promise<void> {
  const after = await context.store.containers.update(
    record.id,
    (before) => ({ config: formatSetup({ ...parseSetup(before), background: true }) }),
    { action: 'detach', attributes: eventAttributes(record, parseSetup(record)) },
  );
  if (needsKeeper(parseSetup(after))) await ensureKeeper(context);
}

async function endOf(
  context: EngineContext,
  record: ContainerRecord,
  container: DetachedContainer,
  leaving: AbortSignal,
): Promise<number> {
  const since = await context.store.events.latest();
  const followed = await context.store.containers.find(record.id);
  const end = await container.wait(leaving);
  // Its removal goes with whoever waited for it; a keeper does it when that one has left.
  const now = await context.store.containers.find(record.id);
  if (now === undefined)
    return end.kind === 'exited' ? end.code : ((await statusFromEvents(context, record.id, since)) ?? UNKNOWN_END);
  let exitCode = end.kind === 'exited' ? end.code : UNKNOWN_END;
  const isStartedAnew = followed !== undefined && parseLife(now).starts !== parseLife(followed).starts;
  if (isStartedAnew || isBeingRestarted(parseLife(now))) {
    if (parseSetup(now).request.removeWhenDone) await leaveBehind(context, now);
    return exitCode;
  }
  if (end.kind === 'exited')
    await writeEnd(context, now, { exitCode, oomKilled: end.oomKilled, finishedMs: finishedMs(parseLife(now), end) });
  // A keeper may have written its end, and be about to remove it.
  else exitCode = (await settle(context, now, runtimeFor(context))).exitCode;
  const setup = parseSetup(now);
  if (setup.request.removeWhenDone && !setup.background && !leaving.aborted) {
    await container.remove({ force: true });
    await dropContainer(context, now, []).catch((error: unknown) => {
      if (!isShaleError(error, 'CONTAINER_NOT_FOUND')) throw error; // `rm -f` was faster.
    });
  }
  return exitCode;
}
