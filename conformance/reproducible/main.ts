/**
 * `npm run reproducible [-- NAME…] [--peers docker,buildah] [--save]`: real Dockerfiles, locked, built again offline, and
 * verified; and the same with peers of the lab that are up, built twice. `--save` writes docs/compatibility/reproducible.md.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { VerifyReport } from '../../src/engine/index.ts';
import { CASES, type Case } from './cases.ts';
import { startIndex, type IndexServer } from './index-server.ts';

const BASE = 'debian:stable-slim';
const ALPINE = 'alpine:3.20';
const EPOCH = '1700000000';
const CLOCK = '400d';
const root = join(import.meta.dirname, '../..');
const shared = process.env['SHALE_SHARED'] ?? join(root, '../shared');
const alpineRootfs = join(shared, 'fixtures/alpine-minirootfs-3.20.3-x86_64.tar.gz');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { peers: { type: 'string', default: '' }, save: { type: 'boolean', default: false } },
});

interface Outcome {
  /** Both times the same, or what went wrong. */
  readonly said: string;
}

interface Row {
  readonly name: string;
  readonly columns: Readonly<Record<string, string>>;
}

// Peers see nothing of this machine's folders but the lab's.
const work = mkdtempSync(join(process.env['LAB_CTX'] ?? tmpdir(), 'shale-reproducible-'));
const shaleEnv = { ...process.env, SHALE_HOME: join(work, 'home'), XDG_RUNTIME_DIR: join(work, 'run') };

