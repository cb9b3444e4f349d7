import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace, runNow, runPaced, type Steps } from './pace.ts';

function* busy(steps: number, msEach: number): Steps<string> {
  for (let i = 0; i < steps; i++) {
    for (const begin = performance.now(); performance.now() - begin < msEach;);
    yield;
  }
  return 'done';
}

test('runPaced() lets timers run between steps and gives what runNow() gives', async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  try {
    assert.equal(runNow(busy(3, 1)), 'done');
    assert.equal(ticks, 0);
    assert.equal(await runPaced(busy(8, 25)), 'done');
    assert.ok(ticks >= 2, `${ticks} ticks`);
  } finally {
    clearInterval(timer);
  }
});

test('runPaced() passes on what a step throws, once its finally has run', async () => {
  let closed = 0;
  function* failing(): Steps<void> {
    try {
      yield;
      throw new Error('step failed');
    } finally {
      closed++;
    }
  }
  await assert.rejects(runPaced(failing(), new Pace()), /step failed/);
  assert.equal(closed, 1);
});
