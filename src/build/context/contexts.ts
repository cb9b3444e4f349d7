import { realpathSync } from 'node:fs';
import { ShaleError, toText } from '../../base/index.ts';
import { compileIgnore, parseIgnoreFile, type IgnoreMatcher } from '../../dockerfile/index.ts';
import type { Store } from '../../store/index.ts';
import { EMPTY_DIRECTORY } from '../copy/inline-source.ts';
import type { CopySourceTree } from '../copy/select.ts';
import type { FetchedResult, RootfsResult } from '../result.ts';
import type { Fetching } from '../sources/sources.ts';
import { openContextTree, type ContextModes, type ContextTree } from './context-tree.ts';
import { readLocalFile } from './local-file.ts';
import type { Revision } from './revision.ts';

/** Bytes that an ignore file may have. */
const IGNORE_FILE_MAX_BYTES = 1024 * 1024;

/** Where the files of a context are. */
export type ContextPlace =
  | { readonly kind: 'empty' }
  | { readonly kind: 'directory'; readonly path: string }
  /** They are brought into the store when a step needs them. */
  | { readonly kind: 'stored'; readonly load: (fetching: Fetching) => Promise<StoredContext> };

/** A context in the store: what was fetched belongs to root, an archive keeps its owners and times. */
export type StoredContext = FetchedResult | RootfsResult;

/** What a build was given to copy from. */
export interface GivenContexts {
  /** What people call the main one: a directory, an address; undefined for a Dockerfile alone. */
  readonly title: string | undefined;
  readonly main: ContextPlace;
  /** Those of --build-context by name; images among them are resolved as others are. */
  readonly named: ReadonlyMap<string, NamedPlace>;
  readonly modes: ContextModes;
  /**
   * When the main context was made, in seconds since 1970, where it says so: the time of its commit, its Last-Modified or
   * its newest file. It is what SOURCE_DATE_EPOCH=context means.
   */
  readonly madeAt: () => number | undefined;
  /** The commit that the main context is of, where it lies in a repository or is one. */
  readonly revision: () => Revision | undefined;
}

export type NamedPlace =
  | { readonly kind: 'files'; readonly place: ContextPlace }
  | { readonly kind: 'image'; readonly reference: string };

/** The trees that a build copies from. */
export interface BuildContexts {
  /** True for a context that its step brings into the store. */
  isStored(name: string): boolean;
  /** A context that is no directory, as the result of its step. */
  stored(name: string, fetching: Fetching): Promise<StoredContext | undefined>;
  /** @throws CONTEXT_UNKNOWN */
  open(name: string): Promise<CopySourceTree>;
  /** Keeps the digests of files for the next build. */
  save(): Promise<void>;
}

export interface ContextsOptions {
  readonly store: Store;
  readonly given: GivenContexts;
  /** The Dockerfile's path, beside which an ignore file of its own may lie; undefined when it came from elsewhere. */
  readonly dockerfilePath: string | undefined;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Trees that builds which run at the same time have opened: a folder is read once for all of them. */
  readonly openTrees?: OpenTrees;
}

/** Trees of folders, each with the digests that are gathered in it. */
export type OpenTrees = Map<string, ReturnType<typeof openDirectory>>;

export function openContexts(options: ContextsOptions): BuildContexts {
  const { store, given, openTrees = new Map() } = options;
  const seen = new Map<string, OpenDirectory>();
  const placeOf = (name: string): ContextPlace | undefined => {
    const named = given.named.get(name);
    return name === '' ? given.main : named?.kind === 'files' ? named.place : undefined;
  };
  return {
    isStored: (name) => placeOf(name)?.kind === 'stored',
    async stored(name, fetching) {
      const place = placeOf(name);
      return place?.kind === 'stored' ? place.load(fetching) : undefined;
    },
    async open(name) {
      const title = name === '' ? 'the build context' : `the build context "${name}"`;
      const place = placeOf(name);
      if (place === undefined) throw new ShaleError('CONTEXT_UNKNOWN', `there is no build context "${name}"`);
      if (place.kind !== 'directory') return { title: `${title}, which is empty`, root: EMPTY_DIRECTORY };
      const directory = place.path;
      const dockerfilePath = name === '' ? options.dockerfilePath : undefined;
      const rootId = `${realpathSync(directory)}\0${dockerfilePath ?? ''}`;
      const open = async (): ReturnType<typeof openDirectory> =>
        openDirectory({ store, directory, dockerfilePath, rootId, modes: given.modes, at: options.clock() });
      const shareId = `${rootId}\0${given.modes}`;
      const opened = openTrees.get(shareId) ?? open();
      openTrees.set(shareId, opened);
      const directoryTree = await opened;
      seen.set(rootId, directoryTree);
      return { root: directoryTree.files.root, hintFor: directoryTree.hintFor, title };
    },
    async save() {
      for (const [rootId, { files, startedAtMs }] of seen)
        if (files.isNew()) await store.statCache.save(rootId, { startedAtMs, files: files.used });
    },
  };
}

interface Directory {
  readonly store: Store;
  readonly directory: string;
  readonly dockerfilePath: string | undefined;
  /** Under which the digests of its files are kept. */
  readonly rootId: string;
  readonly modes: ContextModes;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** A folder that is read, with when that began. */
interface OpenDirectory {
  readonly files: ContextTree;
  readonly hintFor: (path: string) => string | undefined;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
}

async function openDirectory(from: Directory): Promise<OpenDirectory> {
  const { store, directory, dockerfilePath, rootId, modes, at: startedAtMs } = from;
  const known = await store.statCache.load(rootId);
  const ignoreFile = readIgnoreFile(directory, dockerfilePath);
  const ignore = compileIgnore(ignoreFile?.patterns ?? []);
  const files = openContextTree({ directory, ignore, known, modes });
  const hint = (path: string): string | undefined => hintFor(directory, path, { ignore, ignoreFile: ignoreFile?.name });
  return { files, hintFor: hint, startedAtMs };
}

/** The patterns of the ignore file that counts for a context; none for what is no directory. */
export function ignorePatternsOf(place: ContextPlace, dockerfilePath: string | undefined): readonly string[] {
  return place.kind === 'directory' ? (readIgnoreFile(place.path, dockerfilePath)?.patterns ?? []) : [];
}

/**
 * The names that an ignore file may have, the first that is there counts: docker's beside the Dockerfile, docker's in the
 * context, podman's in the context.
 */
function readIgnoreFile(
  directory: string,
  dockerfilePath: string | undefined,
): { readonly name: string; readonly patterns: string[] } | undefined {
  const own = dockerfilePath === undefined ? [] : [`${dockerfilePath}.dockerignore`];
  for (const path of [...own, `${directory}/.dockerignore`, `${directory}/.containerignore`]) {
    const file = { path, what: 'the ignore file', maxBytes: IGNORE_FILE_MAX_BYTES, within: directory };
    const bytes = readLocalFile(file);
    if (bytes !== undefined) return { name: path, patterns: parseIgnoreFile(bytes.toString()) };
  }
  return undefined;
}

function hintFor(
  directory: string,
  path: string,
  ignored: { readonly ignore: IgnoreMatcher; readonly ignoreFile: string | undefined },
): string | undefined {
  if (ignored.ignoreFile === undefined || !ignored.ignore.matches(path)) return undefined;
  return `${ignored.ignoreFile} leaves ${toText(path)} out of the context ${directory}`;
}
