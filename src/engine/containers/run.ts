import { ShaleError } from '../../base/index.ts';
import type { ContainerIo } from '../../runtime/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { AttachedStreams, RunHow, RunRequest, Started, Watch } from '../types.ts';
import { openWorkshop, type Workshop } from '../workshop.ts';
import { sweepWorkFolders } from '../work-folders.ts';
import { followStarted } from './attach.ts';
import { createContainer, type Created, isKept } from './create.ts';
import { type FileTrace, openFileTrace } from './file-trace.ts';
import { eventAttributes, formatLife, parseLife } from './record.ts';
import { dropContainer, removeContainer } from './remove.ts';
import { containerSpec, mountContainer, startContainer } from './start.ts';
import { removeEnded } from './sweep.ts';
import { fillVolumes } from './volumes.ts';

/**
 * `shale run`. A container that may outlive this command runs under conmon: this process may end in any way without harm to
 * it. One with `--rm` and without a terminal is a child of this process, starts faster, and ends with it.
 * @throws IMAGE_NOT_FOUND, NO_COMMAND, CONTAINER_EXISTS, OPTIONS_CONFLICT and OPTION_UNSUPPORTED (of a trace), and what
 * mounting and starting throw
 */
export async function run(
  context: EngineContext,
  request: RunRequest,
  watch: Watch,
  how: RunHow = {},
): Promise<Started> {
  const trace = how.traceFiles === true ? traceFor(request) : undefined;
  try {
    const started = isKept(request)
      ? withOutputs(await runKept(context, request, watch, trace), how)
      : await runAsChild(context, request, watch, { trace, how });
    if (trace === undefined) return started;
    return { ...started, exit: started.exit.finally(() => trace.end()), openedFiles: () => trace.finish() };
  } catch (error) {
    trace?.[Symbol.dispose]();
    throw error;
  }
}

/** With those of its outputs that are asked for. */
function withOutputs(started: Started, { outputs }: RunHow): Started {
  const { attached } = started;
  if (outputs === undefined || attached === undefined) return started;
  async function* wanted({ output }: AttachedStreams): AttachedStreams['output'] {
    for await (const piece of output) if (outputs?.includes(piece.stream) === true) yield piece;
  }
  return { ...started, attached: { ...attached, output: wanted(attached) } };
}

/** Before anything is fetched or made for it. @throws OPTIONS_CONFLICT, OPTION_UNSUPPORTED */
function traceFor({ detach, restart }: RunRequest): FileTrace {
  const isRestarted = restart !== undefined && restart.kind !== 'no';
  if (detach || isRestarted) {
    throw new ShaleError(
      'OPTIONS_CONFLICT',
      `a trace of opened files and ${detach ? 'a container in the background' : 'a restart policy'} exclude each other`,
      { hint: 'this command writes the trace, so that it has to be there from the start to the end' },
    );
  }
  return openFileTrace();
}

function warnings(context: EngineContext, { progress }: Watch): (message: string) => void {
  return (message) => progress?.({ kind: 'warning', message, time: context.options.now() });
}

async function runKept(
  context: EngineContext,
  request: RunRequest,
  watch: Watch,
  trace: FileTrace | undefined,
): Promise<Started> {
  const { record, onDisk } = await createContainer(context, request, watch);
  try {
    await removeEnded(context);
    const started = await startContainer(context, record.id, {
      attach: !request.detach,
      terminalSize: request.terminalSize,
      warn: warnings(context, watch),
      trace,
    });
    await onDisk;
    return followStarted(context, record, started);
  } catch (error) {
    if (request.removeWhenDone)
      await removeContainer(context, record.id, { force: true, volumes: true }).catch(() => undefined);
    throw error;
  }
}

interface Running {
  readonly trace: FileTrace | undefined;
  readonly how: RunHow;
}

async function runAsChild(
  context: EngineContext,
  request: RunRequest,
  watch: Watch,
  running: Running,
): Promise<Started> {
  // Its namespace is made while the image is looked up.
  const opening = openWorkshop(context, { warn: warnings(context, watch) });
  opening.catch(() => undefined); // Told below, unless the container cannot be made at all.
  let record: ContainerRecord | undefined;
  try {
    const created = await createContainer(context, request, watch);
    record = created.record;
    return await startChild(context, created, await opening, running);
  } catch (error) {
    const opened = await opening.catch(() => undefined);
    await opened?.[Symbol.asyncDispose]();
    if (record !== undefined)
      await removeContainer(context, record.id, { force: true, volumes: true }).catch(() => undefined);
    throw error;
  }
}

async function startChild(
  context: EngineContext,
  created: Created,
  workshop: Workshop,
  { trace, how }: Running,
): Promise<Started> {
  const { record, setup, surroundings } = created;
  const { request } = setup;
  await sweepWorkFolders(context);
  await workshop.runtime.sweep();
  const stack = await context.layers.stack(record.diffIds);
  const rootfs = await mountContainer(context, workshop, { id: record.id, stack, volatile: true });
  await fillVolumes({ toFill: setup.toFill }, { host: workshop.host, rootfs, stack });
  trace?.watch(rootfs, stack.view);
  const handle = await workshop.runtime.run(
    await containerSpec(context, { record, setup, rootfs, surroundings, terminalSize: request.terminalSize }),
    ioOf(request, how),
  );
  const startedMs = await writeAttachedStart(context, created);
  const finish = async (): Promise<number> => {
    const exit = await handle.exit;
    await handle[Symbol.asyncDispose]();
    // What it has to tell holds on to the mount.
    trace?.end();
    await rootfs[Symbol.asyncDispose]();
    await workshop[Symbol.asyncDispose]();
    const seconds = Math.floor((context.options.now() - startedMs) / 1000);
    const attributes = { exitCode: String(exit.code), execDuration: String(seconds) };
    await dropContainer(context, record, [{ action: 'die', attributes: eventAttributes(record, setup, attributes) }]);
    return exit.code;
  };
  return { containerId: record.id, exit: finish(), kill: (signal) => void handle.kill(signal) };
}

/** The streams of this process, as far as they are passed on. */
function ioOf({ interactive }: RunRequest, { outputs = ['stdout', 'stderr'] }: RunHow): ContainerIo {
  return {
    kind: 'descriptors',
    ...(interactive && { stdin: 0 }),
    stdout: outputs.includes('stdout') ? 1 : 'ignore',
    stderr: outputs.includes('stderr') ? 2 : 'ignore',
  };
}

async function writeAttachedStart(context: EngineContext, { record, setup }: Created): Promise<number> {
  const startedMs = context.options.now();
  await context.store.containers.update(
    record.id,
    (before) => ({ state: formatLife({ ...parseLife(before), kind: 'running', startedMs }), active: true }),
    { action: 'start', attributes: eventAttributes(record, setup) },
  );
  return startedMs;
}
