import type { Engine, Started } from '../../engine/index.ts';
import type { Context } from '../context.ts';

/** So many signals in a row say that the command does not listen. */
const PATIENCE = 3;

/**
 * Waits for a command in the foreground: passes its output on, and signals to it. A command that ignores three of them
 * is killed.
 */
export async function waitInForeground(context: Context, engine: Engine, started: Started): Promise<number> {
  let received = 0;
  using _taken = context.takeSignals((signal) => {
    received++;
    if (started.kill !== undefined) started.kill(received < PATIENCE ? signal : 'SIGKILL');
    else void stop(context, engine, started, received);
  });
  const [status] = await Promise.all([started.exit, passOutput(context, started)]);
  return status;
}

/** A container with a keeper of its own has no handle here: it is stopped by name. */
async function stop(context: Context, engine: Engine, started: Started, received: number): Promise<void> {
  const options = received < PATIENCE ? {} : { seconds: 0 };
  // That it cannot be stopped any more shows in its end, which is waited for.
  await engine.stop(started.containerId, options, { signal: context.signal }).catch(() => undefined);
}

async function passOutput(context: Context, { output }: Started): Promise<void> {
  if (output === undefined) return;
  for await (const { stream, bytes } of output) {
    await (stream === 'stdout' ? context.stdout : context.stderr).write(bytes);
  }
}
