import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DetachKeys, parseDetachKeys } from './detach-keys.ts';

test('parseDetachKeys() reads docker’s names of keys', () => {
  assert.deepEqual([...parseDetachKeys()], [16, 17]);
  assert.deepEqual([...parseDetachKeys('ctrl-a,x,ctrl-\\,ctrl-@')], [1, 120, 28, 0]);
  assert.equal(parseDetachKeys('').length, 0);
  assert.throws(() => parseDetachKeys('ctrl-1'), { code: 'USAGE' });
  assert.throws(() => parseDetachKeys('shift-a'), { code: 'USAGE' });
});

function typed(keys: DetachKeys, ...chunks: string[]): { text: string; detached: boolean } {
  let text = '';
  for (const chunk of chunks) {
    const { pass, detached } = keys.feed(Buffer.from(chunk));
    text += Buffer.from(pass).toString();
    if (detached) return { text, detached };
  }
  return { text, detached: false };
}

test('DetachKeys passes on what is typed, and ends at its keys however they are cut', () => {
  const keys = (): DetachKeys => new DetachKeys(parseDetachKeys());
  assert.deepEqual(typed(keys(), 'ls\n'), { text: 'ls\n', detached: false });
  assert.deepEqual(typed(keys(), 'a\x10\x11b'), { text: 'a', detached: true });
  assert.deepEqual(typed(keys(), 'a\x10', '\x11'), { text: 'a', detached: true });
});

test('DetachKeys gives back a beginning that was none', () => {
  const keys = (): DetachKeys => new DetachKeys(parseDetachKeys());
  assert.deepEqual(typed(keys(), '\x10', 'x'), { text: '\x10x', detached: false });
  assert.deepEqual(typed(keys(), '\x10\x10\x11'), { text: '\x10', detached: true });
  assert.deepEqual(typed(new DetachKeys(new Uint8Array()), '\x10\x11'), { text: '\x10\x11', detached: false });
});
