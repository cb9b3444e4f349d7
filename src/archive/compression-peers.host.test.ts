/** Compressed streams of the programs that everybody uses, and theirs of ours. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { type ByteStream, collect, streamOf } from '../base/index.ts';
import { compress } from './compress.ts';
import { decompress } from './decompress.ts';

const LIMIT = 64 * 1024 * 1024;

/** Text, tables, noise and runs; three bzip2 blocks. */
function sample(): Buffer {
  const text = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `${i} ${i * i} some text\n`).join(''));
  const noise = Buffer.alloc(300_000);
  let state = 1;
  for (let i = 0; i < noise.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    noise[i] = state >>> 24;
  }
  return Buffer.concat([
    text,
    noise,
    Buffer.alloc(700_000),
    noise.subarray(0, 100_000),
    Buffer.from('ab'.repeat(200_000)),
  ]);
}

function run(program: string, args: readonly string[], input: Buffer): Buffer | undefined {
  const result = spawnSync(program, args, { input, maxBuffer: LIMIT });
  return result.status === 0 ? result.stdout : undefined;
}

const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ['gzip', ['-1']],
  ['gzip', ['-9']],
  ['pigz', []],
  ['zstd', ['-1']],
  ['zstd', ['-19', '--long=27']],
  ['zstd', ['-3', '--check', '-T2', '-B200000']],
  ['bzip2', ['-1']],
  ['bzip2', ['-9']],
  ['xz', ['-0']],
  ['xz', ['-6']],
  ['xz', ['-9e', '--check=sha256']],
  ['xz', ['-T2', '--block-size=500000', '--check=crc32']],
  ['xz', ['--lzma2=preset=1,lc=0,lp=4,pb=0,dict=4KiB', '--check=none']],
  ['xz', ['--lzma2=preset=6,lc=1,lp=3,pb=4,dict=64KiB']],
];

for (const [program, args] of COMMANDS) {
  test(`decompress() reads what ${[program, ...args].join(' ')} writes, alone and twice over`, async (t) => {
    const bytes = sample();
    const packed = run(program, ['-c', ...args], bytes);
    if (packed === undefined) return t.skip(`not installed: ${program}`);
    const { stream } = await decompress(chunked(packed));
    assert.ok((await collect(stream, LIMIT, 'test')).equals(bytes));
    const twice = await decompress(chunked(Buffer.concat([packed, packed])));
    assert.ok((await collect(twice.stream, LIMIT, 'test')).equals(Buffer.concat([bytes, bytes])));
  });
}

function chunked(bytes: Buffer): ByteStream {
  const size = 65_536;
  const count = Math.ceil(bytes.length / size);
  return streamOf(...Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size)));
}

for (const kind of ['gzip', 'zstd'] as const) {
  test(`${kind} reads what compress() writes`, async (t) => {
    const bytes = sample();
    const packed = await collect(compress(streamOf(bytes), { kind }), LIMIT, 'test');
    const plain = run(kind, ['-dc'], packed);
    if (plain === undefined && spawnSync(kind, ['--version']).status !== 0) return t.skip(`not installed: ${kind}`);
    assert.ok(plain?.equals(bytes));
  });
}
