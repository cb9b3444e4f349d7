import { type ByteStream, ShaleError } from '../base/index.ts';
import type { HostProcess, Stdio } from './host.ts';
import type { ContainerIo } from './types.ts';

/** @throws TERMINAL_UNAVAILABLE: a terminal is handed through; it cannot be made of pipes. */
export function checkIo(terminal: boolean, io: ContainerIo): void {
  if (!terminal || (io.kind === 'inherit' && process.stdin.isTTY)) return;
  throw new ShaleError('TERMINAL_UNAVAILABLE', 'the input device is not a terminal', {
    hint: 'leave -t away, or run it detached and attach',
  });
}

/**
 * Takes the terminal's modes down and calls back to put them back: the runtime does so itself, unless it is killed.
 * The terminal is raw meanwhile, as the runtime makes it too.
 */
export function holdTerminal(terminal: boolean): () => void {
  if (!terminal) return () => {};
  process.stdin.setRawMode(true);
  return () => {
    process.stdin.setRawMode(false);
  };
}

/** The descriptors that carry it. */
export function stdioOf(io: ContainerIo): readonly Stdio[] {
  switch (io.kind) {
    case 'pipes':
      return [io.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'];
    case 'inherit':
      return [0, 1, 2];
    case 'descriptors':
      return [io.stdin ?? 'ignore', io.stdout, io.stderr];
  }
}

/** The outputs of a container whose streams are not ours. */
export async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Feeds a program's input until either of them ends. Never rejects. */
export async function pump(stream: ByteStream, child: HostProcess): Promise<void> {
  try {
    for await (const chunk of stream) await child.write(chunk);
  } catch {
    // The program does not read any more; what it does about that shows in its exit.
  }
  child.end();
}
