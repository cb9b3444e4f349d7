import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEW_LIFE, type Life } from './record.ts';
import { afterEnd } from './restart-policy.ts';

const ended: Life = { ...NEW_LIFE, kind: 'exited', startedMs: 1000, finishedMs: 1500, exitCode: 3 };

test('afterEnd() lets a container without a policy rest', () => {
  assert.equal(afterEnd({ kind: 'no' }, ended).kind, 'exited');
});

test('afterEnd() waits 100 ms, then twice as long each time, a minute at most', () => {
  const first = afterEnd({ kind: 'always' }, ended);
  assert.deepEqual([first.kind, first.nextStartMs, first.restarts], ['restarting', 1600, 1]);
  assert.equal(afterEnd({ kind: 'always' }, { ...ended, delayMs: 100 }).delayMs, 200);
  assert.equal(afterEnd({ kind: 'always' }, { ...ended, delayMs: 60_000 }).delayMs, 60_000);
});

test('afterEnd() begins with the shortest delay after ten seconds of work', () => {
  assert.equal(afterEnd({ kind: 'always' }, { ...ended, delayMs: 6400, finishedMs: 11_000 }).delayMs, 100);
});

test('afterEnd() counts failures for on-failure, and lets success rest', () => {
  const policy = { kind: 'on-failure', retriesMax: 2 } as const;
  assert.equal(afterEnd(policy, { ...ended, exitCode: 0 }).kind, 'exited');
  assert.equal(afterEnd(policy, { ...ended, restarts: 1 }).kind, 'restarting');
  assert.equal(afterEnd(policy, { ...ended, restarts: 2 }).kind, 'exited');
  assert.equal(afterEnd({ kind: 'on-failure', retriesMax: 0 }, { ...ended, restarts: 99 }).kind, 'restarting');
});

test('afterEnd() lets a container rest that somebody stopped, whatever the policy', () => {
  for (const kind of ['always', 'unless-stopped'] as const)
    assert.equal(afterEnd({ kind }, { ...ended, stopped: true }).kind, 'exited');
});
