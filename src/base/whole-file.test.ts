import assert from 'node:assert/strict';
import { pbkdf2 } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { ShaleError } from './errors.ts';
import { writeWholeFile } from './whole-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'shale-whole-file-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function* bytes(): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < 20; i++) yield Buffer.alloc(1000, i);
}

async function* failing(): AsyncGenerator<Uint8Array> {
  if (folder !== '') throw new ShaleError('ENOUGH', 'enough');
  yield Buffer.alloc(0);
}

test('writeWholeFile() writes all of it under the name', async () => {
  await writeWholeFile(join(folder, 'whole'), bytes(), new AbortController().signal);
  assert.equal(readFileSync(join(folder, 'whole')).length, 20_000);
  assert.deepEqual(readdirSync(folder), ['whole']);
});

test('writeWholeFile() leaves nothing when its source fails before the file is open', async () => {
  for (let round = 0; round < 20; round++) {
    // Threads that open files are busy for a while.
    for (let i = 0; i < (round % 3) * 4; i++) pbkdf2('x', 'y', 20_000, 32, 'sha256', () => {});
    await assert.rejects(writeWholeFile(join(folder, 'failed'), failing(), new AbortController().signal), /enough/);
  }
  await promisify(pbkdf2)('x', 'y', 20_000, 32, 'sha256');
  assert.deepEqual(readdirSync(folder), ['whole']);
});

test('writeWholeFile() writes to what a link leads to, as /dev/stdout does, and leaves the link', async () => {
  const [place, opened, link] = ['links', 'links/opened', 'links/stdout'].map((name) => join(folder, name));
  assert.ok(place !== undefined && opened !== undefined && link !== undefined);
  mkdirSync(place);
  const fd = openSync(opened, 'w');
  try {
    for (const target of [`/proc/self/fd/${fd}`, opened, 'made']) {
      rmSync(link, { force: true });
      symlinkSync(target, link);
      await writeWholeFile(link, bytes(), new AbortController().signal);
      assert.equal(readlinkSync(link), target);
      assert.equal(readFileSync(link).length, 20_000);
      if (target !== 'made') assert.equal(fstatSync(fd).size, 20_000);
    }
    assert.deepEqual(readdirSync(place), ['made', 'opened', 'stdout']);
  } finally {
    closeSync(fd);
    rmSync(place, { recursive: true });
  }
});
