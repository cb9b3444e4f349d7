/**
 * `npm run demo`: a tour of the main job, with real commands and their real output. It works in a store of its own below
 * `.cache/demo`, which is gone when it ends, and leaves nothing running or mounted, also when it fails.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const work = join(root, '.cache/demo');
const home = join(work, 'store');
const site = join(work, 'site');
const shale = join(root, 'bin/shale');
const env = { ...process.env, SHALE_HOME: home };

try {
  await main();
} catch (error) {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  cpSync(join(root, 'examples/nginx'), site, { recursive: true });
  try {
    await (process.getuid?.() === 0 ? tour() : tourWithoutRoot());
  } finally {
    run(['rm', '-f', 'web'], { quiet: true });
    rmSync(work, { recursive: true, force: true });
  }
}

async function tour(): Promise<void> {
  const port = await freePort();
  heading('A Debian base image, made here from signed packages');
  must(['base', 'debian', '--slim', '-t', 'debian:stable-slim'], { SHALE_PROGRESS: 'quiet' });

  heading('The example: a Dockerfile that installs nginx');
  console.log(readFileSync(join(site, 'Dockerfile'), 'utf8').trimEnd());
  must(['build', '-t', 'web', '.']);
  const first = idOf('web');

  heading('Run it, with a published port, and fetch the page');
  const serve = [
    'run',
    '-d',
    '--name',
    'web',
    '-p',
    `127.0.0.1:${port}:80`,
    '-v',
    `${join(root, 'examples/nginx-site.conf')}:/etc/nginx/sites-enabled/default:ro`,
    'web',
  ];
  must(serve);
  must(['ps']);
  await showPage(port, 'Hello from a container');

  heading('Build again: everything is cached');
  const begin = performance.now();
  must(['build', '-t', 'web', '.']);
  console.log(`(${Math.round(performance.now() - begin)} ms, start of the program included)`);

  heading('Edit one file and build: only COPY runs, and shale says why');
  writeFileSync(
    join(site, 'index.html'),
    readFileSync(join(site, 'index.html'), 'utf8').replace('Hello', 'Hello again'),
  );
  must(['build', '--explain', '-t', 'web:edited', '.']);

  heading('Layers are shared, and stored once');
  must(['history', 'web:edited']);
  must(['images']);
  must(['system', 'df']);

  heading('Change a file in the running container: it is gone with the container');
  change('Changed in the container');
  await showPage(port, 'Changed in the container');
  must(['diff', 'web']);
  must(['rm', '-f', 'web']);
  must(serve);
  await showPage(port, 'Hello from a container');

  heading('Change it again and commit: it is kept, as one new layer');
  change('Changed and kept');
  must(['commit', 'web', 'web:changed']);
  must(['rm', '-f', 'web']);
  must(['run', '--rm', '--network', 'none', 'web:changed', 'cat', '/usr/share/nginx/html/index.html']);

  heading('Build without the cache, from a fresh copy: the same image, bit for bit');
  rmSync(site, { recursive: true });
  cpSync(join(root, 'examples/nginx'), site, { recursive: true });
  must(['build', '--no-cache', '-q', '-t', 'web:again', '.']);
  const second = idOf('web:again');
  console.log(`first:  ${first}\nsecond: ${second}`);
  if (first !== second) throw new Error('the two images differ');

  heading('Nothing is left running');
  must(['ps', '-a']);
}

/** What can be shown without root: layers without mounts. */
async function tourWithoutRoot(): Promise<void> {
  heading('Without root: what is missing');
  run(['doctor'], {});
  heading('Builds that only copy need no rights at all');
  writeFileSync(join(site, 'Dockerfile'), 'FROM scratch\nCOPY index.html /\nCMD ["/serve"]\n');
  must(['build', '-t', 'page', '.']);
  must(['build', '-t', 'page', '.']);
  must(['history', 'page']);
  console.log('\nRun the demo as root to see nginx built, run, changed and committed.');
}

function change(text: string): void {
  must(['exec', 'web', 'sh', '-c', `echo '<h1>${text}</h1>' > /usr/share/nginx/html/index.html`]);
}

function heading(text: string): void {
  console.log(process.stdout.isTTY ? `\n\u001b[1m== ${text} ==\u001b[0m` : `\n== ${text} ==`);
}

/** Runs a command before the reader's eyes. @throws when it fails */
function must(args: readonly string[], extra: Readonly<Record<string, string>> = {}): void {
  if (run(args, { extra }) !== 0) throw new Error(`shale ${args.join(' ')} failed`);
}

function run(
  args: readonly string[],
  options: { readonly quiet?: boolean; readonly extra?: Readonly<Record<string, string>> },
): number {
  if (options.quiet !== true) console.log(`$ shale ${args.map(quoted).join(' ')}`);
  const stdio = options.quiet === true ? 'ignore' : 'inherit';
  return (
    spawnSync(shale, args, { cwd: site, env: { ...env, ...options.extra }, stdio: ['ignore', stdio, stdio] }).status ??
    1
  );
}

function quoted(word: string): string {
  const shown = word.startsWith(root) ? word.slice(root.length + 1) : word;
  return /^[\w@%+=:,./-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", String.raw`'\''`)}'`;
}

function idOf(image: string): string {
  return spawnSync(shale, ['inspect', '--format', '{{.Id}}', image], {
    cwd: site,
    env,
    encoding: 'utf8',
  }).stdout.trim();
}

/** Fetches the page until it has the text; nginx needs a moment to start. */
async function showPage(port: number, text: string): Promise<void> {
  console.log(`$ curl http://127.0.0.1:${port}/`);
  for (let attempt = 0; attempt < 100; attempt++) {
    const page = await fetchPage(port).catch(() => '');
    if (page.includes(text)) return console.log(page.trimEnd());
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`the page on port ${port} does not say ${JSON.stringify(text)}`);
}

function fetchPage(port: number): Promise<string> {
  return new Promise((done, fail) => {
    const request = get({ host: '127.0.0.1', port, path: '/', timeout: 2000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => done(text)).on('error', fail);
    }).on('error', fail);
    request.on('timeout', () => request.destroy(new Error('no answer')));
  });
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().on('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => done(port));
    });
  });
}
