import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShaleError } from '../base/index.ts';
import { type EndingSignal, GRACE_MS, SignalDesk } from './signals.ts';
import { wantsColors } from './streams.ts';

function desk(): { desk: SignalDesk; exits: number[]; warnings: string[]; timers: (readonly [number, () => void])[] } {
  const exits: number[] = [];
  const warnings: string[] = [];
  const timers: (readonly [number, () => void])[] = [];
  return {
    desk: new SignalDesk({
      exit: (status) => void exits.push(status),
      warn: (text) => void warnings.push(text),
      after: (ms, call) => void timers.push([ms, call]),
    }),
    exits,
    warnings,
    timers,
  };
}

test('SignalDesk cancels at the first signal and ends the process at the second', () => {
  const { desk: signals, exits, warnings } = desk();
  signals.receive('SIGINT');
  assert.equal(signals.signal.aborted, true);
  assert.equal(isShaleError(signals.signal.reason, 'CANCELED'), true);
  assert.equal(signals.exitStatus, 130);
  assert.deepEqual(exits, []);
  assert.match(warnings[0] ?? '', /press Ctrl-C again/);
  signals.receive('SIGINT');
  assert.deepEqual(exits, [130]);
});

test('SignalDesk gives a canceled command some seconds, then ends the process', () => {
  const { desk: signals, exits, timers, warnings } = desk();
  signals.receive('SIGTERM');
  assert.deepEqual(warnings, []);
  assert.equal(timers[0]?.[0], GRACE_MS);
  timers[0][1]();
  assert.deepEqual(exits, [143]);
});

test('SignalDesk hands signals over while a command wants them', () => {
  const { desk: signals } = desk();
  const seen: EndingSignal[] = [];
  {
    using _taken = signals.takeOver((signal) => void seen.push(signal));
    signals.receive('SIGINT');
    signals.receive('SIGHUP');
  }
  assert.deepEqual(seen, ['SIGINT', 'SIGHUP']);
  assert.equal(signals.signal.aborted, false);
  signals.receive('SIGHUP');
  assert.equal(signals.exitStatus, 129);
});

test('F-281: SignalDesk lets a server end well at the first signal, and ends it at once at the second', () => {
  const { desk: signals, exits, timers, warnings } = desk();
  signals.serve(7000);
  signals.receive('SIGTERM');
  assert.equal(signals.signal.aborted, true);
  assert.equal(signals.exitStatus, undefined);
  assert.deepEqual([exits, warnings, timers.map(([ms]) => ms)], [[], [], [7000]]);
  signals.receive('SIGTERM');
  assert.deepEqual(exits, [143]);
});

test('wantsColors() obeys NO_COLOR, then FORCE_COLOR, then TERM and the terminal', () => {
  assert.equal(wantsColors({}, true), true);
  assert.equal(wantsColors({}, false), false);
  assert.equal(wantsColors({ TERM: 'dumb' }, true), false);
  assert.equal(wantsColors({ NO_COLOR: '1' }, true), false);
  assert.equal(wantsColors({ NO_COLOR: '' }, true), true);
  assert.equal(wantsColors({ FORCE_COLOR: '1' }, false), true);
  assert.equal(wantsColors({ FORCE_COLOR: '0' }, true), false);
  assert.equal(wantsColors({ FORCE_COLOR: '1', NO_COLOR: '1' }, true), false);
});
