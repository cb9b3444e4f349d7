import { realpathSync } from 'node:fs';
import { ShaleError, toText } from '../../base/index.ts';
import { compileIgnore, parseIgnoreFile, type IgnoreMatcher } from '../../dockerfile/index.ts';
import type { StatCacheBuilder, Store } from '../../store/index.ts';
import { EMPTY_DIRECTORY } from '../copy/inline-source.ts';
import type { CopySourceTree } from '../copy/select.ts';
import { openContextTree } from './context-tree.ts';
import { readLocalFile } from './local-file.ts';

/** Bytes that an ignore file may have. */
const IGNORE_FILE_MAX_BYTES = 1024 * 1024;

/** The directories that a build copies from. */
export interface BuildContexts {
  /** @throws CONTEXT_UNKNOWN */
  open(name: string): Promise<CopySourceTree>;
  /** Keeps the digests of files for the next build. */
  save(): Promise<void>;
}

export interface ContextsOptions {
  readonly store: Store;
  /** The main context; undefined for a build without one (a Dockerfile from stdin). */
  readonly directory: string | undefined;
  /** The Dockerfile's path, beside which an ignore file of its own may lie; undefined when it came from elsewhere. */
  readonly dockerfilePath: string | undefined;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

export function openContexts(options: ContextsOptions): BuildContexts {
  let next: { readonly rootId: string; readonly builder: StatCacheBuilder } | undefined;
  return {
    async open(name) {
      const { directory, store } = options;
      if (name !== '') throw new ShaleError('CONTEXT_UNKNOWN', `there is no build context "${name}"`);
      if (directory === undefined) return NO_CONTEXT;
      const rootId = `${realpathSync(directory)}\0${options.dockerfilePath ?? ''}`;
      next = { rootId, builder: store.statCache.next(options.clock()) };
      const known = await store.statCache.load(rootId);
      const ignoreFile = readIgnoreFile(options);
      const ignore = compileIgnore(ignoreFile?.patterns ?? []);
      const root = openContextTree({ directory, ignore, known, next: next.builder });
      return {
        root,
        title: 'the build context',
        hintFor: (path) => hintFor(directory, path, { ignore, ignoreFile: ignoreFile?.name }),
      };
    },
    async save() {
      if (next !== undefined && next.builder.count > 0) await options.store.statCache.save(next.rootId, next.builder);
    },
  };
}

const NO_CONTEXT: CopySourceTree = { title: 'the build context, which is empty', root: EMPTY_DIRECTORY };

/** The patterns of the ignore file that counts; none without a context. */
export function ignorePatternsOf(options: Pick<ContextsOptions, 'directory' | 'dockerfilePath'>): readonly string[] {
  return options.directory === undefined ? [] : (readIgnoreFile(options)?.patterns ?? []);
}

/** `<Dockerfile>.dockerignore` wins over `.dockerignore`. */
function readIgnoreFile(
  options: Pick<ContextsOptions, 'directory' | 'dockerfilePath'>,
): { readonly name: string; readonly patterns: string[] } | undefined {
  const own = options.dockerfilePath === undefined ? [] : [`${options.dockerfilePath}.dockerignore`];
  for (const path of [...own, `${options.directory}/.dockerignore`]) {
    const file = { path, what: 'the ignore file', maxBytes: IGNORE_FILE_MAX_BYTES, within: options.directory };
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
