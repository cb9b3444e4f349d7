import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { collect, isShaleError, streamOf } from '../base/index.ts';
import { compress, compressorIdentity, type WrittenCompression } from './compress.ts';
import { decompress, type DecompressOptions } from './decompress.ts';
import { type Compression, sniffCompression } from './sniff.ts';

const LIMIT = 64 * 1024 * 1024;

/** A stream of the bytes, cut at every `step`. */
function cut(bytes: Uint8Array, step: number = bytes.length): AsyncGenerator<Uint8Array> {
  const chunks = Array.from({ length: Math.ceil(bytes.length / Math.max(step, 1)) }, (_, i) =>
    bytes.subarray(i * step, (i + 1) * step),
  );
  return streamOf(...chunks);
}

async function plain(bytes: Uint8Array, step?: number, options?: DecompressOptions): Promise<[Compression, Buffer]> {
  const { kind, stream } = await decompress(cut(bytes, step), options);
  return [kind, await collect(stream, LIMIT, 'test')];
}

/** Fails unless the bytes give `expected`, whole and cut into small pieces. */
async function gives(bytes: Uint8Array, kind: Compression, expected: string | Uint8Array): Promise<void> {
  const steps = bytes.length < 20_000 ? [bytes.length, 1, 7, 1000] : [bytes.length, 1000, 4099];
  for (const step of steps) {
    const [found, result] = await plain(bytes, step);
    assert.equal(found, kind);
    assert.ok(result.equals(Buffer.from(expected)), `other bytes with chunks of ${step}`);
  }
}

/** Fails unless the bytes are refused with `code`, whole and cut into small pieces. */
async function refused(bytes: Uint8Array, code: string): Promise<void> {
  for (const step of [bytes.length, 1, 7]) await assert.rejects(plain(bytes, step), { code }, `chunks of ${step}`);
}

/** Lines, runs and every byte: what the fixtures below hold. */
function fixture(): Buffer {
  const lines = Array.from({ length: 60 }, (_, i) => `line ${(i * i) % 97} of some text\n`);
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  return Buffer.concat([Buffer.from(lines.join('')), Buffer.alloc(300), Buffer.from('aaaa'.repeat(70)), bytes]);
}

/** Bytes that compress somewhat and are the same in every run. */
function sample(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 12_345;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = (state >>> 24) % (i % 4096 < 2048 ? 5 : 200);
  }
  return bytes;
}

/** `bytes` with the byte at `at` (from the end if negative) changed. */
function damaged(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 0x55;
  return copy;
}

