import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootId, isSystemError, messageOf } from '../base/index.ts';
import { isInUserNamespace } from '../sys/index.ts';
import type { HostCarrier } from './host-carrier.ts';
import type { MountDriver, MountHostOptions } from './types.ts';

export interface DriverChoice {
  readonly driver: MountDriver;
  /** Why layers cannot be mounted as EROFS. */
  readonly reason: string | undefined;
}

/**
 * The driver for a store: the one asked for, else the one that was found on this file system since the machine started,
 * else what one mount there shows. A kernel's version does not tell: it depends on the file system too, and on rights.
 */
export async function chooseDriver(thread: HostCarrier, options: MountHostOptions): Promise<DriverChoice> {
  if (options.driver !== undefined) return { driver: options.driver, reason: undefined };
  if (options.probeDir === undefined) return { driver: 'unpack', reason: 'no folder to try a mount in was given' };
  const key = `${statSync(options.probeDir).dev}${isInUserNamespace() ? ' in a user namespace' : ''}`;
  const known = options.stateDir === undefined ? undefined : readChoices(options.stateDir).get(key);
  if (known !== undefined) return known;
  const choice = await tryErofs(thread, options.probeDir);
  if (options.stateDir !== undefined) remember(options.stateDir, key, choice);
  return choice;
}

const PROBE_FILE = 'probe';
const PROBE_BYTES = Buffer.from('shale');
const BLOCK_BYTES = 512;

/** Mounts an index of one file with its tar, both in `directory`, and an overlay on it, and reads the file. */
async function tryErofs(thread: HostCarrier, directory: string): Promise<DriverChoice> {
  const probe = mkdtempSync(join(directory, '.mount-probe-'));
  try {
    const tar = Buffer.alloc(2 * BLOCK_BYTES);
    PROBE_BYTES.copy(tar, BLOCK_BYTES);
    const [tarPath, indexPath] = [join(probe, 'tar'), join(probe, 'index')];
    writeFileSync(tarPath, tar);
    writeFileSync(indexPath, await probeIndex(tar.length));
    await thread.ask({
      kind: 'try-erofs',
      file: PROBE_FILE,
      layer: { kind: 'erofs', key: probe, index: indexPath, data: [{ file: tarPath, sizeBytes: tar.length }] },
    });
    return { driver: 'erofs', reason: undefined };
  } catch (error) {
    return { driver: 'unpack', reason: messageOf(error) };
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

async function probeIndex(tarSizeBytes: number): Promise<Buffer> {
  // Only a machine's first command needs it.
  const { IndexBuilder } = await import('../erofs/index.ts');
  const builder = new IndexBuilder();
  builder.add({
    path: PROBE_FILE,
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
    sizeBytes: PROBE_BYTES.length,
    linkTarget: '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
    headerOffset: 0,
    dataOffset: BLOCK_BYTES,
    storedBytes: PROBE_BYTES.length,
    sparse: undefined,
  });
  return builder.finish(tarSizeBytes).image;
}

const STATE_FILE = 'mount-drivers.json';

/** What was found since the machine started; nothing where the file is missing, damaged or of an earlier boot. */
function readChoices(stateDir: string): Map<string, DriverChoice> {
  const choices = new Map<string, DriverChoice>();
  const state = readState(stateDir);
  if (!isRecord(state) || state['bootId'] !== bootId() || !isRecord(state['drivers'])) return choices;
  for (const [key, value] of Object.entries(state['drivers'])) {
    if (!isRecord(value)) continue;
    const { driver, reason } = value;
    if (driver !== 'erofs' && driver !== 'unpack') continue;
    choices.set(key, { driver, reason: typeof reason === 'string' ? reason : undefined });
  }
  return choices;
}

function readState(stateDir: string): unknown {
  try {
    return JSON.parse(readFileSync(join(stateDir, STATE_FILE), 'utf8'));
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Of two processes that write at once the later one counts: both tell the truth. */
function remember(stateDir: string, key: string, choice: DriverChoice): void {
  const drivers = Object.fromEntries(readChoices(stateDir).set(key, choice));
  const temporary = join(stateDir, `${STATE_FILE}.${process.pid}`);
  writeFileSync(temporary, JSON.stringify({ bootId: bootId(), drivers }));
  renameSync(temporary, join(stateDir, STATE_FILE));
}
