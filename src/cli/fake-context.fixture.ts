import { ShaleError } from '../base/index.ts';
import { runCommandLine } from './app.ts';
import { loadConfig } from './config/load.ts';
import type { Context, Input, Output } from './context.ts';
import type { Engine } from '../engine/index.ts';
import { SignalDesk } from './signals.ts';

export interface FakeOptions {
  readonly engine?: Partial<Engine>;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Columns of the terminal that all three streams are; none of them is one when absent. */
  readonly terminal?: { readonly columns: number; readonly rows: number };
  readonly colors?: boolean;
  readonly nowMs?: number;
}

export interface FakeRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line against stand-ins for process and engine. */
export async function runFake(words: readonly string[], options: FakeOptions = {}): Promise<FakeRun> {
  const { context, stdout, stderr } = fakeContext(options);
  const status = await runCommandLine(words, context);
  return { status, stdout: stdout(), stderr: stderr() };
}

export function fakeContext(options: FakeOptions = {}): {
  readonly context: Context;
  readonly desk: SignalDesk;
  readonly stdout: () => string;
  readonly stderr: () => string;
} {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const desk = new SignalDesk({ exit: () => undefined, warn: () => undefined, after: () => undefined });
  const env = { HOME: '/home/me', ...options.env };
  const context: Context = {
    stdin: fakeInput(options),
    stdout: fakeOutput(out, options),
    stderr: fakeOutput(err, options),
    env,
    cwd: '/project',
    uid: 1000,
    now: () => options.nowMs ?? Date.UTC(2026, 0, 2),
    signal: desk.signal,
    takeSignals: (take) => desk.takeOver(take),
    serveUntilSignal: (graceMs) => desk.serve(graceMs),
    takeOtherSignals: () => ({ [Symbol.dispose]: () => undefined }),
    atExit: () => ({ [Symbol.dispose]: () => undefined }),
    suspend: async () => undefined,
    debug: false,
    enterNamespace: async () => undefined,
    config: () => loadConfig({ env, uid: 1000, etc: '/nonexistent' }),
    engine: async () => fakeEngine(options.engine ?? {}),
    checkStore: (request, watch) => fakeEngine(options.engine ?? {}).check(request, watch),
  };
  return { context, desk, stdout: () => Buffer.concat(out).toString(), stderr: () => Buffer.concat(err).toString() };
}

function fakeInput({ stdin = '', terminal }: FakeOptions): Input {
  const lines = stdin.split('\n').slice(0, -1);
  return {
    line: async () => lines.shift(),
    isTerminal: terminal !== undefined,
    raw: () => ({ [Symbol.dispose]: () => undefined }),
    bytes: async function* () {
      yield Buffer.from(stdin);
    },
  };
}

function fakeOutput(chunks: Buffer[], { terminal, colors = false }: FakeOptions): Output {
  return {
    isTerminal: terminal !== undefined,
    colors,
    size: () => terminal,
    write: async (data) => void chunks.push(Buffer.from(data)),
  };
}

/** Methods that a test did not give fail by name. */
function fakeEngine(methods: Partial<Engine>): Engine {
  const handler: ProxyHandler<Partial<Engine>> = {
    get: (target, name) => {
      if (name === 'then') return undefined;
      const method: unknown = Reflect.get(target, name);
      if (method !== undefined) return method;
      return () => Promise.reject(new ShaleError('INVARIANT', `the test gives the engine no ${String(name)}`));
    },
  };
  return new Proxy(methods, handler) as Engine; // Every property is there, by the handler.
}
