import { closeSync, constants, openSync, readFileSync, readSync, unlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { isAlive, isSystemError, type Owner } from '../base/index.ts';
import { removeCgroupsSoon, thaw } from './cgroups.ts';
import { removeFolder } from './folders.ts';
import type { RuntimeContext } from './prepare.ts';

/**
 * What runc does by small files alone is done here without it: starting it costs 15 ms of a processor, and as long again to
 * wait for. Where anything is not as runc has it the answer is false, and the runtime itself is to be asked.
 */
export interface CreatedContainer {
  readonly id: string;
  /** Where its config.json is. */
  readonly bundle: string;
  /** Its first process. */
  readonly init: Owner;
}

const POLL_MS = 1;
/** It waits at its fifo, or will in some milliseconds. */
const FIFO_TIMEOUT_MS = 5000;

/** `runc start`: the first process waits for somebody to read from its fifo, which then goes. */
export async function startByFifo(context: RuntimeContext, { id, bundle, init }: CreatedContainer): Promise<boolean> {
  if (!isPlainRunc(context, bundle, 'poststart')) return false;
  const path = `${context.folders.runtimeState}/${id}/exec.fifo`;
  const fifo = openFifo(path);
  if (fifo === undefined) return false;
  try {
    const deadline = Date.now() + FIFO_TIMEOUT_MS;
    for (;;) {
      // Asked in this order: it may write, run and end between the two.
      const isWaiting = isAlive(init) && Date.now() <= deadline;
      if (hasByte(fifo)) break;
      if (!isWaiting) return false;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    unlinkSync(path);
    return true;
  } finally {
    closeSync(fifo);
  }
}

function openFifo(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function hasByte(fifo: number): boolean {
  try {
    return readSync(fifo, Buffer.alloc(1)) > 0;
  } catch (error) {
    if (isSystemError(error, 'EAGAIN')) return false; // Opened by the other side, and not written to yet.
    throw error;
  }
}

const CGROUP_TRIES = 5;

/**
 * `runc delete` of a container whose first process has ended. False while others are left in its cgroups (of one that
 * shares its process ids): the runtime kills them.
 */
export async function deleteEnded(
  context: RuntimeContext,
  { id, bundle, cgroupParent }: Omit<CreatedContainer, 'init'> & { readonly cgroupParent: string | undefined },
): Promise<boolean> {
  if (!isPlainRunc(context, bundle, 'poststop')) return false;
  thaw(id, cgroupParent);
  const busy = await removeCgroupsSoon(id, cgroupParent, CGROUP_TRIES);
  if (busy.length > 0) return false;
  removeFolder(`${context.folders.runtimeState}/${id}`);
  return true;
}

/** Hooks are the runtime's to run. */
function isPlainRunc({ command }: RuntimeContext, bundle: string, hook: string): boolean {
  if (basename(command) !== 'runc') return false;
  try {
    return !readFileSync(`${bundle}/config.json`, 'latin1').includes(`"${hook}"`);
  } catch {
    return false;
  }
}
