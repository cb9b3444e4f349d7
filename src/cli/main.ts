import { runCommandLine } from './app.ts';
import type { EffectiveConfig } from './config/load.ts';
import type { Context } from './context.ts';
import type { ShaleError } from '../base/index.ts';
import type { CheckReport, CheckRequest, Engine, Watch } from '../engine/index.ts';
import type { EngineOptions } from './open-engine.ts';
import { EXIT } from './exit-codes.ts';
import { arrive, enterUserNamespace, standingOf, type Arrival } from '../privilege/index.ts';
import { readProxies } from './proxies.ts';
import { reportError } from './report-error.ts';
import { ENDING_SIGNALS, PASSED_SIGNALS, type PassedSignal, SignalDesk } from './signals.ts';
import { processInput, processOutput } from './streams.ts';

/**
 * The program: the one place where the process's arguments, streams, environment and signals are touched. Ends the
 * process. `openEngine` stands in for the real one in tests.
 */
export async function start(openEngine?: () => Promise<Engine>): Promise<void> {
  const desk = new SignalDesk({
    exit: (status) => process.exit(status),
    warn: (text) => void (stderr.isTerminal && stderr.write(text).catch(() => undefined)),
    after: (ms, call) => void setTimeout(call, ms).unref(),
  });
  const stdout = await processOutput(1, process.env, (error) => desk.cancel(error));
  const stderr = await processOutput(2, process.env, () => undefined);
  for (const signal of ENDING_SIGNALS) process.on(signal, () => desk.receive(signal));

  const arrival = arrive(process.env, process.getuid?.() ?? 0);
  const namespace = namespaceDoor(arrival);
  const engine = lazyEngine({ uid: arrival.uid, refusal: namespace.refusal }, openEngine);
  const context: Context = {
    stdin: await processInput(),
    stdout,
    stderr,
    env: process.env,
    cwd: process.cwd(),
    uid: arrival.uid,
    now: () => Date.now(),
    signal: desk.signal,
    takeSignals: (take) => desk.takeOver(take),
    serveUntilSignal: (graceMs) => desk.serve(graceMs),
    takeOtherSignals,
    atExit,
    suspend,
    debug: false,
    enterNamespace: () => namespace.enter(engine.config),
    config: engine.config,
    engine: engine.open,
    checkStore: engine.check,
    probeErofs: async (home) => {
      const { settings } = await engine.config();
      return (await import('./open-engine.ts')).probeLayerMounts(home, settings.run);
    },
  };
  const status = await runCommandLine(process.argv.slice(2), context);
  const closed = await closeEngine(engine, context);
  process.exit(desk.exitStatus ?? (status === EXIT.success ? closed : status));
}

function takeOtherSignals(take: (signal: PassedSignal) => void): Disposable {
  const listeners = PASSED_SIGNALS.map((signal) => [signal, () => take(signal)] as const);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return {
    [Symbol.dispose]: () => {
      for (const [signal, listener] of listeners) process.off(signal, listener);
    },
  };
}

function atExit(call: () => void): Disposable {
  process.on('exit', call);
  return { [Symbol.dispose]: () => process.off('exit', call) };
}

/** The signal may come to another thread; longer than this it does not take. */
const STOP_MS = 50;

/** SIGTSTP and not SIGSTOP: the kernel does not stop what no shell watches (signal(7), orphaned process groups). */
async function suspend(): Promise<void> {
  process.kill(process.pid, 'SIGTSTP');
  await new Promise((resolve) => setTimeout(resolve, STOP_MS));
}

interface NamespaceDoor {
  readonly enter: (config: LazyEngine['config']) => Promise<void>;
  /** Why it could not be entered. */
  readonly refusal: () => ShaleError | undefined;
}

/** Where this process may not mount: starts this very program again, in a user namespace. */
function namespaceDoor({ isInside }: Arrival): NamespaceDoor {
  let refusal: ShaleError | undefined;
  return {
    refusal: () => refusal,
    enter: async (config) => {
      if (isInside || process.platform !== 'linux' || standingOf() !== 'outside') return;
      const { settings } = await config();
      refusal = await enterUserNamespace({
        runRoot: settings.run,
        env: process.env,
        // The -- keeps Node from taking an --env-file of ours for its own.
        command: [process.execPath, ...process.execArgv, '--', process.argv[1] ?? '', ...process.argv.slice(2)],
      });
    },
  };
}

interface LazyEngine {
  readonly config: () => Promise<EffectiveConfig>;
  readonly open: () => Promise<Engine>;
  readonly check: (request: CheckRequest, watch: Watch) => Promise<CheckReport>;
  /** What was opened, if anything. */
  readonly opened: () => Promise<Engine> | undefined;
}

function lazyEngine(
  { uid, refusal }: { readonly uid: number; readonly refusal: NamespaceDoor['refusal'] },
  openInstead?: () => Promise<Engine>,
): LazyEngine {
  let config: Promise<EffectiveConfig> | undefined;
  let engine: Promise<Engine> | undefined;
  const readConfig = (): Promise<EffectiveConfig> =>
    (config ??= import('./config/load.ts').then(({ loadConfig }) => loadConfig({ env: process.env, uid })));
  const options = async (): Promise<EngineOptions> => ({
    settings: (await readConfig()).settings,
    proxies: readProxies(process.env),
    env: process.env,
    now: () => Date.now(),
    mountRefusal: refusal(),
  });
  const open = async (): Promise<Engine> => (await import('./open-engine.ts')).openEngine(await options());
  return {
    config: readConfig,
    open: () => (engine ??= openInstead?.() ?? open()),
    check: async (request, watch) => (await import('./open-engine.ts')).checkStore(await options(), request, watch),
    opened: () => engine,
  };
}

async function closeEngine(engine: LazyEngine, context: Context): Promise<number> {
  // An engine that could not be opened was told about by the command that asked for it.
  const opened = await engine.opened()?.catch(() => undefined);
  try {
    await opened?.[Symbol.asyncDispose]();
    return EXIT.success;
  } catch (error) {
    const options = { debug: context.debug, colors: context.stderr.colors };
    await context.stderr.write(reportError(error, options)).catch(() => undefined);
    return EXIT.failure;
  }
}
