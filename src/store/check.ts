import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../base/index.ts';
import { hexOf, isDigest, type Digest } from '../oci/index.ts';
import { trusts, type BlobFiles } from './blobs.ts';
import { isBeingMade } from './container-file.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { derivedOnDisk, namesIn } from './dead-files.ts';
import { derivedPath, recordIn } from './derived.ts';
import { sha256OfFile, statOf } from './files.ts';
import { digest, flag, integer, jsonList, text, textOrNone, type Row } from './row.ts';
import type { CheckOptions, CheckReport, LayerSource, Problem, ProblemCode } from './types.ts';
import { isJournalCurrent } from './tag-journal.ts';
import { imageBlobs } from './usage.ts';

const ROOT_MODE = 0o700;
const LEFTOVERS: readonly ProblemCode[] = [
  'INDEX_MISSING',
  'INDEX_UNMANAGED',
  'CACHE_RECORD_BROKEN',
  'CONTAINER_FOLDER_UNMANAGED',
  'TAG_JOURNAL_STALE',
];

/** `database`: all of it is read, as with `full`. */
type Options = CheckOptions & { readonly database?: boolean };

/** Looks at everything and changes nothing. */
export async function check(context: StoreContext, blobs: BlobFiles, options: Options = {}): Promise<CheckReport> {
  return await new Check(context, blobs, options).run();
}

/** What the records say should be here. */
interface Expected {
  readonly rows: ReadonlyMap<Digest, Row>;
  /** Blob → images that have it. */
  readonly users: ReadonlyMap<Digest, readonly Digest[]>;
  /** Configs and manifests: verified on every check. */
  readonly metadata: ReadonlySet<Digest>;
  /** Blobs without which an image cannot be used. */
  readonly required: ReadonlySet<Digest>;
  /** Layers, and encodings of layers, of which it is known where to fetch them. */
  readonly fetchable: ReadonlySet<Digest>;
}

class Check {
  readonly #context: StoreContext;
  readonly #blobs: BlobFiles;
  readonly #options: Options;
  readonly #problems: Problem[] = [];
  readonly #broken = new Set<Digest>();
  #blobsChecked = 0;
  #bytesChecked = 0;

  constructor(context: StoreContext, blobs: BlobFiles, options: Options) {
    this.#context = context;
    this.#blobs = blobs;
    this.#options = options;
  }

  async run(): Promise<CheckReport> {
    this.#checkRoot();
    await this.#checkDatabase();
    await this.#checkBlobs(await this.#context.db.read(expected));
    await this.#checkTags();
    await this.#checkDerived();
    await this.#checkCacheRecords();
    await this.#checkContainers();
    return { problems: this.#problems, blobsChecked: this.#blobsChecked, bytesChecked: this.#bytesChecked };
  }

  #report(code: ProblemCode, message: string, facts: Partial<Problem> & Pick<Problem, 'remedy'>): void {
    const severity = LEFTOVERS.includes(code) ? 'leftover' : 'damage';
    this.#problems.push({ code, message, severity, images: [], ...facts });
  }

