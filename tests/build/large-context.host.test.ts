/**
 * What a large context takes in memory: 50,000 small files. SHALE_TEST_LONG=1: 200,000. Measured with the published package,
 * for the types of the checkout take memory too.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { publishInto } from '../support/published.ts';

const TIME = '/usr/bin/time';
const isLong = process.env['SHALE_TEST_LONG'] === '1';
const FOLDERS = isLong ? 1000 : 250;
const FILES = 200;
/** Megabytes. A machine that is busy collects garbage late, so there is some room above what an idle one takes. */
const MAX = isLong ? { cold: 230, unchanged: 150 } : { cold: 185, unchanged: 110 };

describe('a large context', { skip: existsSync(TIME) ? false : 'needs GNU time' }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'shale-large-context-'));
    publishInto(folder);
    mkdirSync(join(folder, 'context/tree'), { recursive: true });
    writeFileSync(join(folder, 'context/Dockerfile'), 'FROM scratch\nCOPY tree /data\n');
    for (let i = 0; i < FOLDERS; i++) {
      const directory = join(folder, `context/tree/d${i}`);
      mkdirSync(directory);
      for (let j = 0; j < FILES; j++) writeFileSync(join(directory, `f${j}.txt`), `${i} ${j}\n`);
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** The peak of the resident memory of one build, in megabytes. */
  const build = (): number => {
    const { status, stderr } = spawnSync(
      TIME,
      ['-f', '%M', join(folder, 'bin/shale'), 'build', '-q', '-t', 'large', join(folder, 'context')],
      {
        encoding: 'utf8',
        env: {
          PATH: `${join(process.execPath, '..')}:${process.env['PATH']}`,
          HOME: folder,
          SHALE_HOME: join(folder, 'home'),
          SHALE_RUN: join(folder, 'run'),
        },
      },
    );
    assert.equal(status, 0, stderr);
    return Number(stderr.trim().split('\n').at(-1)) / 1000;
  };

  test('a context of many files is handed on and not held: memory is bounded, cold and when nothing changed', (t) => {
    const peaks = { cold: build(), unchanged: build() };
    t.diagnostic(`${FOLDERS * FILES} files: ${JSON.stringify(peaks)} MB`);
    assert.ok(peaks.cold < MAX.cold, `cold: ${peaks.cold} MB`);
    assert.ok(peaks.unchanged < MAX.unchanged, `unchanged: ${peaks.unchanged} MB`);
  });
});
