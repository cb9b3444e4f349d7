import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { integer, json, text, toJson, type Row } from './row.ts';
import type { EventRecord, Events, TimeMs } from './types.ts';

const EVENTS_AT_ONCE = 1000;
const POLL_MS = 100;
/** Older events are dropped by a collection. */
const EVENTS_KEPT = 20_000;

export type NewEvent = Parameters<Events['append']>[0];

export function createEvents({ db, clock }: StoreContext): Events {
  const since = (seq: number, limit = EVENTS_AT_ONCE): Promise<readonly EventRecord[]> =>
    db.read((sql) => sql.all('SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?', seq, limit).map(eventIn));
  return {
    append: (event) => db.write((sql) => appendEvent(sql, clock(), event)),
    since,
    latest: () => db.read((sql) => integer(sql.first('SELECT coalesce(max(seq), 0) AS seq FROM events') ?? {}, 'seq')),
    follow: async function* (seq, { signal, pollMs = POLL_MS }) {
      for (let last = seq; !signal.aborted;) {
        const events = await since(last);
        for (const event of events) {
          if (signal.aborted) return;
          yield event;
          last = event.seq;
        }
        if (events.length < EVENTS_AT_ONCE) await pause(pollMs, signal);
      }
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

export function appendEvent(sql: Sql, now: TimeMs, event: NewEvent): number {
  sql.run(
    'INSERT INTO events (at, type, action, subject, attributes) VALUES (?, ?, ?, ?, ?)',
    now,
    event.type,
    event.action,
    event.subject,
    toJson(event.attributes ?? {}),
  );
  return sql.lastInsertId();
}

export function dropOldEvents(sql: Sql): number {
  return sql.run('DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?', EVENTS_KEPT);
}

function eventIn(row: Row): EventRecord {
  return {
    seq: integer(row, 'seq'),
    at: integer(row, 'at'),
    type: text(row, 'type'),
    action: text(row, 'action'),
    subject: text(row, 'subject'),
    attributes: json(row, 'attributes') as Record<string, string>, // Written by appendEvent from such a record.
  };
}
