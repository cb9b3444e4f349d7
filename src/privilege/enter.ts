import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isShaleError, makeFolders, messageOf, ShaleError } from '../base/index.ts';
import { duplicateForExec, hasCapability, tryLock } from '../sys/index.ts';
import { ARRIVAL_VARIABLE } from './arrive.ts';
import { idMaps } from './id-map.ts';
import { planMapping, type Mapping } from './mapping.ts';
import { makeUserNamespace, openUserNamespace } from './namespace.ts';
import { findProgram } from './programs.ts';
import { subordinateIds } from './subordinate-ids.ts';

export interface EnterOptions {
  /** Where the namespace of this store is written down. */
  readonly runRoot: string;
  readonly env: NodeJS.ProcessEnv;
  /** The program to become inside, and its arguments. */
  readonly command: readonly string[];
}

const LOCK_WAIT_MS = 5;
const LOCK_TRIES = 4000;

/**
 * Makes this process `command` in the user namespace of a store, the one that is there or a new one: same pid, same
 * streams, same directory. So it does not return, but where it cannot be done; then with the reason.
 */
export async function enterUserNamespace(options: EnterOptions): Promise<ShaleError> {
  try {
    const mapping = mappingOfProcess();
    makeFolders(options.runRoot, { mode: 0o700 });
    // Held until we are inside, where others find us: nobody makes another namespace meanwhile.
    const lock = openSync(`${options.runRoot}/user-namespace.lock`, 'a', 0o600);
    try {
      const namespace = await findOrMake(options.runRoot, mapping, lock);
      try {
        become(options, [lock, namespace].map(duplicateForExec));
      } finally {
        closeSync(namespace);
      }
    } finally {
      closeSync(lock);
    }
  } catch (error) {
    return isShaleError(error)
      ? error
      : new ShaleError('USERNS_REFUSED', `no user namespace can be entered: ${messageOf(error)}`, { cause: error });
  }
}

/** A descriptor of the namespace. */
async function findOrMake(runRoot: string, mapping: Mapping, lock: number): Promise<number> {
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    if (tryLock(lock, 'shared')) {
      const found = findRecorded(runRoot, mapping);
      if (found !== undefined) return found;
    }
    if (tryLock(lock, 'exclusive')) return findRecorded(runRoot, mapping) ?? (await makeRecorded(runRoot, mapping));
    await sleep(LOCK_WAIT_MS);
  }
  throw new ShaleError('USERNS_REFUSED', 'another command does not finish making the user namespace');
}

/** The ids that a namespace of this process would have. */
export function mappingOfProcess(): Mapping {
  const uid = process.getuid?.() ?? 0;
  return planMapping({
    uid,
    gid: process.getgid?.() ?? 0,
    subordinate: subordinateIds({ uid, name: nameOfUser() }),
    hasPrograms: findProgram('newuidmap') !== undefined && findProgram('newgidmap') !== undefined,
    maySetIds: hasCapability('setuid') && hasCapability('setgid'),
    current: idMaps(),
  });
}

/** As passwd has it: newuidmap goes by that. */
function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

/** `handed`: the lock and the namespace, as descriptors that the program inside closes (`arrive`). */
function become(options: EnterOptions, handed: readonly number[]): never {
  const nsenter = findProgram('nsenter');
  if (nsenter === undefined || process.execve === undefined) {
    throw new ShaleError('USERNS_REFUSED', 'no user namespace can be entered: nsenter is not installed', {
      hint: 'apt-get install util-linux',
    });
  }
  const words = [
    'nsenter',
    `--user=/proc/self/fd/${handed.at(-1)}`,
    '--preserve-credentials',
    '--',
    ...options.command,
  ];
  const arrival = `${process.getuid?.() ?? 0}:${handed.join(',')}`;
  return process.execve(nsenter, words, { ...definedOf(options.env), [ARRIVAL_VARIABLE]: arrival });
}

function definedOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

const recordFile = (runRoot: string): string => `${runRoot}/user-namespace.json`;

/** A descriptor of the namespace that is written down, while somebody is in it. */
function findRecorded(runRoot: string, mapping: Mapping): number | undefined {
  const path = recordFile(runRoot);
  if (!existsSync(path)) return undefined;
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof record !== 'object' || record === null || !('name' in record) || !('pid' in record)) return undefined;
    const { name, pid } = record;
    return typeof name === 'string' && typeof pid === 'number' ? openUserNamespace(name, pid, mapping) : undefined;
  } catch {
    return undefined; // Half written before a power cut: a new one is made.
  }
}

async function makeRecorded(runRoot: string, mapping: Mapping): Promise<number> {
  const { name, descriptor } = await makeUserNamespace(mapping);
  const path = recordFile(runRoot);
  // Our pid stays what it is when we become the program inside.
  writeFileSync(`${path}.new`, JSON.stringify({ name, pid: process.pid }), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return descriptor;
}
