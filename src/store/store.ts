import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { invariant, type Owner, sha256Hex } from '../base/index.ts';
import { digestFromHex, type Digest } from '../oci/index.ts';
import { BlobFiles } from './blobs.ts';
import { createBuilds } from './builds.ts';
import { createCacheMounts } from './cache-mounts.ts';
import { createCacheRecords } from './cache-records.ts';
import { check } from './check.ts';
import { collect } from './collect.ts';
import { createContainers } from './containers.ts';
import { requireWritable, type StoreContext } from './context.ts';
import { createDerived } from './derived.ts';
import { Durability } from './durable.ts';
import { createEvents } from './events.ts';
import { removeTree, statOf } from './files.ts';
import { createImageIndexes, createImages } from './images.ts';
import { Ingests } from './ingest.ts';
import { createEncodings, createLayerRecords } from './layer-records.ts';
import { createLeases } from './leases.ts';
import { publish } from './publish.ts';
import { repair, reset } from './repair.ts';
import { moveAway } from './staging.ts';
import { createStatCaches } from './stat-cache.ts';
import { createTags } from './tags.ts';
import type {
  Blobs,
  Builds,
  CacheMounts,
  CacheRecords,
  CheckOptions,
  CheckReport,
  CollectOptions,
  CollectReport,
  Containers,
  Derived,
  Encodings,
  Events,
  ImageIndexes,
  Images,
  LayerRecords,
  Leases,
  Publication,
  RepairReport,
  StatCaches,
  Store,
  StoreFolder,
  Tags,
  Usage,
} from './types.ts';
import { usage } from './usage.ts';

/** Joins the parts over one context; see `Store` for what is promised. */
export class OpenStore implements Store {
  readonly root: string;
  readonly runRoot: string | undefined;
  readonly readOnly: boolean;
  readonly owner: Owner;
  readonly blobs: Blobs;
  readonly derived: Derived;
  readonly layers: LayerRecords;
  readonly encodings: Encodings;
  readonly images: Images;
  readonly indexes: ImageIndexes;
  readonly tags: Tags;
  readonly cacheRecords: CacheRecords;
  readonly cacheMounts: CacheMounts;
  readonly builds: Builds;
  readonly statCache: StatCaches;
  readonly containers: Containers;
  readonly events: Events;
  readonly leases: Leases;
  readonly #context: StoreContext;
  readonly #files: BlobFiles;
  readonly #durability: Durability;
  #open = true;

  constructor(context: StoreContext, runRoot: string | undefined) {
    this.#context = context;
    this.#files = new BlobFiles(context);
    this.#durability = new Durability(context);
    this.root = context.layout.root;
    this.runRoot = runRoot;
    this.readOnly = context.readOnly;
    this.owner = context.owner;
    this.blobs = blobsFace(this.#files, new Ingests(context, this.#files, this.#durability));
    this.derived = createDerived(context);
    this.layers = createLayerRecords(context);
    this.encodings = createEncodings(context);
    this.images = createImages(context, (publication) => this.publish(publication));
    this.indexes = createImageIndexes(context, (publication) => this.publish(publication));
    this.tags = createTags(context, (publication) => this.publish(publication));
    this.cacheRecords = createCacheRecords(context);
    this.builds = createBuilds(context);
    this.statCache = createStatCaches(context);
    this.containers = createContainers(context, (layers) => this.makeDurable(layers));
    this.events = createEvents(context);
    this.leases = createLeases(context);
    this.cacheMounts = createCacheMounts(context, this.leases);
  }

  async folder(name: StoreFolder): Promise<string> {
    const path = this.#context.layout.folder(name);
    if (!this.readOnly) mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }

  async removeFrom(folder: 'volumes' | 'cache-mounts' | 'sources', name: string): Promise<boolean> {
    requireWritable(this.#context);
    invariant(
      /^[^/\0]+$/.test(name) && name !== '.' && name !== '..',
      'a name in a folder of the store is one path component',
    );
    const path = join(this.#context.layout.folder(folder), name);
    if (statOf(path) === undefined) return false;
    await removeTree(moveAway(this.#context, path));
    return true;
  }

  async makeDurable(digests: Iterable<Digest>): Promise<void> {
    requireWritable(this.#context);
    const synced = await this.#durability.sync(digests);
    if (synced.length > 0) await this.#context.db.write((sql) => this.#durability.markSynced(sql, synced));
  }

  async publish(publication: Publication): Promise<void> {
    requireWritable(this.#context);
    await publish(this.#context, this.#files, this.#durability, publication);
  }

  async collect(options: CollectOptions = {}): Promise<CollectReport> {
    return await collect(this.#context, this.#files, options);
  }

  async usage(): Promise<Usage> {
    return await usage(this.#context);
  }

  async check(options: CheckOptions = {}): Promise<CheckReport> {
    return await check(this.#context, this.#files, options);
  }

  async repair(options: CheckOptions = {}): Promise<RepairReport> {
    return await repair(this.#context, this.#files, options);
  }

  async reset(options: { readonly force?: boolean } = {}): Promise<void> {
    await reset(this.#context, options);
  }

  leave(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#durability.close();
    this.#context.db.leave();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#durability.close();
    try {
      await this.#context.session.end();
    } finally {
      this.#context.db.close();
    }
  }
}

function blobsFace(files: BlobFiles, ingests: Ingests): Blobs {
  return {
    find: (digest) => files.find(digest),
    get: (digest) => files.get(digest),
    path: (digest) => files.path(digest),
    open: (digest) => files.open(digest),
    read: (digest, maxBytes) => files.read(digest, maxBytes),
    stream: (digest) => files.stream(digest),
    verify: (digest) => files.verify(digest),
    list: () => files.list(),
    createIngest: (options) => ingests.create(options),
    ensure: (digest, options, fill) => ingests.ensure(digest, options, fill),
    put: async (bytes) => {
      const digest = digestFromHex(sha256Hex(bytes));
      if ((await files.find(digest)) !== undefined) return digest;
      await using ingest = await ingests.create({ expectedSizeBytes: bytes.byteLength, hash: false });
      await ingest.write(bytes);
      return await ingest.commit(digest);
    },
  };
}
