import { isSystemError, ShaleError } from '../base/index.ts';
import type { HostProcess, RuntimeHost } from './host.ts';

export interface ProgramRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly networkNamespace?: string;
  /** Written to its stdin, which is then closed. */
  readonly input?: string;
  readonly timeoutMs: number;
  /** The code of the error when the program is not installed. */
  readonly missingCode: string;
  readonly hint?: string;
  /** Do not throw for these exit codes. */
  readonly allowCodes?: readonly number[];
  readonly lifetime?: 'child' | 'own';
  /** Further descriptors that it holds while it runs (3, 4, …). */
  readonly holds?: readonly number[];
}

export interface ProgramResult {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** What is kept of a program's output; the rest is read and dropped, so that it never waits for us. */
const OUTPUT_BYTES_MAX = 1024 * 1024;
const ERROR_TAIL = 2000;

/** What helper programs get: nothing of the user's environment but where programs are. */
export const PROGRAM_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

/** The runtime is a Go program: it would collect garbage a few times in its 30 ms of life, for nothing. */
export const RUNTIME_ENV: Readonly<Record<string, string>> = { ...PROGRAM_ENV, GOGC: 'off' };

/**
 * Runs a helper program to its end.
 * @throws `missingCode`; PROGRAM_FAILED with the tail of its stderr; PROGRAM_TIMEOUT after `timeoutMs` (it is killed).
 */
export async function runProgram(host: RuntimeHost, request: ProgramRequest): Promise<ProgramResult> {
  const child = await start(host, request);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, request.timeoutMs);
  try {
    const feed = request.input === undefined ? undefined : feedInput(child, request.input);
    const [output, errors, end] = await Promise.all([keep(child, 1), keep(child, 2), child.ended, feed]);
    if (isLate) throw failure('PROGRAM_TIMEOUT', request, `did not end within ${request.timeoutMs} ms`, errors);
    const code = end.code ?? 128;
    if (code !== 0 && request.allowCodes?.includes(code) !== true) {
      const how = end.signal === undefined ? `exited with ${code}` : `was ended by ${end.signal}`;
      throw failure('PROGRAM_FAILED', request, how, `${errors}${output}`);
    }
    return { code, output, errors };
  } finally {
    clearTimeout(timer);
  }
}

async function start(host: RuntimeHost, request: ProgramRequest): Promise<HostProcess> {
  try {
    return await host.spawn({
      command: request.command,
      args: request.args,
      env: { ...PROGRAM_ENV, ...request.env },
      stdio: [request.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...(request.holds ?? [])],
      lifetime: request.lifetime ?? 'own',
      ...(request.networkNamespace === undefined ? {} : { networkNamespace: request.networkNamespace }),
    });
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'EACCES')) throw error;
    throw new ShaleError(request.missingCode, `cannot start ${request.command}: ${error.code ?? ''}`, {
      data: { command: request.command },
      cause: error,
      ...(request.hint === undefined ? {} : { hint: request.hint }),
    });
  }
}

async function feedInput(child: HostProcess, input: string): Promise<void> {
  try {
    await child.write(Buffer.from(input));
  } catch {
    // It ended without reading all; its exit code and stderr say why.
  }
  child.end();
}

async function keep(child: HostProcess, descriptor: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of child.output(descriptor)) {
    if (length < OUTPUT_BYTES_MAX) chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function failure(code: string, request: ProgramRequest, how: string, said: string): ShaleError {
  const tail = said.trim().slice(-ERROR_TAIL);
  const shown = tail === '' ? '' : `: ${tail.replaceAll(/\s*\n\s*/g, '; ')}`;
  return new ShaleError(code, `${request.command} ${request.args[0] ?? ''} ${how}${shown}`, {
    data: { command: request.command, args: request.args },
  });
}
