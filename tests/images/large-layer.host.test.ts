/**
 * A layer that no number of 32 bits can count comes through a pipe and travels from store to store, and no process that it
 * passes needs more memory for it than for a small one. SHALE_TEST_LONG=1: 10 GiB that do not compress instead of zeros.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { header, member } from '../../src/archive/tar-parser.fixture.ts';
import { TAR_END, tarPadding } from '../../src/archive/index.ts';
import { publishInto } from '../support/published.ts';

const isLong = process.env['SHALE_TEST_LONG'] === '1';
const GIB = 1024 ** 3;
const LAYER_BYTES = isLong ? 10 * GIB : 2 * GIB + 1;
const MEMORY_MAX_BYTES = 200e6;
const BLOCK = isLong ? randomBytes(64 * 1024 * 1024) : Buffer.alloc(1024 * 1024);
const REPORT = resolve(import.meta.dirname, '../support/report-peak.ts');

const isLinux = process.platform === 'linux';
const { bavail, bsize } = statfsSync(tmpdir());
const needed = 4 * LAYER_BYTES;
const skip =
  (!isLinux && 'reads /proc') || (bavail * bsize < needed && `needs ${Math.ceil(needed / GIB)} GiB of temporary space`);

/** The bytes of the tar of a layer with one large file. */
function* layerTar(): Generator<Uint8Array> {
  yield headerOf('large', LAYER_BYTES);
  for (let left = LAYER_BYTES; left > 0; left -= BLOCK.length) yield BLOCK.subarray(0, Math.min(left, BLOCK.length));
  yield tarPadding(LAYER_BYTES);
  yield TAR_END;
}

/** From 8 GiB on a size is no octal number any more. */
function headerOf(name: string, sizeBytes: number): Buffer {
  const binary = Buffer.alloc(12);
  binary[0] = 0x80;
  binary.writeBigUInt64BE(BigInt(sizeBytes), 4);
  return header({ name, size: sizeBytes < 8 * GIB ? sizeBytes : binary });
}

interface Process {
  readonly child: ChildProcess;
  /** Waits for its end, asserts what memory it needed, and gives what it printed. */
  ended(): Promise<string>;
}

describe('a layer of more than 2 GiB', { skip }, () => {
  let folder = '';
  let program = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'shale-large-'));
    program = publishInto(join(folder, 'published'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function shale(store: string, ...args: readonly string[]): Process {
    const home = join(folder, store);
    mkdirSync(home, { recursive: true });
    const peak = join(folder, `peak-${store}-${args[0]}`);
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        SHALE_HOME: join(home, 'home'),
        XDG_RUNTIME_DIR: home,
        NODE_OPTIONS: `--import=${REPORT}`,
        REPORT_PEAK: peak,
      },
    });
    const [out, errors] = [text(child.stdout), text(child.stderr)];
    const exit = once(child, 'exit');
    return {
      child,
      async ended() {
        const [code] = (await exit) as [number | null];
        assert.ok(code === 0 || code === 130, `shale ${args.join(' ')} ends with ${code}: ${await errors}`);
        const bytes = Number(readFileSync(peak, 'utf8'));
        assert.ok(bytes > 0 && bytes < MEMORY_MAX_BYTES, `shale ${args.join(' ')} needs ${bytes / 1e6} MB`);
        return await out;
      },
    };
  }

  test('is loaded from a pipe, pushed to another store, pulled from that, in less than 200 MB of memory', async () => {
    const hash = createHash('sha256');
    let diffId = '';
    function* archive(): Generator<Uint8Array> {
      yield headerOf('layer.tar', 512 + LAYER_BYTES + tarPadding(LAYER_BYTES).length + TAR_END.length);
      for (const chunk of layerTar()) {
        hash.update(chunk);
        yield chunk;
      }
      diffId = `sha256:${hash.digest('hex')}`;
      const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [diffId] } };
      yield member({ name: 'config.json' }, JSON.stringify(config));
      const manifest = [{ Config: 'config.json', RepoTags: ['large:1'], Layers: ['layer.tar'] }];
      yield member({ name: 'manifest.json' }, JSON.stringify(manifest));
      yield TAR_END;
    }
    const loading = shale('first', 'load');
    assert.ok(loading.child.stdin);
    await pipeline(Readable.from(archive()), loading.child.stdin);
    assert.match(await loading.ended(), /large:1/);

    const serving = shale('second', 'serve', 'registry', '--addr', '127.0.0.1:0');
    try {
      const name = `${await addressOf(serving.child)}/large:1`;
      await shale('first', 'push', 'large:1', name).ended();
      rmSync(join(folder, 'first'), { recursive: true });
      await shale('third', 'pull', '--platform', 'linux/amd64', name).ended();
    } finally {
      serving.child.kill('SIGINT');
    }
    await serving.ended();
    const inspected = await shale(
      'third',
      'inspect',
      '--format',
      '{{json .RootFS.Layers}}',
      await onlyImage('third'),
    ).ended();
    assert.deepEqual(JSON.parse(inspected), [diffId]);
  });

  async function onlyImage(store: string): Promise<string> {
    return (await shale(store, 'images', '-q').ended()).trim();
  }
});

/** Where it says that it serves. */
async function addressOf({ stderr }: ChildProcess): Promise<string> {
  assert.ok(stderr);
  let said = '';
  for (;;) {
    const host = /http:\/\/(\S+)/.exec(said)?.[1];
    if (host !== undefined) return host;
    const [chunk] = (await once(stderr, 'data')) as [Buffer];
    said += chunk.toString();
  }
}
