import { existsSync, readFileSync, statSync } from 'node:fs';
import type { Owner } from '../base/index.ts';
import { oomKills } from './cgroups.ts';
import { isOwner, readJson, writeRecord } from './folders.ts';
import { checkId } from './spec.ts';
import type { DetachedState, MountTraces, NetworkAddresses, PublishedPort } from './types.ts';

/** What is in the state folder of a detached container. */
export interface Paths {
  readonly bundle: string;
  readonly exitFolder: string;
  readonly exitFile: string;
  /** There when the kernel killed for lack of memory; the cgroup that says so goes earlier. */
  readonly oomFile: string;
  readonly log: string;
  readonly record: string;
  readonly pidFile: string;
  readonly keeperPidFile: string;
  readonly keeperLog: string;
}

export function pathsOf(id: string, stateDir: string): Paths {
  checkId(id);
  return {
    bundle: `${stateDir}/bundle`,
    exitFolder: `${stateDir}/exit`,
    exitFile: `${stateDir}/exit/${id}`,
    oomFile: `${stateDir}/oom`,
    log: `${stateDir}/container.log`,
    record: `${stateDir}/container.json`,
    pidFile: `${stateDir}/pid`,
    keeperPidFile: `${stateDir}/conmon.pid`,
    keeperLog: `${stateDir}/conmon.log`,
  };
}

/** container.json: written once the container is created; its processes by owner, so that no reused pid is taken. */
export interface DetachedRecord {
  readonly id: string;
  readonly init: Owner;
  readonly keeper: Owner;
  readonly traces: MountTraces;
  readonly ports?: readonly PublishedPort[];
  readonly network?: NetworkAddresses;
  /** See `RunSpec.cgroupParent`. */
  readonly cgroupParent?: string;
}

/** How a container ended, once conmon has written it down. */
export function readExit(id: string, paths: Paths): Extract<DetachedState, { readonly kind: 'exited' }> | undefined {
  try {
    const text = readFileSync(paths.exitFile, 'latin1').trim();
    // conmon creates the file and then writes it: an empty one is not the end yet.
    if (!/^-?\d{1,10}$/.test(text)) return undefined;
    const oomKilled =
      existsSync(paths.oomFile) ||
      (Number(text) !== 0 && oomKills(id, readDetachedRecord(paths.record)?.cgroupParent) > 0);
    return { kind: 'exited', code: Number(text), oomKilled, finishedAtMs: statSync(paths.exitFile).mtimeMs };
  } catch {
    return undefined;
  }
}

/** JSON has no bigint, so times are kept as text. */
export interface EncodedTraces {
  readonly created: MountTraces['created'];
  readonly touched: readonly { readonly path: string; readonly mtimeNs: string }[];
}

export function encodeTraces(traces: MountTraces): EncodedTraces {
  return {
    created: traces.created,
    touched: traces.touched.map(({ path, mtimeNs }) => ({ path, mtimeNs: mtimeNs.toString() })),
  };
}

export function decodeTraces(traces: EncodedTraces): MountTraces {
  return {
    created: traces.created,
    touched: traces.touched.map(({ path, mtimeNs }) => ({ path, mtimeNs: BigInt(mtimeNs) })),
  };
}

/** undefined when there is none, or none of ours. */
export function readDetachedRecord(path: string): DetachedRecord | undefined {
  const value = readJson(path);
  if (typeof value !== 'object' || value === null) return undefined;
  const record: Record<string, unknown> = { ...value };
  const { id, init, keeper } = { id: record['id'], init: record['init'], keeper: record['keeper'] };
  if (typeof id !== 'string' || !isOwner(init) || !isOwner(keeper)) return undefined;
  const traces = decodeTraces(record['traces'] as EncodedTraces); // written by createDetached, with the fields above
  const ports = Array.isArray(record['ports']) ? (record['ports'] as readonly PublishedPort[]) : []; // as above
  const network = (record['network'] ?? { addresses: [] }) as NetworkAddresses; // as above
  const cgroupParent = record['cgroupParent'];
  return { id, init, keeper, traces, ports, network, ...(typeof cgroupParent === 'string' && { cgroupParent }) };
}

/** Writes container.json. */
export function writeDetachedRecord(path: string, record: DetachedRecord): void {
  writeRecord(path, { ...record, traces: encodeTraces(record.traces) });
}
