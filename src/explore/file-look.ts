import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import { diffOfTexts, toText } from '../base/index.ts';
import { readElf, type ElfFile } from '../elf/index.ts';
import type { IndexNode } from '../erofs/index.ts';
import type { LayerPart } from './parts.ts';
import type { FileComparison, FileLook } from './tree-types.ts';

const TEXT_BYTES_MAX: number = 1024 * 1024;
const HEAD_BYTES: number = 64 * 1024;
/** Files that have to be unpacked on the way are read to here when they are ELF files. */
const ELF_BYTES_MAX: number = 64 * 1024 * 1024;

interface Range {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** A part of a regular file, shorter at its end. */
export async function readRange(layer: LayerPart, node: IndexNode, { offset, lengthBytes }: Range): Promise<Buffer> {
  const wanted = Math.max(0, Math.min(lengthBytes, node.sizeBytes - offset));
  if (wanted === 0) return Buffer.alloc(0);
  const region = layer.locate(node);
  if (region !== undefined) return readAt(region, { offset, lengthBytes: wanted });
  const chunks: Uint8Array[] = [];
  let got = 0;
  for await (const chunk of layer.open(node, offset)) {
    chunks.push(chunk);
    got += chunk.byteLength;
    if (got >= wanted) break;
  }
  return Buffer.concat(chunks).subarray(0, wanted);
}

/** What a file is, with its first part. */
export async function lookInto(
  layer: LayerPart,
  node: IndexNode,
): Promise<Pick<FileLook, 'type' | 'text' | 'isCut' | 'head' | 'elf'>> {
  const nothing = { text: undefined, isCut: false, head: undefined, elf: undefined } as const;
  if (node.kind !== 'file') return { ...nothing, type: 'other', text: wordsOf(node) };
  if (node.sizeBytes === 0) return { ...nothing, type: 'empty', text: '' };
  const start = await readRange(layer, node, { offset: 0, lengthBytes: TEXT_BYTES_MAX });
  const isCut = node.sizeBytes > start.byteLength;
  const text = textOf(start, isCut);
  if (text !== undefined) return { ...nothing, type: 'text', text, isCut };
  const head = start.subarray(0, HEAD_BYTES);
  return {
    ...nothing,
    type: 'binary',
    isCut: node.sizeBytes > head.byteLength,
    head,
    elf: await elfOf(layer, node, start),
  };
}

export interface ComparedFiles {
  readonly name: string;
  readonly before: { readonly layer: LayerPart; readonly node: IndexNode & { readonly layer: number } } | undefined;
  readonly after: { readonly layer: LayerPart; readonly node: IndexNode & { readonly layer: number } };
}

/** Two states of a file: their first parts as a diff where both are texts. */
export async function compareFiles({ name, before, after }: ComparedFiles): Promise<FileComparison> {
  const below = before?.node.layer;
  const [was, is] = [before?.node.sha256(), after.node.sha256()];
  if (below !== undefined && was !== undefined && is !== undefined && Buffer.compare(was, is) === 0)
    return { kind: 'equal', below };
  const start = async (side: ComparedFiles['after']): Promise<string | undefined> => {
    const bytes = await readRange(side.layer, side.node, { offset: 0, lengthBytes: TEXT_BYTES_MAX });
    return textOf(bytes, side.node.sizeBytes > bytes.byteLength);
  };
  const old = before === undefined ? '' : await start(before);
  const now = await start(after);
  const [beforeBytes, afterBytes] = [before?.node.sizeBytes ?? 0, after.node.sizeBytes];
  if (old === undefined || now === undefined) return { kind: 'binary', below, beforeBytes, afterBytes };
  const isCut = Math.max(beforeBytes, afterBytes) > TEXT_BYTES_MAX;
  return { kind: 'text', diff: diffOfTexts(name, old, now), isCut, below };
}

/** The bytes as a text; undefined where they are none. A character that a cut went through is left out. */
function textOf(bytes: Buffer, isCut: boolean): string | undefined {
  if (bytes.includes(0)) return undefined;
  for (let dropped = 0; dropped <= (isCut ? 3 : 0); dropped++) {
    const whole = bytes.subarray(0, bytes.byteLength - dropped);
    if (isUtf8(whole)) return whole.toString('utf8');
  }
  return undefined;
}

function wordsOf(node: IndexNode): string {
  if (node.kind === 'symlink') return `a link to ${toText(node.linkTarget())}`;
  if (node.kind === 'character' || node.kind === 'block')
    return `a ${node.kind} device, ${node.deviceMajor}:${node.deviceMinor}`;
  return node.kind === 'directory' ? 'a directory' : `a ${node.kind}`;
}

async function elfOf(layer: LayerPart, node: IndexNode, start: Buffer): Promise<ElfFile | undefined> {
  if (start.byteLength < 52 || start.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const region = layer.locate(node);
  const { sizeBytes } = node;
  if (region !== undefined) return readElf({ sizeBytes, read: (range) => readAt(region, range) });
  if (sizeBytes > ELF_BYTES_MAX) return undefined;
  const all = await readRange(layer, node, { offset: 0, lengthBytes: sizeBytes });
  return readElf({ sizeBytes, read: ({ offset, lengthBytes }) => all.subarray(offset, offset + lengthBytes) });
}

function readAt(region: { readonly path: string; readonly offset: number }, { offset, lengthBytes }: Range): Buffer {
  const fd = openSync(region.path, 'r');
  try {
    const bytes = Buffer.allocUnsafe(lengthBytes);
    let done = 0;
    while (done < lengthBytes) {
      const got = readSync(fd, bytes, done, lengthBytes - done, region.offset + offset + done);
      if (got === 0) break;
      done += got;
    }
    return bytes.subarray(0, done);
  } finally {
    closeSync(fd);
  }
}
