import { createHash } from 'node:crypto';
import { ShaleError } from '../../base/index.ts';
import type { InlineFile } from '../../graph/index.ts';
import type { Selected } from './select.ts';
import type { FileContent } from './file-region.ts';
import type { SourceNode } from './source-tree.ts';

/** A file whose content stands in the Dockerfile (a heredoc) as something to copy. */
export function inlineSource(file: InlineFile): Selected {
  const bytes = Buffer.from(file.content);
  const sha256 = createHash('sha256').update(bytes).digest();
  const content: FileContent = { kind: 'bytes', bytes };
  const node: SourceNode = {
    kind: 'file',
    mode: file.mode,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
    sizeBytes: bytes.length,
    deviceMajor: 0,
    deviceMinor: 0,
    fileKey: undefined,
    linkTarget: () => '',
    xattrs: () => new Map(),
    child: () => undefined,
    children: () => [],
    sha256: () => sha256,
    open: () => ({ content, [Symbol.dispose]: () => {} }),
  };
  return { path: `<<${file.name}`, name: file.name, node };
}

/** A directory with nothing in it. */
export const EMPTY_DIRECTORY: SourceNode = {
  kind: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtimeNs: 0n,
  sizeBytes: 0,
  deviceMajor: 0,
  deviceMinor: 0,
  fileKey: undefined,
  linkTarget: () => '',
  xattrs: () => new Map(),
  child: () => undefined,
  children: () => [],
  sha256: () => new Uint8Array(32),
  open: () => {
    throw new ShaleError('FILE_NOT_REGULAR', 'a directory has no content');
  },
};
