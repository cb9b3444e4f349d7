import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeFolders } from './make-folders.ts';

const folder = mkdtempSync(join(tmpdir(), 'shale-folders-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('makeFolders() makes what is missing with the mode, and leaves alone what is there', () => {
  makeFolders(join(folder, 'a/b/c'), { mode: 0o700 });
  makeFolders(join(folder, 'a/b/c'));
  assert.equal(statSync(join(folder, 'a/b')).mode & 0o777, 0o700);
});

test('makeFolders() ends with an error where no folder can be made', () => {
  assert.throws(() => makeFolders('/proc/none/of/it'), { code: 'ENOENT' });
  writeFileSync(join(folder, 'file'), '');
  assert.throws(() => makeFolders(join(folder, 'file')), { code: 'EEXIST' });
  assert.throws(() => makeFolders(join(folder, 'file/below')), { code: 'ENOTDIR' });
});