const base64 = (text: string): Buffer => Buffer.from(text, 'base64');
const BZIP2 = base64(
  [
    'QlpoMTFBWSZTWaFV4+gAAaL/////////////////////////////////////////////sAF4NMIAAAAACYAAEwAJkwAAABGATAAAAAAAAaGgAA',
    'AAAAAAAAAAAEwAMkAAExMAACYAAAAJhMaJiNMANAAACMAACYAABMAAABMAABMmAAAAAAADKEaFNTTI0wjygAAAMjNT1AAAAAAAaANDIaAAAAAA',
    'AAAAAAAAAAAAAAAAP06SBCILDK2m3H51Gv6CQTIJDAQMikcFJIOEs8NCyWTO3knlEplUrllrAJMVDxSHyokPXqlvWXwUpCAwtDKEpZWhpaErQw',
    '+bSyhIccUw0204sNstMIiwCS6AJM5nU7nk9n0PET+IoETFPaC+gIWEoTyGZdwztQeIKnEpYdtMKQA0ysJeOmQG0BKWG2GUBpACFMMtPyELLSUu',
    'LabZSyS404oFhAU2tClIJcQwpQUCpyh0Si0aj0hL+aYmpyf9FBRUgamqfVVVlf7fdY/CytLa4ury+wMLEEBggh+FgMYUAyMrcAACBAm4Ak22yg',
    'EmMAJNPqFvuEYASblc/9Fkgm6PwBJWsAkv74AkxwBJgV3aNZAJMdHgElIBJagrxeYMAkx7V6ent8fX5/gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZ',
    'aXmJkBNTc4BnZ6foKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr/AwcLDxMXGx8jJysvMzc7P0NHS09TV1tfY2drb3N3e3+Dh4uPk5eb',
    'n6Onq6+zt7u/w8f/5efp6+2iA9wPx8/X2LuSKcKEhQqvH0AA==',
  ].join(''),
);
const BZIP2_EMPTY = base64('QlpoORdyRThQkAAAAAA=');
const XZ = base64(
  [
    '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AgmAZ1dADYaSh8IoCYDTQad+EXEDM+bbFZrintuBK0U2nOio7Ok0o/N11kbXByiUZ2p74054/sFv0',
    'anXpsFg+7iu8TJfD5ZpOOsj6cMtRu2nO93oHfrsbynFISAiuSwXi5lDfgM8LyrUKqUVMzlPKUEfrFs003EwbYOCi07sCW4L8+kuleJ9lpuUJpo',
    'kc72HEMb+GaIg4o2RnlDIK3gCToje+RhUXiPQ5BDKBzAPqi6ut6zBekyZbaU6Lvh+AEaQ4l0OHxoQL2E/N0vrFCLiYKEH6Wio41l1lUDy67n5C',
    'iQJTND3pF0vGvGX+nSvpPLjYcua9G5uHM7fiU1VijeQEhidoM7QFz1B8IfnJrgr3dVrJu0utkMmrqPzVvecEQ19uenyqKmfQne78uKTeR5j4Fr',
    '9zfp/5ABbsYSXzcysrOGE9IPY5B8QMeZmd5nVfFOu14ntn6nipeHe1in+D/oJZ/ZA+uUZ3aToctpybM1koBAJ+gy6n6XtVMNmvmSkX8P72WD7b',
    'Ji96czQudTMuOwe8tBxqXM9iRngH7TzjKrqTvco4XAAAAAAGcQoL595cbtAAG5A6cQAAB8bqp1scRn+wIAAAAABFla',
  ].join(''),
);
const XZ_EMPTY = base64('/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo=');
/** "hello" with each check; the fixture above has CRC-64. */
const XZ_CHECKS = {
  none: '/Td6WFoAAAD/EtlBAgAhARYAAAB0L+WjAQAEaGVsbG8AAAAAAAEVBbCnWWcGcp56AQAAAAAAWVo=',
  crc32: '/Td6WFoAAAFpIt42AgAhARYAAAB0L+WjAQAEaGVsbG8AAAAAhqYQNgABGQW86OzLkEKZDQEAAAAAAVla',
  sha256:
    '/Td6WFoAAArh+wyhAgAhARYAAAB0L+WjAQAEaGVsbG8AAAAALPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQAATUFEoPd8hibS5oBAAAAAApZWg==',
};
const XZ_X86_FILTER = '/Td6WFoAAATm1rRGAgEEACEBFgANhjUfAQAEaGVsbG8AAAAAsTe52+XaHpsAAR0FuC2Arx+2830BAAAAAARZWg==';
const XZ_DICTIONARY_256_MIB =
  '/Td6WFoAAATm1rRGAgAhASAAAAAJiKV2AQAEaGVsbG8AAAAAsTe52+XaHpsAAR0FuC2Arx+2830BAAAAAARZWg==';

const A = zlib.gzipSync('content of a');
const B = zlib.gzipSync('content of b');

test('F-068: gzip members are joined, empty ones too, however the bytes are cut', async () => {
  await gives(Buffer.concat([A, B]), 'gzip', 'content of acontent of b');
  await gives(Buffer.concat([A, zlib.gzipSync(''), zlib.gzipSync(''), B]), 'gzip', 'content of acontent of b');
  await gives(Buffer.concat(Array.from({ length: 100 }, () => A)), 'gzip', 'content of a'.repeat(100));
  await gives(zlib.gzipSync(''), 'gzip', '');
});

