import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import {
  FROM,
  IDENTITY_FIELDS,
  identityOf,
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
  const { state, slotCount, failed, pathEnds } = job;
  const from = Atomics.load(state, POSITION) + HEAD_START;
  Atomics.store(state, PRODUCED, from);
  Atomics.store(state, FROM, from);
  for (let i = from; i < pathEnds.length; i++) {
    const position = awaitSlot(state, i, slotCount);
    // The caller has come past it without us; at `i + 1` it may be waiting.
    if (position > i + 1) continue;
    if (readFile(job, i)) failed[i] = 0;
    Atomics.store(state, PRODUCED, i + 1);
    Atomics.notify(state, PRODUCED);
  }
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
  const path = Buffer.from(job.paths.subarray(i === 0 ? 0 : job.pathEnds[i - 1], job.pathEnds[i]));
  const identity = job.identities.subarray(i * IDENTITY_FIELDS, (i + 1) * IDENTITY_FIELDS);
  const begin = (i % job.slotCount) * READ_AHEAD_FILE_BYTES_MAX;
  const slot = job.slots.subarray(begin, begin + Number(identity[2]));
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    for (let done = 0; done < slot.length;) {
      const got = readSync(fd, slot, done, slot.length - done, done);
      if (got === 0) return false;
      done += got;
    }
    const now = identityOf(fstatSync(fd, { bigint: true }));
    if (now.some((value, field) => value !== identity[field])) return false;
    job.sums?.set(hash('sha256', slot, 'buffer'), i * SUM_BYTES);
    return true;
  } catch {
    // The caller reads it again and says what is wrong.
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
