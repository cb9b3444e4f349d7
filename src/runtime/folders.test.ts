import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { thisOwner } from '../base/index.ts';
import {
  claimFolder,
  ensureRunFolders,
  listRecords,
  readRecord,
  removeFolder,
  sweepPassing,
  takeFolder,
  untilFolderGone,
} from './folders.ts';

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

test('sweepPassing() puts back what a process that is gone had taken: what it stands for may still be there', () => {
  const gone = 2 ** 30;
  const record = { id: 'half', kind: 'attached', owner: thisOwner() } as const;
  const put = (): void => {
    mkdirSync(join(folders.containers, `.taken-${gone}-half`));
    writeFileSync(join(folders.containers, `.taken-${gone}-half`, 'record.json'), JSON.stringify(record));
  };
  put();
  sweepPassing(folders);
  assert.deepEqual(readRecord(folders, 'half'), record);
  put();
  sweepPassing(folders);
  assert.deepEqual(listRecords(folders), ['d', 'half'], 'one that has been started anew stays');
  removeFolder(join(folders.containers, 'half'));
});

test('takeFolder() takes what is dead, once, and nothing that was started anew meanwhile', async () => {
  const record = { id: 'kept', kind: 'attached', owner: thisOwner() } as const;
  claimFolder(folders, record);
  assert.equal(
    takeFolder(folders, 'kept', () => false),
    undefined,
  );
  assert.deepEqual(readRecord(folders, 'kept'), record, 'as it was');
  const taken = takeFolder(folders, 'kept', (one) => one?.owner.pid === process.pid);
  assert.deepEqual(taken?.record, record);
  assert.equal(
    takeFolder(folders, 'kept', () => true),
    undefined,
    'another has it',
  );
  await assert.rejects(untilFolderGone(folders, 'kept', 0), { code: 'CONTAINER_BUSY' });
  removeFolder(join(folders.containers, 'kept'));
  await assert.rejects(untilFolderGone(folders, 'kept', 0), { code: 'CONTAINER_BUSY' }, 'this process removes it too');
  taken?.giveBack();
  assert.deepEqual(readRecord(folders, 'kept'), record);
  const again = takeFolder(folders, 'kept', () => true);
  const waiting = untilFolderGone(folders, 'kept', 60_000);
  again?.remove();
  await waiting;
  assert.ok(!listRecords(folders).includes('kept'));
});
