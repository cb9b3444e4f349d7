import { spawn } from 'node:child_process';
import { isSystemError, messageOf, ShaleError } from '../../base/index.ts';

export interface GitOptions {
  /** Where it runs; every command is about the repository there. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Settings as `http.….extraheader`; they do not show in the list of processes. */
  readonly settings: ReadonlyMap<string, string>;
  /** Proxies and PATH are taken from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly ssh: SshAccess;
}

/** What ssh may use to say who we are: nothing, the agent at a socket, or what the user's own ssh would. */
export type SshAccess =
  | { readonly kind: 'none' }
  | { readonly kind: 'agent'; readonly socket: string }
  | { readonly kind: 'own'; readonly socket: string | undefined };

/** How a command of git ended. */
export interface GitAnswer {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Bytes of output that one command may give: refs of a repository are the longest. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const PROXY_NAMES: readonly string[] = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'];

/** What no repository and no configuration of this machine may change. Hooks, helpers and file monitors are programs. */
const SETTINGS: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.symlinks', 'true'],
  ['core.autocrlf', 'false'],
  ['core.fileMode', 'true'],
  ['credential.helper', ''],
  ['init.defaultBranch', 'master'],
  ['advice.detachedHead', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'no'],
];

/**
 * Runs git without asking anybody anything: no configuration of user or machine, no hooks, no prompts; http, https, ssh
 * and git are spoken and nothing else, for submodules too.
 * @throws GIT_MISSING, LIMIT_EXCEEDED; the reason of the signal
 */
export async function runGit(args: readonly string[], options: GitOptions): Promise<GitAnswer> {
  const { folder, signal } = options;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    // A group of its own: git starts helpers, and all of them end with the build.
    const child = spawn('git', args, {
      cwd: folder,
      env: gitEnvironment(options),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const outputs = { stdout: new Output(), stderr: new Output() };
    const kill = (): void => {
      if (child.pid !== undefined) endGroup(child.pid);
    };
    const take = (output: Output) => (chunk: Uint8Array) => {
      if (!output.add(chunk)) kill();
    };
    child.stdout.on('data', take(outputs.stdout));
    child.stderr.on('data', take(outputs.stderr));
    signal.addEventListener('abort', kill, { once: true });
    child.on('error', (error) => {
      signal.removeEventListener('abort', kill);
      reject(isSystemError(error, 'ENOENT') ? missing(error) : new ShaleError('GIT_FAILED', messageOf(error)));
    });
    child.on('close', (code) => {
      signal.removeEventListener('abort', kill);
      if (signal.aborted) return reject(signal.reason);
      if (outputs.stdout.isOver) return reject(tooLong());
      resolve({ ok: code === 0, stdout: outputs.stdout.text(), stderr: outputs.stderr.text() });
    });
  });
}

/** The whole environment of git: what is not here is not there. */
export function gitEnvironment({ env, settings, ssh }: Omit<GitOptions, 'folder' | 'signal'>): Record<string, string> {
  const all = [...SETTINGS, ...settings];
  const config = Object.fromEntries(
    all.flatMap(([name, value], i) => [
      [`GIT_CONFIG_KEY_${i}`, name],
      [`GIT_CONFIG_VALUE_${i}`, value],
    ]),
  );
  const proxies = PROXY_NAMES.flatMap((name) => [name, name.toLowerCase()]);
  const passedOn = ['PATH', 'SSL_CERT_FILE', 'SSL_CERT_DIR', ...proxies].flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value]];
  });
  const socket = ssh.kind === 'none' ? undefined : ssh.socket;
  return {
    PATH: DEFAULT_PATH,
    ...Object.fromEntries(passedOn),
    ...config,
    GIT_CONFIG_COUNT: String(all.length),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TEMPLATE_DIR: '',
    GIT_ALLOW_PROTOCOL: 'http:https:ssh:git',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: 'true',
    GIT_SSH_COMMAND: sshCommand(ssh),
    HOME: '/dev/null',
    LC_ALL: 'C',
    ...(socket === undefined ? {} : { SSH_AUTH_SOCK: socket }),
  };
}

/** The user's configuration of ssh could name programs; the Dockerfile of a stranger must not use the user's keys. */
function sshCommand(ssh: SshAccess): string {
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=accept-new'];
  if (ssh.kind !== 'own') options.push('IdentityFile=none');
  if (ssh.kind === 'none') options.push('IdentityAgent=none');
  return ['ssh -F /dev/null', ...options.map((option) => `-o ${option}`)].join(' ');
}

class Output {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;

  /** False when there is too much of it. */
  add(chunk: Uint8Array): boolean {
    this.#bytes += chunk.byteLength;
    if (!this.isOver) this.#chunks.push(chunk);
    return !this.isOver;
  }

  get isOver(): boolean {
    return this.#bytes > OUTPUT_BYTES_MAX;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has ended meanwhile.
    if (!isSystemError(error, 'ESRCH')) throw error;
  }
}

function missing(cause: unknown): ShaleError {
  return new ShaleError('GIT_MISSING', 'the program git is not installed', {
    cause,
    hint: 'install git: repositories are fetched with it',
  });
}

function tooLong(): ShaleError {
  return new ShaleError('LIMIT_EXCEEDED', `git wrote more than ${OUTPUT_BYTES_MAX} bytes`);
}
