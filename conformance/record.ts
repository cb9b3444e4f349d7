import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readTar, type TarEntry } from '../src/archive/index.ts';
import { toText } from '../src/base/index.ts';
import { BUSYBOX, SEARCH_PATH } from '../tests/support/lab.ts';
import { answersPath, findGroups, writeContext, type Answer, type BuildCase } from './cases.ts';
import { changesBetween, sayingFields, type ConfigFields, type Row } from './trees.ts';

/** Names of this process alone, so that two recordings do not get into each other's way. */
const BASE = `shale-conformance-${process.pid}:base`;
const RESULT = `shale-conformance-${process.pid}:case`;
const OUTPUT_MAX_BYTES = 512 * 1024 * 1024;
const ATTEMPTS_MAX = 10;

/** The docker to ask, which needs BuildKit; and a folder that it can read contexts from. */
export interface Recorder {
  readonly docker: string;
  readonly scratch: string;
}

export function recorderFrom(env: Readonly<Record<string, string | undefined>>): Recorder {
  return {
    docker: env['SHALE_CONFORMANCE_DOCKER'] ?? 'docker',
    scratch: env['SHALE_CONFORMANCE_SCRATCH'] ?? tmpdir(),
  };
}

/** Builds every case with docker and writes down what came out. Leaves no image and no folder behind. */
export async function record(
  recorder: Recorder,
  names: readonly string[],
  tell: (line: string) => void,
): Promise<void> {
  const { docker } = recorder;
  try {
    const base = await treeOf(recorder, { name: 'base', dockerfile: ['FROM busybox'] });
    for (const group of findGroups(names)) {
      const answers: Record<string, Answer> = {};
      for (const one of group.cases) {
        answers[one.name] = await answerOf(recorder, base, one);
        tell(`${group.name}: ${one.name}: ${answers[one.name]?.kind}`);
      }
      writeFileSync(answersPath(group.name), `${JSON.stringify(answers, null, 1)}\n`);
    }
  } finally {
    spawnSync(docker, ['rmi', '-f', BASE, RESULT]);
  }
}

async function answerOf(recorder: Recorder, base: ReadonlyMap<string, Row>, one: BuildCase): Promise<Answer> {
  const built = build(recorder, one, ['-t', RESULT]);
  if (built.status !== 0) return { kind: 'failure', message: failureIn(built.stderr.toString()) };
  return {
    kind: 'image',
    config: configOf(recorder),
    changes: changesBetween(base, await treeOf(recorder, one)),
  };
}

/** Imports the base, also when somebody's prune has taken it away meanwhile. */
function ensureBase({ docker }: Recorder): void {
  if (spawnSync(docker, ['image', 'inspect', BASE]).status === 0) return;
  // shale says "/" where a base names no working directory, so the base names it.
  const changes = ['CMD ["sh"]', 'WORKDIR /', `ENV ${SEARCH_PATH}`].flatMap((change) => ['-c', change]);
  execFileSync(docker, ['import', ...changes, '-', BASE], {
    input: gunzipSync(readFileSync(BUSYBOX.path)),
    stdio: ['pipe', 'ignore', 'inherit'],
  });
}

function build(recorder: Recorder, one: BuildCase, more: readonly string[]): SpawnSyncReturns<Buffer> {
  const { docker, scratch } = recorder;
  const folder = mkdtempSync(join(scratch, 'shale-conformance-'));
  try {
    writeContext(folder, one);
    const words = ['build', '--network=none', '--provenance=false', `--build-context=busybox=docker-image://${BASE}`];
    const args = [...words, ...more, ...(one.args ?? []), '.'];
    for (let attempt = 1; ; attempt++) {
      ensureBase(recorder);
      const built = spawnSync(docker, args, { cwd: folder, maxBuffer: OUTPUT_MAX_BYTES });
      // A prune between the two would otherwise pass for a refusal.
      const isGone = built.status !== 0 && built.stderr.includes(`${BASE.replace(':', '/manifests/')}`);
      if (!isGone || attempt === ATTEMPTS_MAX) return built;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The last line that begins with ERROR. */
function failureIn(log: string): string {
  return log.split('\n').findLast((line) => line.startsWith('ERROR:')) ?? 'it failed';
}

function configOf({ docker }: Recorder): ConfigFields {
  const [inspected] = JSON.parse(execFileSync(docker, ['image', 'inspect', RESULT]).toString()) as readonly {
    readonly Config: Readonly<Record<string, unknown>>;
    readonly RootFS: { readonly Layers?: readonly string[] };
  }[]; // Docker's shape.
  const history = execFileSync(docker, ['history', '-q', RESULT]).toString().trim().split('\n');
  return {
    ...sayingFields(inspected?.Config ?? {}),
    layers: inspected?.RootFS.Layers?.length ?? 0,
    history: history.length,
  };
}

/** The root file system, which docker writes out as a tar. */
async function treeOf(recorder: Recorder, one: BuildCase): Promise<Map<string, Row>> {
  const { stdout, status, stderr } = build(recorder, one, ['-o', '-']);
  if (status !== 0) throw new Error(`${one.name}: ${stderr.toString()}`);
  const rows = new Map<string, Row>();
  for await (const { entry, content } of readTar(chunksOf(stdout))) {
    const path = toText(entry.path);
    const row = rowOf(entry, await digestOf(content), rows);
    if (path !== '') rows.set(path, row);
  }
  return rows;
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function digestOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of content) hash.update(chunk);
  return hash.digest('hex');
}

function rowOf(entry: TarEntry, digest: string, rows: ReadonlyMap<string, Row>): Row {
  const { kind, uid, gid, sizeBytes } = entry;
  const mode = `0o${entry.mode.toString(8)}`;
  const target = toText(entry.linkTarget);
  if (kind === 'directory') return ['dir', mode, uid, gid, 0, ''];
  if (kind === 'symlink') return ['link', mode, uid, gid, 0, target];
  if (kind !== 'hardlink') return [kind, mode, uid, gid, sizeBytes, digest];
  const linked = rows.get(target);
  if (linked === undefined) throw new Error(`the hard link to ${target} stands before it`);
  return linked;
}
