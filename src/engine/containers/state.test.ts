import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerRecord } from '../../store/index.ts';
import { formatLife, formatSetup, type ContainerSetup, type Life, NEW_LIFE, parseLife } from './record.ts';
import { claimedLife } from './start.ts';
import { endedFrom, finishedMs } from './state.ts';

const RESTARTED = { request: { image: 'x' }, program: {}, restart: { kind: 'always' } } as unknown as ContainerSetup;
const FIRST_RUN: Life = { ...NEW_LIFE, kind: 'running', starts: 1, startedMs: 1000 };
const END = { exitCode: 1, oomKilled: false, finishedMs: 1100 };

/** What the store holds of a container with that life. */
function recordOf(life: Life): ContainerRecord {
  const record = { id: 'c', name: 'c', config: formatSetup(RESTARTED), state: formatLife(life) };
  return record as unknown as ContainerRecord; // The rest is not looked at.
}

function after(life: Life, seen: Life): Life | undefined {
  const change = endedFrom(seen, END)(recordOf(life));
  return change === undefined ? undefined : parseLife({ ...recordOf(life), ...change });
}

describe('endedFrom()', () => {
  test('makes of an end what the restart policy says', () => {
    const ended = after(FIRST_RUN, FIRST_RUN);
    assert.deepEqual([ended?.kind, ended?.restarts, ended?.exitCode], ['restarting', 1, 1]);
  });

  test('counts an end once, also where it is started again before the second to see it has written', () => {
    const restarting = after(FIRST_RUN, FIRST_RUN) ?? NEW_LIFE;
    assert.equal(after(restarting, FIRST_RUN), undefined);
    const starting = claimedLife(restarting, true);
    assert.equal(after(starting, FIRST_RUN), undefined);
    assert.equal(after({ ...starting, kind: 'running', startedMs: 1200 }, FIRST_RUN), undefined);
    assert.equal(after(starting, starting)?.restarts, 2);
  });
});

test('finishedMs() is never before the start: times of files come from a clock with coarse ticks', () => {
  const exited = { kind: 'exited', code: 0, oomKilled: false } as const;
  assert.equal(finishedMs({ startedMs: 1000 }, { ...exited, finishedAtMs: 997.6 }), 1000);
  assert.equal(finishedMs({ startedMs: 1000 }, { ...exited, finishedAtMs: 1003.6 }), 1004);
});
