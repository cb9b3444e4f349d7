import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readLog } from './log-reader.ts';
import type { LogOptions } from './types.ts';

const LOG = `2026-01-01T00:00:01.000000001+00:00 stdout F one
2026-01-01T00:00:02.000000000+00:00 stderr F two
2026-01-01T00:00:03.000000000+00:00 stdout P thr
2026-01-01T00:00:03.000000000+00:00 stdout F ee
garbage
2026-01-01T00:00:04.000000000+00:00 stdout F 
2026-01-01T00:00:05.000000000+00:00 stdout P no newline
`;

function withLog<T>(work: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(`${tmpdir()}/shale-log-`);
  writeFileSync(`${folder}/log`, LOG);
  return work(`${folder}/log`).finally(() => rmSync(folder, { recursive: true }));
}

async function read(path: string, options: LogOptions = {}): Promise<string> {
  let text = '';
  for await (const line of readLog(path, options, () => true)) text += Buffer.from(line.bytes).toString();
  return text;
}

test('readLog() gives back the bytes that were written', async () => {
  await withLog(async (path) => {
    assert.equal(await read(path), 'one\ntwo\nthree\n\nno newline');
    assert.equal(await read(path, { streams: ['stderr'] }), 'two\n');
    assert.equal(await read(`${path}-absent`), '');
  });
});

test('readLog() gives the last lines, pieces of a line together', async () => {
  await withLog(async (path) => {
    assert.equal(await read(path, { tail: 1 }), 'no newline');
    assert.equal(await read(path, { tail: 3 }), 'three\n\nno newline');
    assert.equal(await read(path, { tail: 0 }), '');
    assert.equal(await read(path, { tail: 99 }), 'one\ntwo\nthree\n\nno newline');
  });
});

test('readLog() keeps to the times asked for', async () => {
  await withLog(async (path) => {
    assert.equal(await read(path, { sinceMs: Date.parse('2026-01-01T00:00:03Z') }), 'three\n\nno newline');
    assert.equal(await read(path, { untilMs: Date.parse('2026-01-01T00:00:02Z') }), 'one\ntwo\n');
  });
});

test('F-252: readLog() follows a log that grows and starts over', async () => {
  await withLog(async (path) => {
    let over = false;
    let text = '';
    const reading = (async () => {
      for await (const line of readLog(path, { follow: true, tail: 1 }, () => over)) {
        text += Buffer.from(line.bytes).toString();
      }
    })();
    await sleep(30);
    appendFileSync(path, '2026-01-01T00:00:06.0+00:00 stdout F more\n2026-01-01T00:00:06.0+00:00 std');
    await sleep(60);
    appendFileSync(path, 'out F half\n');
    await sleep(260);
    truncateSync(path);
    await sleep(260);
    appendFileSync(path, '2026-01-01T00:00:07.0+00:00 stdout F anew\n');
    await sleep(260);
    over = true;
    await reading;
    assert.equal(text, 'no newlinemore\nhalf\nanew\n');
  });
});