  #checkRoot(): void {
    const { root } = this.#context.layout;
    const mode = lstatSync(root).mode & 0o777;
    if ((mode & ~ROOT_MODE) === 0) return;
    this.#report('STORE_MODE', `the folder ${root} has mode ${mode.toString(8)}, others can look into it`, {
      path: root,
      remedy: 'rebuild',
    });
  }

  async #checkDatabase(): Promise<void> {
    if (this.#options.full !== true && this.#options.database !== true) return;
    const said = await this.#context.db.read((sql) =>
      sql.all('PRAGMA integrity_check').map((row) => text(row, 'integrity_check')),
    );
    if (said.length === 1 && said[0] === 'ok') return;
    const path = this.#context.layout.databaseFile;
    this.#report('DATABASE_DAMAGED', `the database is damaged: ${said.slice(0, 3).join('; ')}`, {
      path,
      remedy: 'none',
    });
  }

  async #checkBlobs(facts: Expected): Promise<void> {
    const all = new Set<Digest>([...facts.rows.keys(), ...facts.required, ...this.#blobs.digestsOnDisk()]);
    for (const blob of [...all].toSorted()) {
      this.#options.signal?.throwIfAborted();
      const problem = await this.#problemOf(blob, facts);
      if (problem === undefined) continue;
      this.#broken.add(blob);
      const images = facts.users.get(blob) ?? [];
      const remedy = remedyOf(problem.code);
      const severity = this.#isPromised(blob, facts) ? 'damage' : 'leftover';
      this.#report(problem.code, problem.message, {
        digest: blob,
        path: this.#blobs.path(blob),
        images,
        remedy,
        severity,
      });
      if (facts.metadata.has(blob) && problem.code !== 'BLOB_MISSING') {
        this.#report('MANIFEST_UNREADABLE', `what ${blob} names is unknown, so nothing that it may name is collected`, {
          digest: blob,
          images,
          remedy: 'refetch',
        });
      }
    }
  }

  async #problemOf(blob: Digest, facts: Expected): Promise<Pick<Problem, 'code' | 'message'> | undefined> {
    this.#blobsChecked++;
    const row = facts.rows.get(blob);
    const stat = statOf(this.#blobs.path(blob));
    if (stat === undefined) {
      // What nothing needs may go at any time; an encoding or a lazy layer may be absent, but not have been lost.
      const needed = facts.required.has(blob) || (row !== undefined && facts.users.has(blob));
      return needed ? { code: 'BLOB_MISSING', message: `blob ${blob} is missing` } : undefined;
    }
    if (!stat.isFile()) return { code: 'BLOB_NOT_A_FILE', message: `blob ${blob} is no regular file` };
    const size = Number(stat.size);
    const wanted = row === undefined ? undefined : integer(row, 'size');
    if (size < (wanted ?? 1) && !isEmptyDigest(blob)) {
      return { code: 'BLOB_TRUNCATED', message: `blob ${blob} has ${size} of ${wanted ?? 'unknown'} bytes` };
    }
    if (wanted !== undefined && size > wanted) {
      return { code: 'BLOB_GROWN', message: `blob ${blob} has ${size} bytes instead of ${wanted}` };
    }
    const trusted = trusts(row, stat, this.#context.owner.bootId);
    if (trusted && this.#options.full !== true && !facts.metadata.has(blob)) return undefined;
    return await this.#hashProblem(blob, size);
  }

  async #hashProblem(blob: Digest, size: number): Promise<Pick<Problem, 'code' | 'message'> | undefined> {
    try {
      const actual = await sha256OfFile(this.#blobs.path(blob), this.#options.signal);
      this.#bytesChecked += size;
      if (actual === hexOf(blob)) return undefined;
      return { code: 'BLOB_CORRUPT', message: `digest mismatch: blob ${blob} has the bytes of sha256:${actual}` };
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      return { code: 'BLOB_UNREADABLE', message: `blob ${blob} cannot be read: ${messageOf(error)}` };
    }
  }

  /**
   * Needed by something recorded, or trusted to be whole. What a power cut tore before it counted is neither, such as a layer of
   * an image that was recorded without it, and fetched later: it is fetched again.
   */
  #isPromised(blob: Digest, facts: Expected): boolean {
    const row = facts.rows.get(blob);
    if (facts.required.has(blob)) return true;
    if (row !== undefined && (flag(row, 'synced') || text(row, 'boot') === this.#context.owner.bootId)) return true;
    return facts.users.has(blob) && !facts.fetchable.has(blob);
  }

  async #checkTags(): Promise<void> {
    const dangling = await this.#context.db.read((sql) =>
      sql.all(
        `SELECT * FROM tags WHERE (kind = 'image' AND digest NOT IN (SELECT id FROM images))
         OR (kind = 'index' AND digest NOT IN (SELECT digest FROM image_indexes)) ORDER BY name`,
      ),
    );
    for (const row of dangling) {
      const target = digest(row, 'digest');
      this.#report('TAG_DANGLING', `tag ${text(row, 'name')} points to ${target}, of which there is no record`, {
        digest: target,
        path: text(row, 'name'),
        remedy: 'remove',
      });
    }
    const { layout, db } = this.#context;
    if (await db.read((sql) => isJournalCurrent(layout, sql))) return;
    this.#report('TAG_JOURNAL_STALE', 'the copy of the history of tags is not what the database says', {
      path: layout.tagJournal,
      remedy: 'rebuild',
    });
  }

  async #checkDerived(): Promise<void> {
    const { layout, db } = this.#context;
    const rows = await db.read((sql) => sql.all('SELECT * FROM derived'));
    const recorded = new Set<string>();
    for (const row of rows) {
      const record = recordIn(layout.root, row);
      recorded.add(record.path);
      const code = await this.#derivedProblem(row, record.path, record.type, record.sizeBytes);
      if (code === undefined) continue;
      const what = `${record.kind} of ${record.key}`;
      const message = code === 'INDEX_MISSING' ? `${what} is recorded, but not there` : `${what} is not as it was made`;
      const promised = flag(row, 'synced') || text(row, 'boot') === this.#context.owner.bootId;
      this.#report(code, message, {
        digest: record.key,
        path: record.path,
        remedy: 'rebuild',
        ...(promised ? {} : { severity: 'leftover' }),
      });
    }
    for (const place of derivedOnDisk(layout.root)) {
      const path = derivedPath(layout.root, place, place.key);
      if (recorded.has(path) || (await this.#isDerivedRecorded(place))) continue;
      this.#report('INDEX_UNMANAGED', `${place.name} of ${place.key} has no record`, {
        digest: place.key,
        path,
        remedy: 'remove',
      });
    }
  }

  async #isDerivedRecorded(place: {
    readonly folder: string;
    readonly name: string;
    readonly version: number;
    readonly key: Digest;
  }): Promise<boolean> {
    const query = 'SELECT 1 FROM derived WHERE folder = ? AND kind = ? AND version = ? AND key = ?';
    const { folder, name, version, key } = place;
    return await this.#context.db.read((sql) => sql.first(query, folder, name, version, key) !== undefined);
  }

  async #derivedProblem(row: Row, path: string, type: string, sizeBytes: number): Promise<ProblemCode | undefined> {
    const stat = statOf(path);
    if (stat === undefined) return 'INDEX_MISSING';
    if (type === 'directory') return stat.isDirectory() ? undefined : 'INDEX_STALE';
    if (!stat.isFile() || Number(stat.size) !== sizeBytes) return 'INDEX_STALE';
    const wanted = textOrNone(row, 'sha256');
    if (this.#options.full !== true || wanted === undefined) return undefined;
    return (await sha256OfFile(path, this.#options.signal)) === wanted ? undefined : 'INDEX_STALE';
  }

  /** A record whose layers are neither here nor to be had leads to nothing. */
  async #checkCacheRecords(): Promise<void> {
    const needs = await this.#context.db.read((sql) =>
      sql
        .all(
          `SELECT record, digest FROM cache_reach WHERE kind = 'blob' OR (
             digest NOT IN (SELECT diff_id FROM encodings) AND
             digest NOT IN (SELECT diff_id FROM layers WHERE sources <> '[]'))`,
        )
        .map((row) => ({ record: integer(row, 'record'), blob: digest(row, 'digest') })),
    );
    const broken = new Map<number, Digest>();
    for (const { record, blob } of needs) {
      if (this.#broken.has(blob) || statOf(this.#blobs.path(blob)) === undefined) broken.set(record, blob);
    }
    for (const [record, blob] of broken) {
      this.#report('CACHE_RECORD_BROKEN', `cache record ${record} needs ${blob}, which is not here or not whole`, {
        digest: blob,
        path: String(record),
        remedy: 'remove',
      });
    }
  }

  async #checkContainers(): Promise<void> {
    const folder = this.#context.layout.folder('containers');
    const known = await this.#context.db.read((sql) =>
      sql.all('SELECT id FROM containers').map((row) => text(row, 'id')),
    );
    const there = namesIn(folder);
    for (const id of known.filter((one) => !there.includes(one))) {
      this.#report('CONTAINER_FOLDER_MISSING', `container ${id.slice(0, 12)} has lost its folder`, {
        path: join(folder, id),
        remedy: 'rebuild',
      });
    }
    for (const name of there.filter((one) => !known.includes(one))) {
      if (isBeingMade(this.#context.layout, name) || (await this.#isContainer(name))) continue;
      this.#report('CONTAINER_FOLDER_UNMANAGED', `the folder of container ${name.slice(0, 12)} has no record`, {
        path: join(folder, name),
        remedy: 'remove',
      });
    }
  }

  async #isContainer(id: string): Promise<boolean> {
    return await this.#context.db.read((sql) => sql.first('SELECT 1 FROM containers WHERE id = ?', id) !== undefined);
  }
}

