import assert from 'node:assert/strict';
import { test } from 'node:test';
import { streamOf } from '../base/index.ts';
import { readTar } from './read-tar.ts';
import { member, tar, A, B } from './tar-parser.fixture.ts';

test('readTar() gives entries with their contents, and skips contents that nobody reads', async () => {
  const bytes = tar(A, member({ name: 'd', type: '5' }), B, member({ name: 'c' }, 'x'.repeat(3000)));
  for (const step of [1, 100, 512, 4096, bytes.length]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / step) }, (_, i) =>
      bytes.subarray(i * step, (i + 1) * step),
    );
    const seen: [string, string][] = [];
    for await (const { entry: found, content } of readTar(streamOf(...chunks))) {
      let text = '';
      if (found.path !== 'b') for await (const chunk of content) text += Buffer.from(chunk).toString();
      seen.push([found.path, text]);
    }
    assert.deepEqual(seen, [
      ['a', 'content of a'],
      ['d', ''],
      ['b', ''],
      ['c', 'x'.repeat(3000)],
    ]);
  }
});

test('readTar() gives the entries before a failure first, and closes its source when left early', async () => {
  const seen: string[] = [];
  await assert.rejects(
    async () => {
      for await (const { entry: found } of readTar(streamOf(Buffer.concat([A, B, Buffer.alloc(512, 1)]))))
        seen.push(found.path);
    },
    { code: 'TAR_CHECKSUM' },
  );
  assert.deepEqual(seen, ['a', 'b']);
  let isClosed = false;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield A;
    } finally {
      isClosed = true;
    }
  };
  for await (const { entry: found } of readTar(source())) if (found.path === 'a') break;
  assert.ok(isClosed);
});

test('readTar() stops when its signal is aborted', async () => {
  const controller = new AbortController();
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) yield A;
  };
  let count = 0;
  await assert.rejects(
    async () => {
      for await (const _ of readTar(source(), { signal: controller.signal })) if (++count === 3) controller.abort();
    },
    { name: 'AbortError' },
  );
});