function call(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env, maxBuffer: 1 << 28 });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args[0] ?? ''} ended with ${status}: ${stderr.slice(-600)}`);
  return stdout.trim();
}

const shale = (...args: readonly string[]): string => call(join(root, 'bin/shale'), args, shaleEnv);

function contextOf({ name, dockerfile, files = {} }: Case): string {
  const folder = join(work, 'contexts', name);
  const all = { ...files, Dockerfile: dockerfile, '.dockerignore': 'Dockerfile*\n.dockerignore\n' };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function attempt(work: () => string): Outcome {
  try {
    return { said: work() };
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).trim().split('\n').slice(-1);
    return { said: `failed: ${line.slice(0, 120)}` };
  }
}

/** Locked, built, built again without a network, verified. */
function withShale(one: Case, index: IndexServer): Record<string, string> {
  const folder = contextOf(one);
  const names = [...one.dockerfile.matchAll(/^ARG (\w+)/gm)].map(([, name]) => name ?? '');
  const given: Readonly<Record<string, string>> = { INDEX: index.origin, HOST: index.host };
  const args = names.flatMap((name) => ['--build-arg', `${name}=${given[name] ?? ''}`]);
  const build = (...how: readonly string[]): string => shale('build', '-q', ...how, ...args, folder);
  let first = '';
  const ordinary = attempt(() => (shale('lock', '-q', ...args, folder), (first = build('-t', one.name)), 'locked'));
  if (ordinary.said !== 'locked') return { locked: ordinary.said, verify: '' };
  const cut = [
    '--net',
    join(root, 'bin/shale'),
    'build',
    '-q',
    '--locked',
    '--no-cache',
    '-t',
    one.name,
    ...args,
    folder,
  ];
  const offline = attempt(() => (call('unshare', cut, shaleEnv) === first ? 'same id' : 'another id'));
  const verified = attempt(() => {
    const report = join(work, 'report.json');
    shale('verify', '-q', '--clock', CLOCK, '--report', report, ...args, one.name);
    const { notVaried } = JSON.parse(readFileSync(report, 'utf8')) as Pick<VerifyReport, 'notVaried'>; // What it has written.
    const hasClock = !notVaried.some(({ what }) => what.startsWith('clock'));
    return hasClock || one.isAlpine === true ? 'identical' : "identical, by the machine's clock";
  });
  return { locked: offline.said, verify: verified.said };
}

/** Built twice without a cache, by the docker of the lab whose store can write an OCI layout; its index says whether it is the same. */
function withDocker(one: Case, index: IndexServer): string {
  const folder = contextOf(one);
  const build = (): string => {
    const out = join(work, 'docker.tar');
    const output = `type=oci,dest=${out},rewrite-timestamp=true`;
    const args = ['buildx', 'build', '--no-cache', '--network', 'host', '--provenance=false', '--output', output];
    call('docker-ctrd', [...args, '--build-arg', `SOURCE_DATE_EPOCH=${EPOCH}`, ...buildArgs(one, index), folder]);
    return createHash('sha256')
      .update(call('tar', ['-xOf', out, 'index.json']))
      .digest('hex');
  };
  return attempt(() => (build() === build() ? 'identical' : 'differs')).said;
}

function withBuildah(one: Case, index: IndexServer): string {
  const folder = contextOf(one);
  const build = (): string => {
    const args = ['build', '-q', '--no-cache', '--network', 'host', '--timestamp', EPOCH, '--pull=never'];
    const id = call('buildah', [...args, ...buildArgs(one, index), folder]);
    call('buildah', ['rmi', '-f', id]);
    return id;
  };
  return attempt(() => (build() === build() ? 'identical' : 'differs')).said;
}

function buildArgs(one: Case, index: IndexServer): string[] {
  const given: Readonly<Record<string, string>> = { INDEX: index.origin, HOST: index.host };
  return [...one.dockerfile.matchAll(/^ARG (\w+)/gm)].flatMap(([, name = '']) => [
    '--build-arg',
    `${name}=${given[name] ?? ''}`,
  ]);
}

const PEERS: Readonly<Record<string, (one: Case, index: IndexServer) => string>> = {
  docker: withDocker,
  buildah: withBuildah,
};

/** The root file system of Alpine becomes the base of that name, in peers too. */
function importAlpine(peers: readonly string[]): void {
  shale('import', alpineRootfs, ALPINE);
  if (peers.length === 0) return;
  const archive = join(work, 'alpine.tar');
  shale('save', '-o', archive, ALPINE);
  if (peers.includes('docker')) call('docker-ctrd', ['load', '-i', archive]);
  if (peers.includes('buildah')) call('buildah', ['pull', `docker-archive:${archive}`]);
}

function removeAlpine(peers: readonly string[]): void {
  if (peers.includes('docker')) spawnSync('docker-ctrd', ['rmi', ALPINE]);
  if (peers.includes('buildah')) spawnSync('buildah', ['rmi', ALPINE]);
}

function npmFolder(): string {
  const program = call('sh', ['-c', 'command -v npm']);
  const folder = dirname(dirname(realpathSync(program)));
  if (!existsSync(join(folder, 'bin/npm-cli.js'))) throw new Error(`npm does not lie in ${folder}`);
  return folder;
}

async function main(): Promise<void> {
  const peers = values.peers.split(',').filter((name) => name in PEERS);
  const rows: Row[] = [];
  await using index = await startIndex(npmFolder());
  try {
    shale('base', 'debian', '--suite', 'trixie', '--slim', '-t', BASE);
    const wanted = CASES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
    if (wanted.some(({ isAlpine = false }) => isAlpine) && existsSync(alpineRootfs)) importAlpine(peers);
    for (const one of wanted) {
      if (one.isAlpine === true && !existsSync(alpineRootfs)) {
        console.log(`${one.name}: skipped, ${alpineRootfs} is not there (set SHALE_SHARED)`);
        continue;
      }
      const columns: Record<string, string> = withShale(one, index);
      for (const peer of peers) columns[peer] = PEERS[peer]?.(one, index) ?? '';
      rows.push({ name: one.name, columns });
      console.log(`${one.name}: ${JSON.stringify(columns)}`);
      // What is known is kept, also when the rest is not waited for.
      if (values.save) save(rows);
    }
  } finally {
    removeAlpine(peers);
    rmSync(work, { recursive: true, force: true });
  }
  const isSame = ({ columns: { locked, verify } }: Row): boolean => locked === 'same id' && verify === 'identical';
  process.exitCode = rows.every(isSame) ? 0 : 1;
}

const TITLES: Readonly<Record<string, string>> = {
  locked: '`build --locked`, no network',
  verify: '`shale verify`',
  docker: 'docker, SOURCE_DATE_EPOCH and rewrite-timestamp',
  buildah: 'buildah, --timestamp',
};

/** Everything below the mark is written anew; what was not measured this time stays as it was. */
function save(rows: readonly Row[]): void {
  const path = join(root, 'docs/compatibility/reproducible.md');
  const names = Object.keys(TITLES);
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const [head = '', old = ''] = readFileSync(path, 'utf8').split('<!-- results -->');
  const known = new Map(
    old
      .split('\n')
      .map((line) => line.split(' | '))
      .map(([name = '', , ...cells]) => [name.slice(2), cells]),
  );
  const lines = CASES.flatMap(({ name, kind }) => {
    const columns = rows.find((row) => row.name === name)?.columns;
    const before = known.get(name);
    if (columns === undefined && before === undefined) return [];
    const cells = names.map((title, i) => cell(columns?.[title] ?? '') || before?.[i]?.replace(/ \|$/, '') || '–');
    return [`| ${name} | ${kind} | ${cells.join(' | ')} |`];
  });
  const table = [
    `| Dockerfile | shows | ${names.map((name) => TITLES[name] ?? name).join(' | ')} |`,
    `|---|---|${names.map(() => '---|').join('')}`,
    ...lines,
  ];
  writeFileSync(path, `${head}<!-- results -->\n\n${table.join('\n')}\n`);
}

await main();
