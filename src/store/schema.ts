/** Format of the store: the `version` file and `PRAGMA user_version`. Every change adds one migration. */
export const FORMAT_VERSION: number = 3;

/** `MIGRATIONS[n]` brings a database from version n to n + 1. Never changed once released. */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('generation', 0);

CREATE TABLE blobs (
  digest TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_us INTEGER NOT NULL,
  boot TEXT NOT NULL, synced INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE ingests (
  ref TEXT PRIMARY KEY, file TEXT NOT NULL, held INTEGER NOT NULL, at INTEGER NOT NULL,
  boot TEXT NOT NULL, pid INTEGER NOT NULL, start TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE derived (
  folder TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL,
  size INTEGER NOT NULL, sha256 TEXT, boot TEXT NOT NULL, synced INTEGER NOT NULL, layers TEXT NOT NULL,
  PRIMARY KEY (folder, kind, version, key)) WITHOUT ROWID;

CREATE TABLE layers (diff_id TEXT PRIMARY KEY, size INTEGER, sources TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE encodings (
  diff_id TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, media_type TEXT NOT NULL,
  compressor TEXT NOT NULL, PRIMARY KEY (diff_id, digest)) WITHOUT ROWID;
CREATE INDEX encodings_by_digest ON encodings (digest);

CREATE TABLE images (
  id TEXT PRIMARY KEY, platform TEXT NOT NULL, created TEXT, made_here INTEGER NOT NULL, size INTEGER,
  added_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE image_layers (
  image TEXT NOT NULL, position INTEGER NOT NULL, diff_id TEXT NOT NULL,
  PRIMARY KEY (image, position)) WITHOUT ROWID;
CREATE TABLE image_manifests (
  image TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, media_type TEXT NOT NULL,
  repositories TEXT NOT NULL, PRIMARY KEY (image, digest)) WITHOUT ROWID;
CREATE INDEX image_manifests_by_digest ON image_manifests (digest);
CREATE TABLE image_indexes (
  digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, size INTEGER NOT NULL, entries TEXT NOT NULL,
  repositories TEXT NOT NULL, added_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tags (
  name TEXT PRIMARY KEY, kind TEXT NOT NULL, digest TEXT NOT NULL, moved_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX tags_by_digest ON tags (digest);
CREATE TABLE tag_log (
  seq INTEGER PRIMARY KEY, name TEXT NOT NULL, from_kind TEXT, from_digest TEXT, to_kind TEXT, to_digest TEXT,
  at INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE INDEX tag_log_by_name ON tag_log (name);

CREATE TABLE inputs (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cache_records (
  id INTEGER PRIMARY KEY AUTOINCREMENT, slot TEXT NOT NULL, result TEXT NOT NULL, inputs TEXT NOT NULL,
  size INTEGER NOT NULL, cost_ms INTEGER NOT NULL, uses INTEGER NOT NULL, created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL, trusted INTEGER NOT NULL);
CREATE INDEX cache_records_by_slot ON cache_records (slot, id);
CREATE TABLE cache_keys (key TEXT PRIMARY KEY, record INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX cache_keys_by_record ON cache_keys (record);
CREATE TABLE cache_reach (
  record INTEGER NOT NULL, kind TEXT NOT NULL, position INTEGER NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY (record, kind, position)) WITHOUT ROWID;

CREATE TABLE builds (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER,
  dockerfile TEXT, image TEXT, details TEXT NOT NULL, boot TEXT NOT NULL, pid INTEGER NOT NULL, start TEXT NOT NULL
  ) WITHOUT ROWID;
CREATE INDEX builds_by_time ON builds (started_at);
CREATE TABLE build_steps (
  build TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, key TEXT, slot TEXT,
  inputs TEXT, diff_id TEXT, started_at INTEGER, ended_at INTEGER, fetched TEXT NOT NULL, details TEXT NOT NULL,
  PRIMARY KEY (build, number)) WITHOUT ROWID;

CREATE TABLE containers (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image TEXT, diff_ids TEXT NOT NULL, volumes TEXT NOT NULL,
  config TEXT NOT NULL, state TEXT NOT NULL, active INTEGER NOT NULL, created_at INTEGER NOT NULL,
  boot TEXT, pid INTEGER, start TEXT) WITHOUT ROWID;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL,
  subject TEXT NOT NULL, attributes TEXT NOT NULL);

CREATE TABLE leases (
  id TEXT PRIMARY KEY, boot TEXT NOT NULL, pid INTEGER NOT NULL, start TEXT NOT NULL, expires_at INTEGER
  ) WITHOUT ROWID;
CREATE TABLE lease_resources (
  lease TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (lease, kind, value)) WITHOUT ROWID;
${['images', 'image_layers', 'image_manifests', 'image_indexes', 'tags', 'containers', 'cache_records', 'cache_reach', 'encodings'].map(generationTrigger).join('\n')}
CREATE TRIGGER containers_root_moved AFTER UPDATE OF diff_ids, image ON containers
  BEGIN UPDATE meta SET value = value + 1 WHERE key = 'generation'; END;
`,
  `
CREATE TABLE cache_mounts (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, identity TEXT NOT NULL, instance INTEGER NOT NULL, base TEXT,
  mode INTEGER, uid INTEGER, gid INTEGER, ready INTEGER NOT NULL, size INTEGER, measured_at_use INTEGER,
  uses INTEGER NOT NULL, cost_ms INTEGER NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL,
  UNIQUE (identity, instance)) WITHOUT ROWID;
`,
  `
ALTER TABLE tag_log ADD COLUMN origin TEXT;
`,
];

/** Whatever adds something reachable moves the generation, so a collection knows that what it marked is out of date. */
function generationTrigger(table: string): string {
  return `CREATE TRIGGER ${table}_root AFTER INSERT ON ${table}
  BEGIN UPDATE meta SET value = value + 1 WHERE key = 'generation'; END;`;
}
