import type { Layers } from '../../layers/index.ts';
import { writePlanned } from '../ops/write-layer.ts';
import { fetchGitTree, type GitSsh, type GitTree } from './git-source.ts';
import type { GitReference } from './git-url.ts';
import { fetchUrl, type FetchedUrl, type ReadSecret } from './http-source.ts';

export interface SourcesOptions {
  readonly layers: Layers;
  /** Makes a private folder that is gone when it is disposed. */
  readonly makeFolder: () => Promise<AsyncDisposable & { readonly path: string }>;
  readonly secret: ReadSecret;
  /** What ADD of a repository may use to log in with ssh. */
  readonly ssh: GitSsh;
  /** Proxies are read from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What the fetching of one source may use. */
export interface Fetching {
  readonly signal: AbortSignal;
  readonly progress?: (current: number, total: number) => void;
}

/** What builds take from the network: each thing is asked for once, however many steps use it. */
export interface Sources {
  /** See `fetchUrl`. */
  url(url: string, checksum: string | undefined, fetching: Fetching): Promise<FetchedUrl>;
  /** See `fetchGitTree`. */
  git(reference: GitReference, fetching: Fetching & { readonly ssh?: GitSsh }): Promise<GitTree>;
}

export function openSources(options: SourcesOptions): Sources {
  const urls = new Map<string, Promise<FetchedUrl>>();
  const trees = new Map<string, Promise<GitTree>>();
  return {
    url(url, checksum, fetching) {
      const { secret, layers } = options;
      return once(urls, JSON.stringify([url, checksum]), () =>
        fetchUrl(url, {
          store: layers.store,
          secret,
          ...fetching,
          ...(checksum !== undefined && { checksum }),
        }),
      );
    },
    git(reference, { signal, ssh = options.ssh }) {
      return once(trees, JSON.stringify(reference), () =>
        fetchGitTree(reference, {
          ...options,
          ssh,
          signal,
          writeLayer: (plan) => writePlanned(plan, options, { signal, progress: () => {} }),
        }),
      );
    },
  };
}

function once<T>(known: Map<string, Promise<T>>, key: string, start: () => Promise<T>): Promise<T> {
  const found = known.get(key);
  if (found !== undefined) return found;
  const started = start();
  known.set(key, started);
  return started;
}
