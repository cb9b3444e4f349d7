import { networkInterfaces } from 'node:os';
import { ShaleError, toText } from '../../base/index.ts';
import type { Sources, StepTraffic } from '../../build/index.ts';
import { formatPlatform, formatReference, type Digest, type Platform, type Reference } from '../../oci/index.ts';
import {
  Gate,
  isRedacted,
  makeAuthority,
  Recorder,
  redactUrl,
  type LockedBase,
  type LockedSource,
  type LockedStep,
  type LockFile,
} from '../../lock/index.ts';
import { walledNetwork } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import { secretTexts } from './secret-texts.ts';

/** What a build takes from outside, written down as it takes it. */
export class Recording {
  readonly traffic: StepTraffic;
  readonly #bases = new Map<string, LockedBase>();
  readonly #sources = new Map<string, LockedSource>();
  readonly #steps: LockedStep[] = [];

  constructor(store: Store) {
    this.traffic = recordingTraffic(store, (step) => void this.#steps.push(step));
  }

  takeBase(reference: Reference, platform: Platform, image: { readonly id: Digest; readonly digest?: Digest }): void {
    const base = { reference: formatReference(reference), platform: formatPlatform(platform), image: image.id };
    const { digest } = image;
    this.#bases.set(`${base.reference} ${base.platform}`, { ...base, ...(digest !== undefined && { digest }) });
  }

  /** The same sources, watched. */
  watch(sources: Sources): Sources {
    return {
      url: async (url, checksum, fetching) => {
        const file = await sources.url(url, checksum, fetching);
        const { digest, sizeBytes: size, fileName } = file;
        const shown = redactUrl(url);
        const about = { url: shown, digest, size, ...(fileName !== undefined && { file: toText(fileName) }) };
        this.#sources.set(`url ${shown}`, about);
        return file;
      },
      git: async (reference, fetching) => {
        const tree = await sources.git(reference, fetching);
        const { shown: repository, ref, subdir: folder, submodules, keepGitDir } = reference;
        const what = {
          ...(folder !== '' && { folder }),
          ...(!submodules && { submodules }),
          ...(keepGitDir === true && { gitDir: true }),
        };
        const { commit, commitTime: time, layer } = tree;
        this.#sources.set(JSON.stringify([repository, ref, what]), { repository, ref, commit, time, layer, ...what });
        return tree;
      },
    };
  }

  /** Everything that was taken, in an order that does not depend on what ran first. */
  get lock(): LockFile {
    const sorted = <T>(entries: ReadonlyMap<string, T>): T[] =>
      Array.from(entries)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([, value]) => value);
    const place = ({ platform, place: slot, step }: LockedStep): string => `${platform} ${numbered(slot)} ${step}`;
    return {
      bases: sorted(this.#bases),
      sources: sorted(this.#sources),
      steps: this.#steps.toSorted((a, b) => (place(a) < place(b) ? -1 : 1)),
    };
  }

  /** Addresses that hold secrets, so that what they gave cannot be fetched again. */
  get redacted(): string[] {
    const { sources, steps } = this.lock;
    const urls = [
      ...sources.flatMap((source) => ('url' in source ? [source.url] : [])),
      ...steps.flatMap(({ fetched }) => fetched.map(({ url }) => url)),
    ];
    return [...new Set(urls.filter(isRedacted))];
  }
}

/** Numbers in slots sort as numbers. */
function numbered(slot: string): string {
  return slot.replaceAll(/\d+/g, (digits) => digits.padStart(6, '0'));
}

function recordingTraffic(store: Store, take: (step: LockedStep) => void): StepTraffic {
  const authority = makeAuthority();
  return {
    inputsOf: () => [],
    async open(step, { secrets, tell, signal }) {
      const texts = secretTexts(secrets);
      const recorder = new Recorder({
        openSink: () => store.blobs.createIngest(),
        secrets: () => texts,
        machineAddress: machineAddress(),
        tell,
        signal,
      });
      const refusal = (cause?: unknown): ShaleError =>
        new ShaleError('LOCK_UNRECORDABLE', `the step did what a lock cannot hold: ${recorder.refused.join('; ')}`, {
          hint: 'a lock holds what is fetched by HTTP: clone repositories by https, or with ADD',
          ...(cause !== undefined && { cause }),
        });
      return {
        network: walledNetwork(new Gate(authority, recorder)),
        authority: authority.certificate,
        async succeed() {
          await recorder.settled();
          if (recorder.refused.length > 0) throw refusal();
          take({ ...step, unresolved: recorder.unresolved, fetched: recorder.answers });
        },
        blame: (error) => (recorder.refused.length > 0 ? refusal(error) : error),
        [Symbol.asyncDispose]: async () => {},
      };
    },
  };
}

/** Where a step finds this machine, when it is told of it as host-gateway. */
function machineAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}
