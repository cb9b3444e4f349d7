import { spawn } from 'node:child_process';
import { isSystemError, JsonReader, messageOf, parseJson, ShaleError } from '../base/index.ts';
import type { Credential } from './credentials.ts';

/** Milliseconds that a helper may take; some ask a person. */
const HELPER_TIMEOUT_MS = 120_000;
/** Bytes that a helper may print. */
const HELPER_OUTPUT_MAX_BYTES = 1024 * 1024;
/** What helpers print when they have nothing (docker-credential-helpers, credentials/error.go). */
const NOT_FOUND = /credentials not found in native keychain/;
/** The user name that marks an identity token. */
const TOKEN_USER = '<token>';

type Environment = Readonly<Record<string, string | undefined>>;

/** Asks `docker-credential-NAME` for what it keeps under a key. @throws CREDENTIALS_UNAVAILABLE */
export async function askHelper(name: string, key: string, env: Environment): Promise<Credential | undefined> {
  const { status, output } = await runHelper(name, 'get', key, env);
  if (status !== 0) {
    if (NOT_FOUND.test(output)) return undefined;
    throw failed(name, `ended with ${status}`);
  }
  try {
    const fields = new JsonReader(parseJson(Buffer.from(output), name), name, 'CREDENTIALS_UNAVAILABLE');
    const username = fields.required('Username', fields.string('Username'));
    const secret = fields.required('Secret', fields.string('Secret'));
    if (username === '' && secret === '') return undefined;
    return username === TOKEN_USER
      ? { kind: 'identity-token', token: secret }
      : { kind: 'password', username, password: secret };
  } catch {
    // Not as a cause: what it printed may be a secret.
    throw failed(name, 'answered with something that is no credential');
  }
}

/** @throws CREDENTIALS_UNAVAILABLE */
export async function storeInHelper(
  name: string,
  key: string,
  login: { readonly username: string; readonly password: string },
  env: Environment,
): Promise<void> {
  const entry = JSON.stringify({ ServerURL: key, Username: login.username, Secret: login.password });
  const { status } = await runHelper(name, 'store', entry, env);
  if (status !== 0) throw failed(name, `ended with ${status}`);
}

/** False when it had none. @throws CREDENTIALS_UNAVAILABLE */
export async function eraseFromHelper(name: string, key: string, env: Environment): Promise<boolean> {
  const { status, output } = await runHelper(name, 'erase', key, env);
  if (status === 0) return true;
  if (NOT_FOUND.test(output)) return false;
  throw failed(name, `ended with ${status}`);
}

function runHelper(
  name: string,
  verb: 'get' | 'store' | 'erase',
  input: string,
  env: Environment,
): Promise<{ status: number; output: string }> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw failed(name, 'has no name that a program can have');
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; output: string }>();
  const child = spawn(`docker-credential-${name}`, [verb], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...env },
  });
  // Not spawn's own time-out: that keeps the process waiting for a helper that could not be started.
  const timer = setTimeout(() => child.kill('SIGKILL'), HELPER_TIMEOUT_MS);
  const chunks: Buffer[] = [];
  let size = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > HELPER_OUTPUT_MAX_BYTES) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  child.on('error', (error) => {
    clearTimeout(timer);
    const why = isSystemError(error, 'ENOENT') ? 'is not installed' : `cannot be started: ${messageOf(error)}`;
    reject(failed(name, why));
  });
  child.on('close', (code, signal) => {
    clearTimeout(timer);
    if (signal !== null) reject(failed(name, `was ended by ${signal}: it took too long or printed too much`));
    else resolve({ status: code ?? 1, output: Buffer.concat(chunks).toString('utf8') });
  });
  // A helper that does not read its input has closed it: its status says the rest.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return promise;
}

function failed(name: string, why: string): ShaleError {
  return new ShaleError(
    'CREDENTIALS_UNAVAILABLE',
    `the credential helper docker-credential-${name.slice(0, 60)} ${why}`,
    {
      data: { helper: name },
      hint: 'docker’s config.json names it in credsStore or credHelpers',
    },
  );
}