test('F-069: zeros after gzip are accepted; garbage, half a member, and garbage behind zeros are refused', async () => {
  for (const zeros of [1, 512, 10_240, 300_000]) {
    const [, result] = await plain(Buffer.concat([A, Buffer.alloc(zeros)]), 4096);
    assert.equal(result.toString(), 'content of a');
  }
  await gives(Buffer.concat([A, Buffer.alloc(5)]), 'gzip', 'content of a');
  await refused(Buffer.concat([A, Buffer.from('garbage garbage garbage')]), 'COMPRESS_CORRUPT');
  await refused(Buffer.concat([A, Buffer.from([0x1f, 0x8b])]), 'COMPRESS_TRUNCATED');
  await refused(Buffer.concat([A, Buffer.from([0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9])]), 'COMPRESS_CORRUPT');
  await refused(Buffer.concat([A, Buffer.alloc(20), Buffer.from('x')]), 'COMPRESS_CORRUPT');
  await refused(Buffer.concat([A, Buffer.alloc(3), B]), 'COMPRESS_CORRUPT');
  await assert.rejects(plain(Buffer.concat([A, Buffer.alloc(400_000), Buffer.from('x')]), 65_536), {
    code: 'COMPRESS_CORRUPT',
  });
});

test('F-070: gzip that is cut, or whose checksum or size is wrong, is refused', async () => {
  const bytes = zlib.gzipSync(sample(5000));
  for (const length of [3, 9, 10, 11, 1000, bytes.length - 9, bytes.length - 8, bytes.length - 4, bytes.length - 1]) {
    await assert.rejects(plain(bytes.subarray(0, length), 1000), { code: 'COMPRESS_TRUNCATED' }, `cut at ${length}`);
  }
  await refused(damaged(bytes, -8), 'COMPRESS_CORRUPT');
  await refused(damaged(bytes, -1), 'COMPRESS_CORRUPT');
  await refused(damaged(bytes, 2), 'COMPRESS_CORRUPT');
});

test('decompress() gives the memory of transient chunks back, and the same bytes', async () => {
  const plain = Buffer.from(sample(5_000_000));
  for (const packed of [zlib.gzipSync(plain), zlib.zstdCompressSync(plain)]) {
    const { stream } = await decompress(streamOf(packed), { isTransient: true });
    const hash = createHash('sha256');
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) {
      hash.update(chunk);
      chunks.push(chunk);
    }
    assert.equal(hash.digest('hex'), createHash('sha256').update(plain).digest('hex'));
    assert.ok(
      chunks.some(({ byteLength }) => byteLength === 0),
      'nothing was given back',
    );
  }
});

test('decompress() gives the memory of a source that it owns back, once all slices of it have passed', async () => {
  const bytes = Buffer.from(sample(5_000_000));
  for (const packed of [zlib.gzipSync(bytes, { level: 1 }), zlib.zstdCompressSync(bytes)]) {
    // Each buffer comes as two chunks, as a connection gives them.
    const buffers: Uint8Array[] = [];
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < packed.length; at += 40_000) {
        const buffer = new Uint8Array(packed.subarray(at, at + 40_000));
        buffers.push(buffer);
        yield buffer.subarray(0, 100);
        yield buffer.subarray(100);
      }
    }
    const hash = createHash('sha256');
    const { stream } = await decompress(source(), { isTransient: true, ownsSource: true });
    for await (const chunk of stream) hash.update(chunk);
    assert.equal(hash.digest('hex'), createHash('sha256').update(bytes).digest('hex'));
    assert.ok(
      buffers.some(({ byteLength }) => byteLength === 0),
      'nothing was given back',
    );
  }
});

