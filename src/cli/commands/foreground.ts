import { isShaleError } from '../../base/index.ts';
import type { AttachedStreams, Started } from '../../engine/index.ts';
import type { ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { DetachKeys, parseDetachKeys } from '../options/detach-keys.ts';
import { passesInput } from '../options/attached-streams.ts';

/** So many signals in a row say that the command does not listen. */
const PATIENCE = 3;

export interface ForegroundOptions {
  /** Pass standard input on. */
  readonly interactive: boolean;
  readonly detachKeys: Uint8Array;
  /** Pass signals on (`--sig-proxy`); otherwise they end this command only. */
  readonly passSignals: boolean;
}

/** Why a command does not wait any more: the container has ended, or it is left to itself. */
type Leaving = { readonly kind: 'ended' } | { readonly kind: 'left'; readonly because?: unknown };

/** Of `run`. @throws USAGE */
export function foregroundOptions({ flags }: ParsedArguments): ForegroundOptions {
  return {
    interactive: passesInput(flags),
    detachKeys: parseDetachKeys(flags.text('detach-keys')),
    passSignals: flags.boolean('sig-proxy'),
  };
}

/**
 * Waits for a command in the foreground: passes input, output, signals and the size of the terminal on. A command that
 * ignores three ending signals is killed. The detach keys leave it to itself, which is status 0.
 */
export async function waitInForeground(
  context: Context,
  started: Started,
  options: ForegroundOptions,
): Promise<number> {
  using _signals = passSignals(context, started, options);
  const { attached } = started;
  if (attached === undefined) return await started.exit;
  using _raw = attached.terminal && options.interactive ? context.stdin.raw() : undefined;
  const left = Promise.withResolvers<Leaving>();
  const cancel = (): void => left.resolve({ kind: 'left', because: context.signal.reason });
  context.signal.addEventListener('abort', cancel, { once: true });
  if (options.interactive) void passInput(context, attached, options, () => left.resolve({ kind: 'left' }));
  const output = passOutput(context, attached).then(
    (): Leaving => ({ kind: 'ended' }),
    (because: unknown): Leaving => ({ kind: 'left', because }),
  );
  const how = await Promise.race([output, left.promise]);
  if (how.kind === 'left') {
    // Also when nobody reads the output: the container lives on, as with docker.
    await attached.detach();
    if (how.because !== undefined && !isShaleError(how.because, 'CANCELED')) throw how.because;
    return 0;
  }
  const status = await started.exit;
  attached.close();
  return status;
}

function passSignals(context: Context, started: Started, { passSignals: wanted }: ForegroundOptions): Disposable {
  const held = new DisposableStack();
  const { kill, attached } = started;
  if (wanted && kill !== undefined) {
    let received = 0;
    held.use(context.takeSignals((signal) => kill(++received < PATIENCE ? signal : 'SIGKILL')));
  }
  held.use(
    context.takeOtherSignals((signal) => {
      if (signal === 'SIGWINCH' && attached?.terminal === true) resize(context, attached);
      else if (wanted && kill !== undefined && attached?.terminal !== true) kill(signal);
    }),
  );
  return held;
}

function resize({ stdout }: Context, attached: AttachedStreams): void {
  const size = stdout.size();
  if (size !== undefined) attached.resize(size);
}

async function passInput(
  { stdin }: Context,
  attached: AttachedStreams,
  { detachKeys }: ForegroundOptions,
  leave: () => void,
): Promise<void> {
  const keys = new DetachKeys(attached.terminal ? detachKeys : new Uint8Array());
  try {
    for await (const bytes of stdin.bytes()) {
      const { pass, detached } = keys.feed(bytes);
      if (pass.length > 0 && !(await attached.write(pass))) return;
      if (detached) return leave();
    }
  } catch {
    // Our own input is broken: for the container that is its end.
  }
  attached.endInput();
}

async function passOutput(context: Context, { output }: AttachedStreams): Promise<void> {
  for await (const { stream, bytes } of output) {
    await (stream === 'stdout' ? context.stdout : context.stderr).write(bytes);
  }
}
