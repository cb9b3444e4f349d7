import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, isSystemError, type Owner, ownerOf, thisOwner } from '../../base/index.ts';
import { tryLock } from '../../sys/index.ts';
import { runPath, type EngineContext } from '../context.ts';

/*
 * One keeper a store. `lock` is held by it and freed by the kernel when it ends; `keeper.json` says who it is, so that a
 * command need not touch the lock to know. A keeper that finds nothing to do takes keeper.json away, looks once more,
 * and only then ends: whoever has recorded a container before it saw no keeper.json starts another, which waits for the
 * lock. `starting.json` says who was started and has not come so far yet: it will look at all records, so that nobody need start one more.
 */

const WAIT_MS = 20;

export function keeperFolder(context: EngineContext): string {
  return runPath(context, 'keeper');
}

/** True while a keeper runs that will look at the records again. */
export function isKeeperAlive(context: EngineContext): boolean {
  return isNamedAlive(`${keeperFolder(context)}/keeper.json`);
}

/** True while one was started that has not looked at the records yet. */
export function isKeeperStarting(context: EngineContext): boolean {
  return isNamedAlive(startingFile(context));
}

/** Says that process `pid` is about to be the keeper. */
export function announceStart(context: EngineContext, pid: number): void {
  const owner = ownerOf(pid);
  if (owner === undefined) return; // It has ended already.
  mkdirSync(keeperFolder(context), { recursive: true, mode: 0o700 });
  writeOwner(startingFile(context), owner);
}

function startingFile(context: EngineContext): string {
  return `${keeperFolder(context)}/starting.json`;
}

function isNamedAlive(path: string): boolean {
  try {
    // Written by `writeOwner`; anything else is nobody alive.
    const owner = JSON.parse(readFileSync(path, 'utf8')) as Owner;
    return typeof owner === 'object' && isAlive(owner);
  } catch {
    return false;
  }
}

/** Whole at any time. */
function writeOwner(path: string, owner: Owner): void {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, JSON.stringify(owner), { mode: 0o600 });
  renameSync(draft, path);
}

/** Wakes the keeper: there is something new to look at. */
export function pokeKeeper(context: EngineContext): void {
  try {
    writeFileSync(`${keeperFolder(context)}/poke`, '');
  } catch (error) {
    // No keeper was there in this boot: there is nobody to wake.
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
}

/** This process is the keeper, until it is disposed. */
export interface KeeperClaim extends Disposable {
  announce(): void;
  /** From now on a command that needs a keeper starts one. */
  renounce(): void;
}

/** Undefined when another one is the keeper. */
export async function claimKeeper(context: EngineContext, signal: AbortSignal): Promise<KeeperClaim | undefined> {
  const folder = keeperFolder(context);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = openSync(`${folder}/lock`, 'a', 0o600);
  try {
    while (!tryLock(lock, 'exclusive')) {
      if (isKeeperAlive(context) || signal.aborted) {
        rmSync(startingFile(context), { force: true });
        closeSync(lock);
        return undefined;
      }
      await sleep(WAIT_MS);
    }
  } catch (error) {
    closeSync(lock);
    throw error;
  }
  const path = `${folder}/keeper.json`;
  const renounce = (): void => {
    rmSync(path, { force: true });
    // Written late, by a command that the machine had kept waiting, it would name one that looks at nothing any more.
    rmSync(startingFile(context), { force: true });
  };
  return {
    announce: () => {
      writeOwner(path, thisOwner());
      rmSync(startingFile(context), { force: true });
    },
    renounce,
    [Symbol.dispose]: () => {
      renounce();
      closeSync(lock);
    },
  };
}
