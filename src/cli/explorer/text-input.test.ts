import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyOf } from './driver.fixture.ts';
import { editText, inputOf, type TextInput, textOf } from './text-input.ts';

function typed(text: string, ...keys: readonly string[]): string {
  const edit = (input: TextInput, key: string): TextInput => editText(input, keyOf(key)) ?? input;
  const input = keys.reduce(edit, inputOf(text));
  return [...input.characters.slice(0, input.cursor), '|', ...input.characters.slice(input.cursor)].join('');
}

test('a line is edited as with readline', () => {
  assert.equal(typed('ab', 'c'), 'abc|');
  assert.equal(typed('ab', 'left', 'left', 'left', 'x', 'space'), 'x |ab');
  assert.equal(typed('ab', 'home', 'right', 'delete', 'delete'), 'a|');
  assert.equal(typed('a漢', 'backspace', 'backspace', 'backspace'), '|');
  assert.equal(typed('e\u0301x', 'left', 'backspace'), '|x');
  assert.equal(typed('usr/share/doc', 'ctrl+w'), 'usr/share/|');
  assert.equal(typed('usr/share/', 'ctrl+w'), 'usr/|');
  assert.equal(typed('abc', 'left', 'ctrl+u'), '|c');
  assert.equal(typed('abc', 'ctrl+a', 'right', 'ctrl+k', 'ctrl+e', 'd'), 'ad|');
});

test('what is pasted becomes one line, and no line grows without end', () => {
  assert.equal(
    textOf(editText(inputOf('a'), { kind: 'paste', text: '/b\r\n\u001B[A c\n' }) ?? inputOf('')),
    'a/b [A c',
  );
  assert.equal(editText(inputOf('x'.repeat(1200)), keyOf('y'))?.characters.length, 1200);
  assert.equal(editText(inputOf(''), keyOf('up')), undefined);
});
