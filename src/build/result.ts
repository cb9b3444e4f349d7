import { framedHash, type ByteString, type JsonObject } from '../base/index.ts';
import { parseDiffId, type DiffId } from '../oci/index.ts';
import type { FetchedFileContent } from './copy/fetched-file.ts';

/** What a vertex gives: a root filesystem as a stack of layers, or a tree of files from outside. */
export type StepResult = RootfsResult | ContextResult | FetchedResult;

export interface RootfsResult {
  readonly kind: 'rootfs';
  /** Lowest first. */
  readonly stack: readonly DiffId[];
  /** The layer that this very step added; undefined for a base. */
  readonly layer: DiffId | undefined;
}

export interface ContextResult {
  readonly kind: 'context';
  readonly name: string;
}

/** Files that were fetched from outside and lie in the store; they belong to root. */
export interface FetchedResult {
  readonly kind: 'fetched';
  readonly tree:
    | { readonly kind: 'file'; readonly name: ByteString; readonly file: FetchedFileContent }
    | { readonly kind: 'layer'; readonly layer: DiffId };
  /** The time that its files get; undefined for the build's. */
  readonly mtimeNs: bigint | undefined;
  /** What was fetched, for the build record. Never a secret. */
  readonly about: JsonObject;
}

/** The identity of a root filesystem: its content, whatever made it. */
export function chainOf(stack: readonly DiffId[]): string {
  return framedHash('shale-chain/1', stack);
}

/** The root filesystem with one more layer on top. */
export function withLayer(below: RootfsResult, layer: DiffId): RootfsResult {
  return { kind: 'rootfs', stack: [...below.stack, layer], layer };
}

/** A result as text for the cache: the layer alone, since what it lies on is the step's input. */
export function formatStored(result: StepResult): string {
  return result.kind === 'rootfs' ? (result.layer ?? '') : '';
}

/** The inverse of `formatStored`. @throws DIGEST_INVALID */
export function parseStored(text: string): DiffId {
  return parseDiffId(text);
}
