import { closeSync, openSync } from 'node:fs';
import type { ByteString } from '../../base/index.ts';
import { EMPTY_DIRECTORY } from './inline-source.ts';
import type { SourceNode } from './source-tree.ts';

export interface FetchedFileContent {
  /** Where its bytes lie, which do not change. */
  readonly path: string;
  readonly sizeBytes: number;
  /** 32 bytes. */
  readonly sha256: Uint8Array;
}

/** Files from a URL are for their owner alone, as with docker. */
const FETCHED_MODE = 0o600;

/** A directory with one thing in it. */
export function directoryOf(name: ByteString, node: SourceNode): SourceNode {
  return {
    ...EMPTY_DIRECTORY,
    child: (asked) => (asked === name ? node : undefined),
    children: () => [[name, node]],
  };
}

/** A file that was fetched from outside, as something to copy. */
export function fetchedFile({ path, sizeBytes, sha256 }: FetchedFileContent): SourceNode {
  return {
    kind: 'file',
    mode: FETCHED_MODE,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
    sizeBytes,
    deviceMajor: 0,
    deviceMinor: 0,
    fileKey: undefined,
    linkTarget: () => '',
    xattrs: () => new Map(),
    child: () => undefined,
    children: () => [],
    sha256: () => sha256,
    open() {
      const fd = openSync(path, 'r');
      return { content: { kind: 'fd', fd, offset: 0 }, [Symbol.dispose]: () => closeSync(fd) };
    },
  };
}
