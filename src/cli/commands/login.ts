import { collect, isShaleError, ShaleError } from '../../base/index.ts';
import type { LoginResult } from '../../engine/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../usage-error.ts';

const PASSWORD_BYTES_MAX = 64 * 1024;
const INSTEAD = 'shale login -u USER --password-stdin REGISTRY < FILE';

export const command: Command = {
  usage: '[OPTIONS] [REGISTRY]',
  description:
    'Credentials are kept where docker keeps them: in the helper that credHelpers or credsStore of ~/.docker/config.json ' +
    '(or $DOCKER_CONFIG/config.json) names, else in that file. They are sent to that registry and its token server only.',
  flags: [
    { kind: 'text', name: 'username', short: 'u', value: 'USER', summary: 'the user; asked for when absent' },
    { kind: 'text', name: 'password', short: 'p', value: 'TEXT', summary: 'the password, for all to see in ps' },
    { kind: 'boolean', name: 'password-stdin', summary: 'read the password from standard input' },
  ],
  args: { min: 0, max: 1 },
  examples: [
    { command: 'shale login', says: 'to Docker Hub, asking for user and password' },
    { command: 'cat token | shale login -u ci --password-stdin registry.example:5000', says: 'in a script' },
  ],
  run,
};

async function run(context: Context, parsed: ParsedArguments): Promise<void> {
  const registry = registryName(parsed.args[0]);
  const engine = await context.engine();
  const watch = { signal: context.signal };
  const isBare = ['username', 'password', 'password-stdin'].every((name) => !parsed.flags.given(name));
  if (isBare) {
    try {
      await engine.login({ registry }, watch);
      return await context.stdout.write('Login Succeeded\n');
    } catch (error) {
      // There are none, or they are not valid any more: somebody has to type others.
      if (!isShaleError(error, 'REGISTRY_AUTH')) throw error;
    }
  }
  const login = await credentialsFrom(context, parsed);
  const result = await engine.login({ registry, login }, watch);
  await context.stderr.write(warnings(result));
  await context.stdout.write('Login Succeeded\n');
}

async function credentialsFrom(
  context: Context,
  { flags }: ParsedArguments,
): Promise<{ username: string; password: string }> {
  const username = flags.text('username');
  const password = flags.text('password');
  if (flags.boolean('password-stdin')) {
    if (password !== undefined) throw new UsageError('--password and --password-stdin exclude each other', INSTEAD);
    if (username === undefined) throw new UsageError('--password-stdin needs --username', INSTEAD);
    const bytes = await collect(context.stdin.bytes(), PASSWORD_BYTES_MAX, 'the password');
    return checked(username, bytes.toString('utf8').replace(/\r?\n$/, ''));
  }
  if (password !== undefined) {
    await context.stderr.write('WARNING: --password can be seen by others; use --password-stdin\n');
    if (username !== undefined) return checked(username, password);
  }
  if (!context.stdin.isTerminal) throw new UsageError('nobody can be asked: standard input is no terminal', INSTEAD);
  const user = username ?? (await ask(context, 'Username: ', { hidden: false }));
  return checked(user, password ?? (await ask(context, 'Password: ', { hidden: true })));
}

/** Asks a person on standard error. @throws CANCELED when there is no answer */
async function ask(context: Context, question: string, how: { readonly hidden: boolean }): Promise<string> {
  await context.stderr.write(question);
  const answer = await context.stdin.line(context.signal, how);
  if (how.hidden) await context.stderr.write('\n');
  if (answer === undefined) throw new ShaleError('CANCELED', 'nobody answered');
  return answer;
}

function checked(username: string, password: string): { username: string; password: string } {
  if (username === '' || username.includes(':')) throw new UsageError('a user name is not empty and has no colon');
  if (password === '') throw new UsageError('the password is empty');
  return { username, password };
}

function warnings({ kept }: LoginResult): string {
  if (kept.kind === 'helper') return '';
  return `WARNING: the credentials lie unencrypted in ${kept.name}; a credential helper (credsStore) would keep them better\n`;
}

/** A registry as people write it: an address will do. */
export function registryName(text = 'docker.io'): string {
  const host = text.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  if (!/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/.test(host))
    throw new UsageError(`${JSON.stringify(text)} is not a registry`, 'shale login registry.example:5000');
  return ['index.docker.io', 'registry-1.docker.io'].includes(host) ? 'docker.io' : host;
}
