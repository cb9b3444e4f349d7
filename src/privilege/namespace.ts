import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { messageOf, ShaleError } from '../base/index.ts';
import { makePipe } from '../sys/index.ts';
import { formatIdMap, type IdMap, parseIdMap } from './id-map.ts';
import type { Mapping } from './mapping.ts';
import { findProgram, HELPER_ENV } from './programs.ts';

/** A user namespace; it exists as long as the descriptor is open or a process is in it. */
export interface UserNamespace {
  /** `user:[4026532281]`. */
  readonly name: string;
  readonly descriptor: number;
}

const START_TIMEOUT_MS = 10_000;

/**
 * The process that holds a new namespace until it is opened. It is nobody's child, so that nobody has to wait for it, and
 * ends when its input does.
 */
const HOLDER = `exec 3<&0; unshare --user sh -c 'echo $$; exec 1>&-; read -r line' <&3 & exec 3<&-`;

/**
 * Makes a user namespace with the ids of a mapping.
 * @throws USERNS_REFUSED where this machine does not let us, USERNS_IDS where the ids cannot be had
 */
export async function makeUserNamespace(mapping: Mapping): Promise<UserNamespace> {
  const [theirs, ours] = makePipe();
  try {
    const child = spawn('sh', ['-c', HOLDER], { env: HELPER_ENV, stdio: [theirs, 'pipe', 'pipe'], detached: true });
    const pid = await pidOfHolder(child);
    writeMaps(pid, mapping);
    const place = `/proc/${pid}/ns/user`;
    return { name: readlinkSync(place), descriptor: openSync(place, 'r') };
  } finally {
    closeSync(theirs);
    closeSync(ours);
  }
}

/** What a user namespace gives here, found by trying; a reason where it does not. */
export interface NamespaceTrial {
  /** Why none can be made. */
  readonly refused?: string;
  /** Why /proc cannot be mounted in one: in a container whose own /proc is masked the kernel forbids it. */
  readonly noProc?: string;
}

/** Makes a user namespace with one id and mounts /proc in it; both are gone when this returns. */
export function tryUserNamespace(): NamespaceTrial {
  const refused = whyNot(['--user', 'true']);
  if (refused !== undefined) return { refused };
  const noProc = whyNot(['--user', '--map-root-user', '--pid', '--fork', '--mount-proc', 'true']);
  return noProc === undefined ? {} : { noProc };
}

function whyNot(args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync('unshare', args, {
    env: HELPER_ENV,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: START_TIMEOUT_MS,
  });
  if (error !== undefined) return messageOf(error);
  return status === 0 ? undefined : stderr.trim();
}

async function pidOfHolder(child: ChildProcess): Promise<number> {
  const read = async (stream: NodeJS.ReadableStream | null, ends: (text: string) => boolean): Promise<string> => {
    let text = '';
    for await (const chunk of stream ?? []) {
      text += String(chunk);
      if (ends(text)) break;
    }
    return text;
  };
  const late = setTimeout(() => child.stdout?.destroy(new Error('it did not answer in time')), START_TIMEOUT_MS);
  try {
    const pid = Number(await read(child.stdout, (text) => text.includes('\n')));
    if (Number.isSafeInteger(pid) && pid > 0) return pid;
    throw new Error((await read(child.stderr, () => false)).trim());
  } catch (cause) {
    throw new ShaleError('USERNS_REFUSED', `no user namespace can be made here: ${messageOf(cause)}`, {
      cause,
      hint: 'shale doctor',
    });
  } finally {
    clearTimeout(late);
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

function writeMaps(pid: number, mapping: Mapping): void {
  if (mapping.kind === 'subordinate') {
    runMapper('newuidmap', pid, mapping.uids);
    runMapper('newgidmap', pid, mapping.gids);
    return;
  }
  // user_namespaces(7): who may map one id only must give up setgroups(2) first.
  if (mapping.kind === 'single') writeFileSync(`/proc/${pid}/setgroups`, 'deny');
  writeFileSync(`/proc/${pid}/uid_map`, formatIdMap(mapping.uids));
  writeFileSync(`/proc/${pid}/gid_map`, formatIdMap(mapping.gids));
}

function runMapper(name: 'newuidmap' | 'newgidmap', pid: number, map: IdMap): void {
  const ids = map.flatMap(({ inside, outside, count }) => [inside, outside, count].map(String));
  const { status, stderr, error } = spawnSync(findProgram(name) ?? name, [String(pid), ...ids], {
    env: HELPER_ENV,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: START_TIMEOUT_MS,
  });
  if (status === 0) return;
  const why = error === undefined ? stderr.trim() : messageOf(error);
  throw new ShaleError('USERNS_IDS', `the subordinate ids cannot be used: ${why}`, {
    hint: `look at the lines of this user in ${name === 'newuidmap' ? '/etc/subuid' : '/etc/subgid'}; ${name} must be setuid root, or have cap_set${name === 'newuidmap' ? 'uid' : 'gid'}+ep`,
  });
}

/** A descriptor of the namespace of that name with these ids, by a process that is in it; undefined when nobody is. */
export function openUserNamespace(name: string, pidHint: number, mapping: Mapping): number | undefined {
  for (const pid of [pidHint, ...pids()]) {
    const opened = openOf(pid, name, mapping);
    if (opened !== undefined) return opened;
  }
  return undefined;
}

function* pids(): Generator<number> {
  for (const entry of readdirSync('/proc')) if (/^\d+$/.test(entry)) yield Number(entry);
}

function openOf(pid: number, name: string, mapping: Mapping): number | undefined {
  const place = `/proc/${pid}/ns/user`;
  try {
    if (readlinkSync(place) !== name) return undefined;
    const descriptor = openSync(place, 'r');
    // It may have ended, and the kernel uses the numbers of namespaces again.
    if (readlinkSync(`/proc/self/fd/${descriptor}`) === name && hasIds(pid, mapping.uids)) return descriptor;
    closeSync(descriptor);
    return undefined;
  } catch {
    return undefined;
  }
}

function hasIds(pid: number, map: IdMap): boolean {
  return formatIdMap(parseIdMap(readFileSync(`/proc/${pid}/uid_map`, 'latin1'))) === formatIdMap(map);
}