const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function isEmptyDigest(blob: Digest): boolean {
  return hexOf(blob) === EMPTY_SHA256;
}

function remedyOf(code: ProblemCode): Problem['remedy'] {
  if (code === 'BLOB_UNREADABLE') return 'none';
  return code === 'BLOB_MISSING' ? 'refetch' : 'remove';
}

function expected(sql: Sql): Expected {
  const rows = new Map(sql.all('SELECT * FROM blobs').map((row) => [digest(row, 'digest'), row]));
  const users = new Map<Digest, Digest[]>();
  for (const [image, blobs] of imageBlobs(sql)) {
    for (const blob of blobs) users.set(blob, [...(users.get(blob) ?? []), image]);
  }
  const metadata = new Set<Digest>(
    sql
      .all('SELECT id AS d FROM images UNION SELECT digest FROM image_manifests UNION SELECT digest FROM image_indexes')
      .map((row) => digest(row, 'd')),
  );
  const layers = sql.all(
    `SELECT diff_id AS d FROM image_layers WHERE diff_id NOT IN (SELECT diff_id FROM encodings)
     AND diff_id NOT IN (SELECT diff_id FROM layers WHERE sources <> '[]')`,
  );
  const required = new Set<Digest>([...metadata, ...layers.map((row) => digest(row, 'd'))]);
  for (const row of sql.all('SELECT diff_ids FROM containers')) {
    for (const layer of jsonList<unknown>(row, 'diff_ids')) if (isDigest(layer)) required.add(layer);
  }
  const fetchable = new Set<Digest>(
    sql
      .all(
        `SELECT diff_id AS d FROM layers WHERE sources <> '[]'
         UNION SELECT digest FROM encodings WHERE diff_id IN (SELECT diff_id FROM layers WHERE sources <> '[]')`,
      )
      .map((row) => digest(row, 'd')),
  );
  for (const row of sql.all("SELECT sources FROM layers WHERE sources <> '[]'"))
    for (const { digest: source } of jsonList<LayerSource>(row, 'sources')) fetchable.add(source);
  return { rows, users, metadata, required, fetchable };
}