for (const kind of ['gzip', 'zstd'] as const)
  test(`compress() to ${kind} gives the same bytes where the memory of chunks is given back`, async () => {
    const bytes = sample(9_500_000);
    const expected = await collect(compress(cut(bytes, 1024 * 1024), { kind }), LIMIT, 'test');
    for (const step of [1024 * 1024, 300_000]) {
      const sent: Uint8Array[] = [];
      async function* source(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += step) {
          const chunk = new Uint8Array(bytes.subarray(at, at + step));
          sent.push(chunk);
          yield chunk;
        }
      }
      const hash = createHash('sha256');
      const given: Uint8Array[] = [];
      for await (const chunk of compress(source(), { kind, isTransient: true })) {
        hash.update(chunk);
        given.push(chunk);
      }
      assert.equal(hash.digest('hex'), createHash('sha256').update(expected).digest('hex'));
      for (const chunks of [sent, given]) assert.ok(chunks.some(({ byteLength }) => byteLength === 0));
    }
  });

/** A skippable frame of zstd. */
function skippable(content: string, magic = 0x50): Buffer {
  const header = Buffer.from([magic, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  header.writeUInt32LE(content.length, 4);
  return Buffer.concat([header, Buffer.from(content)]);
}

const ZA = zlib.zstdCompressSync('content of a');
const ZB = zlib.zstdCompressSync('content of b', { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } });

test('F-072: zstd frames are joined and skippable frames left out, however the bytes are cut', async () => {
  const text = 'content of acontent of b';
  await gives(Buffer.concat([ZA, ZB]), 'zstd', text);
  await gives(Buffer.concat([skippable('table'), ZA, skippable('', 0x5f), skippable('xyz'), ZB]), 'zstd', text);
  await gives(Buffer.concat([ZA, ZB, skippable('a table of contents')]), 'zstd', text);
  await gives(skippable('nothing else'), 'zstd', '');
  await gives(zlib.zstdCompressSync(''), 'zstd', '');
  const large = sample(300_000);
  const narrow = zlib.zstdCompressSync(large, { params: { [zlib.constants.ZSTD_c_windowLog]: 12 } });
  const zeros = Buffer.alloc(400_000);
  await gives(Buffer.concat([narrow, zlib.zstdCompressSync(zeros)]), 'zstd', Buffer.concat([large, zeros]));
});

test('F-072: zstd that is cut, damaged, followed by garbage, or needs a dictionary or a huge window is refused', async () => {
  for (let length = 5; length < ZB.length; length++) await refused(ZB.subarray(0, length), 'COMPRESS_TRUNCATED');
  await refused(Buffer.concat([ZA, ZB.subarray(0, 3)]), 'COMPRESS_TRUNCATED');
  await refused(skippable('cut').subarray(0, 10), 'COMPRESS_TRUNCATED');
  await refused(damaged(ZB, -1), 'COMPRESS_CORRUPT');
  await refused(Buffer.concat([ZA, Buffer.from('junk')]), 'COMPRESS_CORRUPT');
  await refused(Buffer.concat([ZA, Buffer.alloc(16)]), 'COMPRESS_CORRUPT');
  await refused(base64('KLUv/ScvEfBFBSkAAGhlbGxvo22fiA=='), 'COMPRESS_UNSUPPORTED');
  const windowLog28 = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 18 << 3, 9, 0, 0, 0x78]);
  await refused(windowLog28, 'COMPRESS_UNSUPPORTED');
});

test('F-073: the first bytes decide, and what is no known compression is passed on', async () => {
  await gives(A, 'gzip', 'content of a');
  await gives(ZA, 'zstd', 'content of a');
  await gives(XZ, 'xz', fixture());
  await gives(BZIP2, 'bzip2', fixture());
  for (const other of ['', 'x', 'BZh9 is no bzip2', 'BZh', '\x1f', '(\xb5/', 'PK\x03\x04 a zip file', 'ustar']) {
    await gives(Buffer.from(other, 'latin1'), 'none', Buffer.from(other, 'latin1'));
  }
  assert.equal(sniffCompression(Buffer.from('BZh91AY&SY')), 'bzip2');
  assert.equal(sniffCompression(Buffer.from('BZh01AY&SY')), 'none');
});

