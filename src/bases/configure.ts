import { closeSync, openSync } from 'node:fs';
import { ShaleError, toText } from '../base/index.ts';
import type { BaseHost, StepRequest } from './host.ts';

const OUTPUT_TAIL_BYTES: number = 8 * 1024;

export interface ConfigureRequest extends Omit<StepRequest, 'onOutput'> {
  /** Gets what the scripts print. */
  readonly onText: (text: string) => void;
}

/**
 * Runs the scripts of packages in a container and gives the path of the layer tar with what they changed.
 * @throws CONFIGURE_FAILED with the end of their output
 */
export async function configure(host: BaseHost, request: ConfigureRequest): Promise<string> {
  const { onText, ...step } = request;
  let kept = '';
  const { exitCode, changesTar } = await host.runner.run({
    ...step,
    onOutput: (chunk) => {
      const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
      kept = (kept + text).slice(-OUTPUT_TAIL_BYTES);
      onText(toText(text));
    },
  });
  if (exitCode === 0) return changesTar;
  const output = toText(kept);
  const lastLines = output.trimEnd().split('\n').slice(-3).join(' | ');
  throw new ShaleError('CONFIGURE_FAILED', `configuring the packages ended with exit code ${exitCode}: ${lastLines}`, {
    data: { exitCode, output },
  });
}

export interface OpenFile extends Disposable {
  readonly fd: number;
}

/** An open file that is closed when disposed. @throws the system's error */
export function openFile(path: string): OpenFile {
  const fd = openSync(path, 'r');
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}
