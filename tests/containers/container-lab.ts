import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { RunRequest, Watch } from '../../src/engine/index.ts';
import { Lab } from '../support/lab.ts';
import { containerRequest } from '../support/requests.ts';

/** The program as people start it. */
export const SHALE: string = join(import.meta.dirname, '../../bin/shale');

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A lab with busybox, whose containers are gone when it is disposed, and the program over the same store. */
export class ContainerLab implements AsyncDisposable {
  readonly lab: Lab;

  static async open(): Promise<ContainerLab> {
    const lab = await Lab.open({ keeperCommand: [SHALE, 'keeper'], env: process.env });
    await lab.importBusybox();
    return new ContainerLab(lab);
  }

  private constructor(lab: Lab) {
    this.lab = lab;
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, SHALE_HOME: this.lab.home, SHALE_RUN: this.lab.runRoot };
  }

  /** Makes a container that is started later, or detached. */
  request(script: string, more: Partial<RunRequest> = {}): RunRequest {
    return containerRequest('busybox', ['sh', '-c', script], { network: 'none', detach: true, ...more });
  }

  async run(script: string, more: Partial<RunRequest> = {}): Promise<string> {
    return (await this.lab.engine.run(this.request(script, more), watch())).containerId;
  }

  async create(script: string, more: Partial<RunRequest> = {}): Promise<string> {
    return (await this.lab.engine.create(this.request(script, more), watch())).containerId;
  }

  async start(container: string): Promise<void> {
    await this.lab.engine.start({ container, attach: false, interactive: false }, watch());
  }

  /** Runs it to its end and gives its status. */
  async runToEnd(container: string): Promise<number> {
    await this.start(container);
    return this.lab.engine.wait(container, watch());
  }

  async state(container: string): Promise<Readonly<Record<string, unknown>>> {
    return (await this.lab.engine.inspect(container, 'container'))['State'] as Record<string, unknown>; // Docker's shape.
  }

  async changes(container: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { kind, path } of this.lab.engine.changes(container)) found.push(`${kind} ${path}`);
    return found.toSorted();
  }

  async logs(container: string): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const { bytes } of this.lab.engine.logs(container, { follow: false, timestamps: false }, watch()))
      chunks.push(bytes);
    return Buffer.concat(chunks).toString();
  }

  /** What a command prints inside, by exec of the program. */
  exec(container: string, script: string): CommandResult {
    return this.shale(['exec', container, 'sh', '-c', script]);
  }

  shale(words: readonly string[], options: { input?: string | Buffer; env?: NodeJS.ProcessEnv } = {}): CommandResult {
    const { status, stdout, stderr } = spawnSync(SHALE, words, {
      env: { ...this.env, ...options.env },
      input: options.input ?? '',
      // Bytes as they are: some commands write tars.
      encoding: 'latin1',
      maxBuffer: 256 * 1024 * 1024,
    });
    return { status, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { id } of await this.lab.engine.containers({ all: true }))
      await this.lab.engine.removeContainer(id, { force: true, volumes: true }).catch(() => undefined);
    await until(() => this.keeper() === undefined, 'the keeper ends with the last container');
    await this.lab[Symbol.asyncDispose]();
  }

  /** The pid of the keeper of this store. */
  keeper(): number | undefined {
    const { stdout } = spawnSync('cat', [join(this.lab.runRoot, 'keeper/keeper.json')], { encoding: 'utf8' });
    const pid = Number(/"pid":(\d+)/.exec(stdout)?.[1] ?? 0);
    return pid > 0 && isRunning(pid) ? pid : undefined;
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export function watch(): Watch {
  return { signal: AbortSignal.timeout(120_000) };
}

const PATIENCE_MS = 60_000;

/** Waits for something that happens sooner or later: how long depends on the machine's other work. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const begun = performance.now(); !(await holds());) {
    if (performance.now() - begun > PATIENCE_MS) throw new Error(`it did not come to pass that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Starts the program and types into its terminal (that of `script`): each line once the one before has been answered. */
export async function inTerminal(
  { env }: ContainerLab,
  words: readonly string[],
  talk: readonly (readonly [seen: RegExp, typed: string])[],
): Promise<{ readonly text: string; readonly status: number }> {
  const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const line = [SHALE, ...words].map(quote).join(' ');
  const child = spawn('script', ['-qec', `${line}; echo STATUS $?; stty -a | grep -o '.icanon'`, '/dev/null'], {
    env: { ...env, TERM: 'dumb' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  const left = [...talk];
  const answer = (): void => {
    const [next] = left;
    if (next?.[0].test(text) !== true) return;
    child.stdin.write(next[1]);
    left.shift();
  };
  answer();
  for await (const chunk of child.stdout) {
    text += Buffer.from(chunk as Uint8Array).toString(); // A stream without encoding yields Buffers.
    answer();
    if (text.includes('STATUS ')) child.stdin.end();
  }
  return { text: text.replaceAll('\r', ''), status: Number(/STATUS (\d+)/.exec(text)?.[1] ?? -1) };
}