test('decompress() joins bzip2 streams', async () => {
  await gives(Buffer.concat([BZIP2, BZIP2_EMPTY, BZIP2]), 'bzip2', Buffer.concat([fixture(), fixture()]));
  await gives(BZIP2_EMPTY, 'bzip2', '');
});

test('decompress() refuses bzip2 that is cut, damaged or followed by garbage', async () => {
  for (let length = 10; length < BZIP2.length; length += 13) {
    await assert.rejects(plain(BZIP2.subarray(0, length)), { code: 'COMPRESS_TRUNCATED' }, `cut at ${length}`);
  }
  await refused(BZIP2.subarray(0, -1), 'COMPRESS_TRUNCATED');
  for (const at of [11, 18, 30, 60, 200, 400, -3, -5]) await refused(damaged(BZIP2, at), 'COMPRESS_CORRUPT');
  await refused(Buffer.concat([BZIP2, Buffer.from('garbage')]), 'COMPRESS_CORRUPT');
  await refused(Buffer.concat([BZIP2, Buffer.from('BZ')]), 'COMPRESS_TRUNCATED');
});

test('decompress() joins xz streams, with padding between them, and verifies every kind of check', async () => {
  const twice = Buffer.concat([fixture(), fixture()]);
  await gives(Buffer.concat([XZ, XZ]), 'xz', twice);
  await gives(Buffer.concat([XZ, Buffer.alloc(8), XZ_EMPTY, XZ, Buffer.alloc(4)]), 'xz', twice);
  await gives(XZ_EMPTY, 'xz', '');
  for (const [check, text] of Object.entries(XZ_CHECKS)) {
    const bytes = base64(text);
    await gives(bytes, 'xz', 'hello');
    if (check !== 'none') await refused(damaged(bytes, 28), 'COMPRESS_CORRUPT');
  }
});

test('decompress() refuses xz that is cut, damaged, followed by garbage, or needs what is not there', async () => {
  for (let length = 10; length < XZ.length; length += 13) {
    await assert.rejects(plain(XZ.subarray(0, length)), { code: 'COMPRESS_TRUNCATED' }, `cut at ${length}`);
  }
  for (const at of [8, 13, 100, 300, -2, -6, -10, -14, -20, -25, -30]) {
    await refused(damaged(XZ, at), 'COMPRESS_CORRUPT');
  }
  await refused(Buffer.concat([XZ, Buffer.alloc(3)]), 'COMPRESS_CORRUPT');
  await refused(Buffer.concat([XZ, Buffer.from('garbage garbage')]), 'COMPRESS_CORRUPT');
  await refused(base64(XZ_X86_FILTER), 'COMPRESS_UNSUPPORTED');
  await refused(base64(XZ_DICTIONARY_256_MIB), 'COMPRESS_UNSUPPORTED');
});

test('decompress() answers damaged streams with bytes or a ShaleError', async () => {
  const frames = Buffer.concat([ZA, ZB]);
  const valid = [A, frames, BZIP2, XZ, zlib.gzipSync(sample(3000)), zlib.zstdCompressSync(sample(3000))];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...valid),
      fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      async (bytes, changes) => {
        const copy = Buffer.from(bytes);
        for (const [at, value] of changes) copy[at % copy.length] = value;
        try {
          await plain(copy, 500, { maxBytes: LIMIT });
        } catch (error) {
          assert.ok(isShaleError(error), String(error));
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('decompress() stops at its limit, long before a bomb is unpacked', async () => {
  const zeros = Buffer.alloc(20 * 1024 * 1024);
  for (const bomb of [zlib.gzipSync(zeros), zlib.zstdCompressSync(zeros)]) {
    const { stream } = await decompress(cut(bomb), { maxBytes: 1000, what: 'layer' });
    await assert.rejects(collect(stream, LIMIT, 'test'), {
      code: 'LIMIT_EXCEEDED',
      message: 'layer is longer than 1000 bytes',
    });
  }
});

test('decompress() closes its source when the reader leaves early, and passes errors of the source on', async () => {
  const streams = [zlib.gzipSync(sample(3_000_000)), zlib.zstdCompressSync(sample(3_000_000)), sample(9000), XZ, BZIP2];
  for (const bytes of streams) {
    let isClosed = false;
    const source = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (let at = 0; at < bytes.length; at += 4096) yield bytes.subarray(at, at + 4096);
        await new Promise((resolve) => setImmediate(resolve));
      } finally {
        isClosed = true;
      }
    };
    const { stream } = await decompress(source());
    for await (const _ of stream) break;
    assert.ok(isClosed);
  }
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield A.subarray(0, 20);
    throw new RangeError('the network is gone');
  };
  const { stream } = await decompress(failing());
  await assert.rejects(collect(stream, LIMIT, 'test'), RangeError);
});

