import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { thisOwner } from '../base/index.ts';
import { claimFolder, ensureRunFolders, listRecords, readRecord, removeFolder, sweepPassing } from './folders.ts';

const root = mkdtempSync(join(tmpdir(), 'shale-run-folders-'));
after(() => rmSync(root, { recursive: true, force: true }));
const folders = ensureRunFolders(root);

test('claimFolder() takes an id once, with its record from the first moment', () => {
  const record = { id: 'one', kind: 'attached', owner: thisOwner() } as const;
  const folder = claimFolder(folders, record);
  assert.deepEqual(readRecord(folders, 'one'), record);
  assert.throws(() => claimFolder(folders, record), { code: 'CONTAINER_EXISTS' });
  assert.deepEqual(readdirSync(folders.containers), ['one']);
  removeFolder(folder);
  removeFolder(folder);
  assert.deepEqual(readdirSync(folders.containers), []);
});

test('sweepPassing() removes what a process that is gone was at, and nothing of one that is there', () => {
  const gone = 2 ** 30; // More than the kernel's pid_max.
  for (const name of [`.claim-${gone}-a`, `.gone-${gone}-b`, `.claim-${process.pid}-c`, 'd']) {
    mkdirSync(join(folders.containers, name));
    writeFileSync(join(folders.containers, name, 'config.json'), '');
  }
  sweepPassing(folders);
  assert.deepEqual(readdirSync(folders.containers).toSorted(), [`.claim-${process.pid}-c`, 'd']);
  assert.deepEqual(listRecords(folders), ['d']);
});
