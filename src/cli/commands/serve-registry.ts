import { resolve } from 'node:path';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { parseNumber } from '../options/times.ts';
import { UsageError } from '../usage-error.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Serves the images of the store by the OCI distribution specification, until Ctrl-C, SIGTERM or SIGHUP: then it takes no more requests, answers those that are under way within --drain-timeout, and ends with status 0; a second signal ends it at once. It reads its files when it starts, and no signal has it read them again. What is pushed can be run at once; what was pulled is given on with the same digests, and what was made here is compressed when it is first asked for. "web" is the image that "shale run web" means; "registry.example_5000/web" is "registry.example:5000/web". Whoever reaches the address may pull and push; with --htpasswd only who has an account. An address that other machines reach needs --htpasswd and --tls-cert, or --insecure. With --upstream it takes no pushes, but fetches what the store does not have from there, once, and keeps it in the cache; names without a host are the first upstream’s, "registry.example/web" is that of another. A tag is looked up each time; while the upstream is down the last image known is given, with a warning.',
  flags: [
    {
      kind: 'text',
      name: 'addr',
      value: 'HOST:PORT',
      summary: 'where to listen; port 0 takes a free one',
      default: '127.0.0.1:5000',
    },
    { kind: 'boolean', name: 'readonly', summary: 'take no pushes and delete nothing' },
    {
      kind: 'list',
      name: 'upstream',
      value: 'URL',
      summary:
        'be a cache that stands before this registry, with the logins of "shale login"; may be given several times',
    },
    { kind: 'text', name: 'htpasswd', value: 'FILE', summary: 'ask for the names and passwords of this file (bcrypt)' },
    { kind: 'text', name: 'tls-cert', value: 'FILE', summary: 'serve https with this certificate (PEM)' },
    { kind: 'text', name: 'tls-key', value: 'FILE', summary: 'the key of the certificate (PEM)' },
    {
      kind: 'boolean',
      name: 'insecure',
      summary: 'let other machines in without --htpasswd or without --tls-cert',
    },
    {
      kind: 'text',
      name: 'drain-timeout',
      value: 'SECONDS',
      summary: 'how long requests that are under way at the end may take',
      default: '5',
    },
  ],
  args: { min: 0, max: 0 },
  examples: [
    { command: 'shale serve registry', says: 'to programs of this machine' },
    { command: 'shale serve registry --addr 0.0.0.0:5000 --readonly --insecure', says: 'to everyone, for pulling' },
    {
      command: 'shale serve registry --addr :443 --htpasswd accounts --tls-cert cert.pem --tls-key key.pem',
      says: 'to those who have an account',
    },
    {
      command: 'shale serve registry --upstream https://registry-1.docker.io',
      says: 'as an entry of docker’s registry-mirrors',
    },
  ],
  run,
};

/** Milliseconds to let go of the store, once no request is under way any more. */
const CLOSING_MS = 30_000;

async function run(context: Context, { flags }: ParsedArguments): Promise<void> {
  const { host, port } = parseAddress(flags.text('addr') ?? '');
  const accounts = flags.text('htpasswd');
  const [cert, key] = [flags.text('tls-cert'), flags.text('tls-key')];
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--tls-cert and --tls-key go together');
  const tls =
    cert === undefined || key === undefined
      ? undefined
      : { certFile: resolve(context.cwd, cert), keyFile: resolve(context.cwd, key) };
  const drainMs = 1000 * parseNumber('--drain-timeout', flags.text('drain-timeout') ?? '', { min: 0, max: 86_400 });
  context.serveUntilSignal(drainMs + CLOSING_MS);
  const engine = await context.engine();
  await engine.serveRegistry(
    {
      host,
      port,
      readOnly: flags.boolean('readonly'),
      insecure: flags.boolean('insecure'),
      drainMs,
      upstreams: flags.list('upstream'),
      tls,
      htpasswdFile: accounts === undefined ? undefined : resolve(context.cwd, accounts),
      failed: (message) => void context.stderr.write(`a request failed: ${message}\n`).catch(() => {}),
      listening: (url) => void context.stderr.write(`serving the store at ${url}\n`).catch(() => {}),
    },
    { signal: context.signal },
  );
}

/** `HOST:PORT`, `[::1]:PORT`, or `:PORT` for every address of the machine. */
export function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535)
    throw new UsageError(`--addr: ${JSON.stringify(text)} is not HOST:PORT, as 127.0.0.1:5000`);
  return { host: six ?? (four === undefined || four === '' ? '0.0.0.0' : four), port };
}
