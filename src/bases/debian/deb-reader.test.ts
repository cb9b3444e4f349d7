import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { DebReader } from './deb-reader.ts';
import { controlTar, dataTar, debFile, type TestDeb } from './test-deb.ts';

test('DebReader takes packages of any compression apart, in order, in constant memory, and reports broken ones', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shale-deb-'));
  const deb: TestDeb = { control: 'Package: a\nVersion: 1', files: [['big', 'x'.repeat(20_000_000)]] };
  const small: TestDeb = { control: 'Package: b\nVersion: 1', files: [['f', noise(20_000)]] };
  const files: readonly (readonly [string, Buffer])[] = [
    ['big', debFile(deb)],
    ['gz', debFile(small, '.gz', gzipSync)],
    ['zst', debFile(small, '.zst', zstdCompressSync)],
    ['cut', debFile(small, '.gz', (bytes) => gzipSync(bytes).subarray(0, 60))],
    ['no', Buffer.from('hello')],
    ['again', debFile(small)],
  ];
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  try {
    await using reader = new DebReader(2);
    const opened = files.map(([name]) => reader.open(join(folder, name)));
    for (const [index, [name]] of files.entries()) {
      if (name === 'cut' || name === 'no') {
        const read = async (): Promise<unknown> => {
          const contents = await opened[index];
          return contents === undefined ? undefined : collectCopied(contents.data);
        };
        await assert.rejects(read(), {
          code: name === 'cut' ? 'COMPRESS_TRUNCATED' : 'DEB_MALFORMED',
          message: new RegExp(name),
        });
        continue;
      }
      const contents = await opened[index];
      const expected = name === 'big' ? deb : small;
      assert.ok(contents !== undefined);
      assert.equal(Buffer.compare(contents.control, controlTar(expected)), 0);
      assert.equal(Buffer.compare(await collectCopied(contents.data), dataTar(expected)), 0);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Text that does not compress below the size that a thread is worth. */
function noise(length: number): string {
  let state = 1;
  return Array.from({ length }, () => String.fromCharCode((state = (state * 48_271) % 0x7fffffff) & 0xff)).join('');
}

// A chunk is only valid until the next one is asked for.
async function collectCopied(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

test('DebReader lets go of its threads while a package is half read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shale-deb-'));
  try {
    writeFileSync(
      join(folder, 'big'),
      debFile({ control: 'Package: a\nVersion: 1', files: [['big', 'x'.repeat(20_000_000)]] }),
    );
    const reader = new DebReader(1);
    const contents = await reader.open(join(folder, 'big'));
    for await (const chunk of contents.data) {
      assert.ok(chunk.length > 0);
      break;
    }
    const waiting = reader.open(join(folder, 'big'));
    await reader[Symbol.asyncDispose]();
    await assert.rejects(waiting, { code: 'DEB_MALFORMED' });
    await assert.rejects(reader.open(join(folder, 'big')), { code: 'DEB_MALFORMED' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
