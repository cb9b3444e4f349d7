import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import {
  FROM,
  IDENTITY_FIELDS,
  identityOf,
  NAMED,
  pathOf,
  POSITION,
  PRODUCED,
  READ_AHEAD_FILE_BYTES_MAX,
  SUM_BYTES,
  type AheadJob,
} from './read-ahead.ts';

/** Files that the caller reads while it learns that the thread is there. */
const HEAD_START = 64;

// The thread of ReadAhead: reads one file after the other, never further ahead than there are slots.
readAll(workerData as AheadJob); // Given by ReadAhead.

function readAll(job: AheadJob): void {
  const { state, slotCount, failed, namedMax } = job;
  const from = Atomics.load(state, POSITION) + HEAD_START;
  Atomics.store(state, PRODUCED, from);
  Atomics.store(state, FROM, from);
  for (let i = from; ; i++) {
    awaitName(state, i);
    const position = awaitSlot(state, i, slotCount);
    // The caller has come past it without us; at `i + 1` it may be waiting.
    if (position > i + 1) continue;
    failed[i % namedMax] = readFile(job, i) ? 0 : 1;
    Atomics.store(state, PRODUCED, i + 1);
    Atomics.notify(state, PRODUCED);
  }
}

/** Waits until file `i` is described; the thread is ended from outside. */
function awaitName(state: Int32Array, i: number): void {
  for (let named = Atomics.load(state, NAMED); named <= i; named = Atomics.load(state, NAMED))
    Atomics.wait(state, NAMED, named);
}

/** Waits until slot `i % slotCount` is free: until the caller is done with the file that lies there. Gives its position. */
function awaitSlot(state: Int32Array, i: number, slotCount: number): number {
  for (;;) {
    const position = Atomics.load(state, POSITION);
    if (i < position + slotCount - 1) return position;
    Atomics.wait(state, POSITION, position);
  }
}

/** Reads a file into its slot; false when it is not the file that was seen, or was changed meanwhile. */
function readFile(job: AheadJob, i: number): boolean {
  const row = i % job.namedMax;
  const identity = job.identities.subarray(row * IDENTITY_FIELDS, (row + 1) * IDENTITY_FIELDS);
  const begin = (i % job.slotCount) * READ_AHEAD_FILE_BYTES_MAX;
  const slot = job.slots.subarray(begin, begin + Number(identity[2]));
  let fd: number | undefined;
  try {
    fd = openSync(pathOf(job, row), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    for (let done = 0; done < slot.length;) {
      const got = readSync(fd, slot, done, slot.length - done, done);
      if (got === 0) return false;
      done += got;
    }
    const now = identityOf(fstatSync(fd, { bigint: true }));
    if (now.some((value, field) => value !== identity[field])) return false;
    if (job.hashed[row] === 1) job.sums.set(hash('sha256', slot, 'buffer'), row * SUM_BYTES);
    return true;
  } catch {
    // The caller reads it again and says what is wrong.
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
