import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readAhead, type AheadFile } from './read-ahead.ts';

const COUNT = 600;
const folder = mkdtempSync(join(tmpdir(), 'shale-ahead-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function textOf(i: number): string {
  return `file ${i}\n`.repeat(i % 300);
}

function writeFiles(): AheadFile[] {
  return Array.from({ length: COUNT }, (_, i) => {
    const path = join(folder, `f${i}`);
    writeFileSync(path, textOf(i));
    return { path, seen: lstatSync(path, { bigint: true }), hash: true };
  });
}

/** Takes slowly until the thread is there, with a pause after each file. */
async function takeAll(files: readonly (AheadFile | string)[], pauseMs = 50): Promise<(string | undefined)[]> {
  const taken: (string | undefined)[] = [];
  let i = 0;
  for (const { one, read } of readAhead(files, (one) => (typeof one === 'string' ? undefined : one))) {
    assert.equal(one, files[i++]);
    if (i < COUNT / 3 && taken.every((text) => text === undefined))
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    if (read !== undefined)
      assert.deepEqual(read.sha256 && Buffer.from(read.sha256), createHash('sha256').update(read.bytes).digest());
    taken.push(read && Buffer.from(read.bytes).toString());
  }
  return taken;
}

test('readAhead() gives files in their order, and those that are not as they were seen to the caller', async () => {
  const files = writeFiles();
  const [grown, gone, linked] = [400, 401, 402];
  writeFileSync(join(folder, `f${grown}`), `${textOf(grown)}more`);
  rmSync(join(folder, `f${gone}`));
  rmSync(join(folder, `f${linked}`));
  writeFileSync(join(folder, `f${linked}`), textOf(linked));
  const taken = await takeAll(files);
  assert.equal(taken.length, COUNT);
  for (const [i, text] of taken.entries()) {
    const isOther = i === grown || i === gone || i === linked;
    assert.ok(text === undefined || (!isOther && text === textOf(i)), `file ${i}`);
  }
  assert.ok(taken.filter((text) => text !== undefined).length > COUNT / 3, 'the thread has read most of them');
});

test('readAhead() gives what is no small file in its place among the others', async () => {
  const files = writeFiles().flatMap((file, i) => (i % 7 === 0 ? [`directory ${i}`, file, 'link'] : [file]));
  const taken = await takeAll(files);
  assert.equal(taken.length, files.length);
  for (const [i, text] of taken.entries()) if (typeof files[i] === 'string') assert.equal(text, undefined);
});

test('readAhead() reads nothing of few files', async () => {
  const taken = await takeAll(writeFiles().slice(0, 200), 2);
  assert.deepEqual(new Set(taken), new Set([undefined]));
  assert.deepEqual(await takeAll([]), []);
});
