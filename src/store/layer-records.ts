import type { DiffId } from '../oci/index.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { diffId, digest, integer, integerOrNone, jsonList, text, toJson, type Row } from './row.ts';
import type { Encoding, Encodings, LayerRecord, LayerRecords, LayerSource } from './types.ts';

/** Held while this session lasts, since what is known of a layer goes when nothing names it. */
async function writeHeld(context: StoreContext, layer: DiffId, work: (sql: Sql) => void): Promise<void> {
  await context.session.writeHeld([{ kind: 'layer', digest: layer }], work);
}

export function createLayerRecords(context: StoreContext): LayerRecords {
  const { db } = context;
  return {
    find: (id) => db.read((sql) => findLayer(sql, id)),
    put: (record) => writeHeld(context, record.diffId, (sql) => putLayer(sql, record)),
  };
}

function findLayer(sql: Sql, id: DiffId): LayerRecord | undefined {
  const row = sql.first('SELECT * FROM layers WHERE diff_id = ?', id);
  if (row === undefined) return undefined;
  return { diffId: id, sizeBytes: integerOrNone(row, 'size'), sources: jsonList<LayerSource>(row, 'sources') };
}

export function putLayer(sql: Sql, record: LayerRecord): void {
  const known = findLayer(sql, record.diffId);
  const sources = new Map<string, LayerSource>();
  for (const source of [...(known?.sources ?? []), ...record.sources]) {
    sources.set(`${source.repository}@${source.digest}`, source);
  }
  sql.run(
    'INSERT OR REPLACE INTO layers (diff_id, size, sources) VALUES (?, ?, ?)',
    record.diffId,
    known?.sizeBytes ?? record.sizeBytes ?? null,
    toJson([...sources.values()]),
  );
}

export function createEncodings(context: StoreContext): Encodings {
  const { db } = context;
  return {
    list: (id) =>
      db.read((sql) => sql.all('SELECT * FROM encodings WHERE diff_id = ? ORDER BY digest', id).map(encodingIn)),
    findLayer: (compressed) =>
      db.read((sql) => {
        const row = sql.first('SELECT * FROM encodings WHERE digest = ?', compressed);
        return row === undefined ? undefined : { diffId: diffId(row, 'diff_id'), encoding: encodingIn(row) };
      }),
    add: (id, encoding) => writeHeld(context, id, (sql) => addEncoding(sql, id, encoding)),
    remove: async (id, compressed) => {
      await db.write((sql) => sql.run('DELETE FROM encodings WHERE diff_id = ? AND digest = ?', id, compressed));
    },
  };
}

export function addEncoding(sql: Sql, id: DiffId, encoding: Encoding): void {
  sql.run(
    'INSERT OR REPLACE INTO encodings (diff_id, digest, size, media_type, compressor) VALUES (?, ?, ?, ?, ?)',
    id,
    encoding.digest,
    encoding.sizeBytes,
    encoding.mediaType,
    encoding.compressor,
  );
}

function encodingIn(row: Row): Encoding {
  return {
    digest: digest(row, 'digest'),
    sizeBytes: integer(row, 'size'),
    mediaType: text(row, 'media_type'),
    compressor: text(row, 'compressor'),
  };
}
