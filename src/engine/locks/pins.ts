import { fromText, ShaleError } from '../../base/index.ts';
import type { Sources } from '../../build/index.ts';
import type { ResolvedImage } from '../../dockerfile/index.ts';
import { readConfig } from '../../images/index.ts';
import { redactUrl, type LockedBase, type LockedRepository, type LockedUrl } from '../../lock/index.ts';
import {
  familiarName,
  formatPlatform,
  formatReference,
  type Digest,
  type Platform,
  type Reference,
} from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import type { FoundLock } from './lock-place.ts';

/** A base image with its id. */
export interface ResolvedBase extends ResolvedImage {
  readonly id: Digest;
  readonly digest?: Digest;
}

/** What a lock says of bases and sources, in an ordinary build and offline. */
export interface Pins {
  /** How a base image is found: as the lock has it, else by `resolve`. Nobody is asked for what is in the store. */
  base(
    reference: Reference,
    platform: Platform,
    resolve: (reference: Reference) => Promise<ResolvedBase>,
  ): Promise<ResolvedBase>;
  /** The same sources, giving what the lock says. */
  over(sources: Sources): Sources;
}

export interface PinOptions {
  /** Take nothing from outside, and nothing that the lock does not name. */
  readonly offline: boolean;
  /** Told what an ordinary build takes that the lock does not name. */
  readonly warn: (message: string) => void;
}

export function pinsOf(context: EngineContext, found: FoundLock, { offline, warn }: PinOptions): Pins {
  const { store, layers } = context;
  const unknown = (what: string): void => {
    if (offline) throw notLocked(found, what);
    warn(`${what} is not in ${found.name}: shale lock update adds it`);
  };
  return {
    async base(reference, platform, resolve) {
      const pin = baseIn(found, reference, platform);
      if (pin === undefined) {
        unknown(familiarName(reference));
        return resolve(reference);
      }
      const { image, digest } = pin;
      if ((await store.images.find(image)) !== undefined)
        return { id: image, config: await readConfig(store, image), ...(digest !== undefined && { digest }) };
      if (offline || digest === undefined) throw baseMissing(found, pin, familiarName(reference));
      const resolved = await resolve({ ...reference, digest });
      if (resolved.id === image) return resolved;
      throw new ShaleError(
        'LOCK_DRIFT',
        `${familiarName(reference)} is ${resolved.id}, and ${found.name} says ${image}`,
      );
    },
    over: (sources) => ({
      async url(url, checksum, fetching) {
        const pin = urlIn(found, url);
        if (pin === undefined) {
          unknown(redactUrl(url));
          return sources.url(url, checksum, fetching);
        }
        const { digest, file: name } = pin;
        if (offline && (await store.blobs.find(digest)) === undefined) throw missing(found, [`${pin.url} (${digest})`]);
        // A checksum of another kind was checked when the file was locked.
        const fetched = await sources.url(url, digest, fetching);
        return { ...fetched, fileName: fetched.fileName ?? (name === undefined ? undefined : fromText(name)) };
      },
      async git(reference, fetching) {
        const { shown, ref, subdir, submodules, keepGitDir } = reference;
        const pin = found.lock.sources.find(
          (source): source is LockedRepository =>
            'repository' in source &&
            source.repository === shown &&
            source.ref === ref &&
            (source.folder ?? '') === subdir &&
            (source.submodules ?? true) === submodules &&
            (source.gitDir ?? false) === (keepGitDir ?? false),
        );
        if (pin === undefined) {
          unknown(`${shown}#${ref}`);
          return sources.git(reference, fetching);
        }
        const { commit, time: commitTime, layer } = pin;
        if (await layers.isAvailable(layer)) return { commit, commitTime, layer };
        if (offline) throw missing(found, [`${shown}#${ref} (${commit})`]);
        return sources.git({ ...reference, ref: commit }, fetching);
      },
    }),
  };
}

/**
 * Sees to it that a lock can be replayed without anybody being asked: all that its steps fetched is in the store.
 * @throws LOCK_INCOMPLETE with what is missing
 */
export async function requireWhole({ store }: EngineContext, found: FoundLock): Promise<void> {
  const absent = new Map<string, string>();
  for (const answer of found.lock.steps.flatMap(({ fetched }) => fetched)) {
    const { digest } = answer;
    if (digest === undefined || absent.has(digest) || (await store.blobs.find(digest)) !== undefined) continue;
    absent.set(digest, answer.package === undefined ? answer.url : `${answer.package} ${answer.version ?? ''}`);
  }
  if (absent.size > 0) throw missing(found, [...absent.values()]);
}

const SHOWN_MAX = 10;

function missing({ name, path }: FoundLock, what: readonly string[]): ShaleError {
  const more = what.length - SHOWN_MAX;
  const list = [...what.slice(0, SHOWN_MAX), ...(more > 0 ? [`${more} more`] : [])].map((one) => `\n  ${one}`).join('');
  return new ShaleError('LOCK_INCOMPLETE', `the store has not all that ${name} names:${list}`, {
    data: { path, missing: what },
    hint: 'shale lock fetch brings it from where it came, shale lock fetch --from PLACE from where it was vendored',
  });
}

function baseMissing(found: FoundLock, { image, digest }: LockedBase, name: string): ShaleError {
  if (digest !== undefined) return missing(found, [`${name} (${image})`]);
  return new ShaleError('LOCK_INCOMPLETE', `${found.name} names ${name} as ${image}, which is not in the store`, {
    data: { image },
    hint: 'it came from no registry: shale lock fetch --from PLACE, or make it again and shale lock update',
  });
}

function notLocked({ name }: FoundLock, what: string): ShaleError {
  return new ShaleError('LOCK_DRIFT', `${name} does not name ${what}\n  new: ${what}`, {
    hint: 'shale lock update adds it',
  });
}

function baseIn({ lock }: FoundLock, reference: Reference, platform: Platform): LockedBase | undefined {
  const [name, on] = [formatReference(reference), formatPlatform(platform)];
  return lock.bases.find((base) => base.reference === name && base.platform === on);
}

function urlIn({ lock }: FoundLock, url: string): LockedUrl | undefined {
  const shown = redactUrl(url);
  return lock.sources.find((source): source is LockedUrl => 'url' in source && source.url === shown);
}
