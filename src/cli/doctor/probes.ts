import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type Mapping,
  mappingOfProcess,
  type NamespaceTrial,
  type Standing,
  standingOf,
  tryUserNamespace,
} from '../../privilege/index.ts';
import type { Context } from '../context.ts';

/** What the doctor may look at; tests put another machine in its place. */
export interface Probes {
  readonly platform: string;
  readonly nodeVersion: string;
  readonly uid: number;
  readonly userName: string;
  /** Undefined when it cannot be read. */
  readonly readText: (path: string) => string | undefined;
  /** The path of a program in PATH, the usual folders of root, or `folders`. */
  readonly findProgram: (name: string, folders?: readonly string[]) => string | undefined;
  /** The first line that `path --version` prints. */
  readonly versionOf: (path: string) => string | undefined;
  /** The file system that holds `path`, or the nearest folder above it that exists. */
  readonly fileSystemOf: (path: string) => FileSystem | undefined;
  readonly probeErofs: Context['probeErofs'];
  readonly standing: Standing;
  /** Makes a user namespace and throws it away. */
  readonly tryUserNamespace: () => NamespaceTrial;
  /** The ids that a user namespace of this person would have. */
  readonly mapping: () => Mapping;
}

export interface FileSystem {
  /** `ext4`, `xfs`, …; hexadecimal when it has no name here. */
  readonly type: string;
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
const VERSION_TIMEOUT_MS = 2000;

/** linux/magic.h. */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlay'],
  [0x2fc12fc1, 'zfs'],
  [0xf2f52010, 'f2fs'],
  [0x6969, 'nfs'],
  [0x01021997, '9p'],
  [0x65735546, 'fuse'],
  [0xca451a4e, 'bcachefs'],
]);

export function machineProbes(context: Context): Probes {
  const path = (context.env['PATH'] ?? '').split(':').filter((folder) => folder !== '');
  return {
    platform: process.platform,
    nodeVersion: process.versions.node,
    uid: context.uid,
    userName: context.env['USER'] ?? String(context.uid),
    readText,
    findProgram: (name, folders = []) =>
      [...path, ...SBIN, ...folders].map((folder) => join(folder, name)).find(isExecutable),
    versionOf,
    fileSystemOf,
    probeErofs: context.probeErofs,
    standing: standingOf(),
    tryUserNamespace,
    mapping: mappingOfProcess,
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function versionOf(path: string): string | undefined {
  const { stdout, status } = spawnSync(path, ['--version'], {
    encoding: 'utf8',
    timeout: VERSION_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout.split('\n', 1)[0]?.trim() : undefined;
}

function fileSystemOf(path: string): FileSystem | undefined {
  try {
    const { type, bavail, blocks, bsize } = statfsSync(path);
    const name = FILE_SYSTEMS.get(type) ?? `0x${type.toString(16)}`;
    return { type: name, freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
  } catch {
    return path === dirname(path) ? undefined : fileSystemOf(dirname(path));
  }
}
