import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ReadAhead } from './read-ahead.ts';
import type { ReadableFile } from './source-tree.ts';

const COUNT = 600;
const folder = mkdtempSync(join(tmpdir(), 'shale-ahead-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function textOf(i: number): string {
  return `file ${i}\n`.repeat(i % 300);
}

function writeFiles(): ReadableFile[] {
  return Array.from({ length: COUNT }, (_, i) => {
    const path = join(folder, `f${i}`);
    writeFileSync(path, textOf(i));
    return { path, seen: lstatSync(path, { bigint: true }) };
  });
}

/** Takes slowly until the thread is there. */
async function takeAll(ahead: ReadAhead): Promise<(string | undefined)[]> {
  const taken: (string | undefined)[] = [];
  for (let i = 0; i < COUNT; i++) {
    if (i < COUNT / 3 && taken.every((text) => text === undefined))
      await new Promise((resolve) => setTimeout(resolve, 50));
    const read = ahead.next();
    const text = read && Buffer.from(read.bytes).toString();
    if (read !== undefined)
      assert.deepEqual(read.sha256 && Buffer.from(read.sha256), createHash('sha256').update(read.bytes).digest());
    taken.push(text);
  }
  return taken;
}

test('ReadAhead gives files in their order, and those that are not as they were seen to the caller', async () => {
  const files = writeFiles();
  const [grown, gone, linked] = [400, 401, 402];
  writeFileSync(join(folder, `f${grown}`), `${textOf(grown)}more`);
  rmSync(join(folder, `f${gone}`));
  rmSync(join(folder, `f${linked}`));
  writeFileSync(join(folder, `f${linked}`), textOf(linked));
  using ahead = ReadAhead.over(files, { count: files.length, hash: true });
  assert.ok(ahead !== undefined);
  const taken = await takeAll(ahead);
  for (const [i, text] of taken.entries()) {
    const isOther = i === grown || i === gone || i === linked;
    assert.ok(text === undefined || (!isOther && text === textOf(i)), `file ${i}`);
  }
  assert.ok(taken.filter((text) => text !== undefined).length > COUNT / 3, 'the thread has read most of them');
});

test('ReadAhead starts no thread for few files', () => {
  assert.equal(ReadAhead.over([], { count: 0, hash: false }), undefined);
});