test('decompress() stops when its signal is aborted', async () => {
  const controller = new AbortController();
  const { stream } = await decompress(cut(sample(100_000), 1000), { signal: controller.signal });
  await assert.rejects(
    async () => {
      for await (const _ of stream) controller.abort();
    },
    { name: 'AbortError' },
  );
});

async function packed(
  bytes: Uint8Array,
  kind: WrittenCompression,
  step?: number,
  concurrency?: number,
): Promise<Buffer> {
  const options = concurrency === undefined ? { kind } : { kind, concurrency };
  return collect(compress(cut(bytes, step), options), LIMIT, 'test');
}

test('compress() gives what decompress() and the plain decoders read', async () => {
  for (const size of [0, 1, 1000, 1024 * 1024, 1024 * 1024 + 1, 5_000_000]) {
    const bytes = sample(size);
    const gzip = await packed(bytes, 'gzip');
    assert.ok(zlib.gunzipSync(gzip).equals(bytes));
    assert.ok((await plain(gzip))[1].equals(bytes));
    assert.ok((await plain(await packed(bytes, 'zstd')))[1].equals(bytes));
  }
});

test('compress() gives the same bytes whatever the cuts of its input and its concurrency', async () => {
  const bytes = sample(5_000_000);
  for (const kind of ['gzip', 'zstd'] as const) {
    const expected = await packed(bytes, kind, bytes.length, 1);
    for (const [step, concurrency] of [
      [1024 * 1024, 4],
      [99_991, 3],
    ]) {
      assert.ok((await packed(bytes, kind, step, concurrency)).equals(expected));
    }
  }
});

test('compress() writes one gzip member without a time or a name', async () => {
  const bytes = await packed(sample(3_000_000), 'gzip');
  assert.equal(bytes.toString('hex', 0, 10), '1f8b08000000000000ff');
  assert.equal((await packed(Buffer.alloc(0), 'gzip')).toString('hex'), '1f8b08000000000000ff03000000000000000000');
  // With several members the size at the end would be that of the last one.
  assert.equal(bytes.readUInt32LE(bytes.length - 4), 3_000_000);
});

test('compress() loses little to its blocks', async () => {
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => `line ${i} of a text\n`).join(''));
  const whole = zlib.gzipSync(bytes).length;
  assert.ok((await packed(bytes, 'gzip')).length < whole * 1.01);
});

test('compress() honours its level and its signal', async () => {
  const bytes = sample(2_000_000);
  const fast = await collect(compress(cut(bytes), { kind: 'gzip', level: 1 }), LIMIT, 'test');
  assert.ok(fast.length > (await packed(bytes, 'gzip')).length);
  const signal = AbortSignal.abort();
  await assert.rejects(collect(compress(cut(bytes), { kind: 'zstd', signal }), LIMIT, 'test'), { name: 'AbortError' });
});

test('compressorIdentity() names the library and the level', () => {
  assert.match(compressorIdentity('gzip'), /^shale-gzip-2\/zlib-[^/]+\/\w+\/4$/);
  assert.match(compressorIdentity('zstd', 19), /^shale-zstd-1\/zstd-[\d.]+\/\w+\/19$/);
});
