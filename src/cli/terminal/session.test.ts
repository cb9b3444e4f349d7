import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PassedSignal } from '../signals.ts';
import { Emulator } from './emulator.fixture.ts';
import { nameOfKey } from './keys.ts';
import { canTakeTerminal, openTerminal, type TerminalContext, type TerminalEvent } from './session.ts';

/** A terminal that is typed into, and the process around it. */
function fakeTerminal(chunks: readonly string[] = []) {
  const emulator = new Emulator({ columns: 20, rows: 4 });
  const state = {
    isRaw: false,
    atExit: [] as (() => void)[],
    signal: (() => undefined) as (signal: PassedSignal) => void,
    suspended: [] as string[],
  };
  const context: TerminalContext = {
    stdin: {
      isTerminal: true,
      raw: () => {
        state.isRaw = true;
        return { [Symbol.dispose]: () => void (state.isRaw = false) };
      },
      bytes: async function* () {
        for (const chunk of chunks) yield Buffer.from(chunk);
      },
      line: async () => undefined,
    },
    stdout: {
      isTerminal: true,
      colors: true,
      size: () => emulator.size,
      write: async (data) => emulator.write(data.toString()),
    },
    env: { TERM: 'xterm' },
    signal: new AbortController().signal,
    takeOtherSignals: (take) => {
      state.signal = take;
      return { [Symbol.dispose]: () => void (state.signal = () => undefined) };
    },
    atExit: (call) => {
      state.atExit.push(call);
      return { [Symbol.dispose]: () => void state.atExit.splice(state.atExit.indexOf(call), 1) };
    },
    suspend: async () => void state.suspended.push(`${state.isRaw} ${emulator.isAlternate}`),
  };
  return { context, emulator, state };
}

const INITIAL_MODES = ['?25', '?7'];

describe('openTerminal()', () => {
  test('openTerminal() takes the terminal and gives it back as it was', async () => {
    const { context, emulator, state } = fakeTerminal();
    emulator.write('before');
    {
      using session = openTerminal(context, () => undefined);
      assert.deepEqual([emulator.isAlternate, state.isRaw, emulator.modes.has('?25')], [true, true, false]);
      await session.draw({ lines: [[{ text: 'hello' }]] });
      assert.deepEqual(emulator.lines(), ['hello', '', '', '']);
    }
    assert.deepEqual([...emulator.modes].toSorted(), INITIAL_MODES);
    assert.deepEqual([state.isRaw, state.atExit.length], [false, 0]);
    assert.deepEqual(emulator.lines(), ['before', '', '', '']);
  });

  test('openTerminal() gives the terminal back when the process ends without a word', () => {
    const { context, emulator, state } = fakeTerminal();
    openTerminal(context, () => undefined);
    for (const call of state.atExit.slice()) call();
    assert.deepEqual([...emulator.modes].toSorted(), INITIAL_MODES);
    assert.equal(state.isRaw, false);
  });

  test('openTerminal() hands on keys, Escape alone too, and says when nothing more comes', async () => {
    const { context } = fakeTerminal(['q\u001B[', 'A', '\u001B']);
    const events: string[] = [];
    await new Promise<void>((resolve) => {
      openTerminal(context, (event: TerminalEvent) => {
        events.push(event.kind === 'key' ? nameOfKey(event.key) : event.kind);
        if (event.kind === 'ended') resolve();
      });
    });
    assert.deepEqual(events, ['q', 'up', 'escape', 'ended']);
  });

  test('openTerminal() tells of a new size and draws all anew in it', async () => {
    const { context, emulator, state } = fakeTerminal();
    const events: string[] = [];
    using session = openTerminal(context, (event) => void events.push(event.kind));
    await session.draw({ lines: [[{ text: 'a line that is long' }]] });
    emulator.resize({ columns: 6, rows: 2 });
    state.signal('SIGWINCH');
    assert.equal(events.at(-1), 'resized');
    await session.draw({ lines: [[{ text: 'a line that is long' }]] });
    assert.deepEqual(emulator.lines(), ['a line', '']);
  });

  test('SIGTSTP gives the terminal back while the process is stopped', async () => {
    const { context, emulator, state } = fakeTerminal();
    const events: string[] = [];
    using session = openTerminal(context, (event) => void events.push(event.kind));
    state.signal('SIGTSTP');
    await new Promise(setImmediate);
    assert.deepEqual(state.suspended, ['false false']);
    assert.deepEqual([state.isRaw, emulator.isAlternate, events.includes('resized')], [true, true, true]);
    await session.draw({ lines: [[{ text: 'again' }]] });
    assert.equal(emulator.lines()[0], 'again');
  });

  test('canTakeTerminal() wants a terminal on both sides that can place its cursor', () => {
    const { context } = fakeTerminal();
    assert.equal(canTakeTerminal(context), true);
    assert.equal(canTakeTerminal({ ...context, env: { TERM: 'dumb' } }), false);
    assert.equal(canTakeTerminal({ ...context, env: {} }), false);
    assert.equal(canTakeTerminal({ ...context, stdin: { ...context.stdin, isTerminal: false } }), false);
    assert.equal(canTakeTerminal({ ...context, stdout: { ...context.stdout, isTerminal: false } }), false);
  });
});
