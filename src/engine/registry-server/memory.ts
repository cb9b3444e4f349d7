import type { Digest } from '../../oci/index.ts';
import type { ServedManifest } from '../../registry/index.ts';
import type { TagTarget } from '../../store/index.ts';
import type { ManifestFacts } from './manifest-facts.ts';

/** Milliseconds for which an uploaded blob waits for the manifest that names it. */
export const WAITING_MS: number = 60 * 60 * 1000;
/** Blobs that wait, and manifests that are remembered. */
const WAITING_MAX = 20_000;
const MANIFESTS_MAX = 500;
const FACTS_MAX = 5000;

/** A manifest that was sent or taken, with what it was made of. */
export interface RememberedManifest {
  readonly manifest: ServedManifest;
  readonly target: TagTarget;
}

/**
 * What the server knows beyond the store's records: blobs whose manifest is still to come, manifests that it made of images,
 * and what it read in manifests. Bounded; what falls out is found out again or uploaded again.
 */
export class ServerMemory {
  readonly #now: () => number;
  readonly #waiting = new Map<string, number>();
  readonly #manifests = new Map<string, RememberedManifest>();
  readonly #facts = new Map<Digest, ManifestFacts>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The blob belongs to the repository until the time is over, though no manifest names it. */
  addBlob(repository: string, digest: Digest): void {
    keep(this.#waiting, `${repository}@${digest}`, this.#now() + WAITING_MS, WAITING_MAX);
  }

  hasBlob(repository: string, digest: Digest): boolean {
    return (this.#waiting.get(`${repository}@${digest}`) ?? 0) > this.#now();
  }

  addManifest(repository: string, remembered: RememberedManifest): void {
    const { digest } = remembered.manifest;
    keep(this.#manifests, `${repository}@${digest}`, remembered, MANIFESTS_MAX);
  }

  manifest(repository: string, digest: Digest): RememberedManifest | undefined {
    return this.#manifests.get(`${repository}@${digest}`);
  }

  forgetManifest(repository: string, digest: Digest): void {
    this.#manifests.delete(`${repository}@${digest}`);
  }

  manifestsIn(repository: string): RememberedManifest[] {
    const found = [];
    for (const [key, remembered] of this.#manifests) if (key.startsWith(`${repository}@`)) found.push(remembered);
    return found;
  }

  facts(digest: Digest): ManifestFacts | undefined {
    return this.#facts.get(digest);
  }

  addFacts(facts: ManifestFacts): void {
    keep(this.#facts, facts.digest, facts, FACTS_MAX);
  }
}

/** Adds an entry as the newest; the oldest goes. */
function keep<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}
