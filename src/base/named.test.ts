import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ambiguous, typedName } from './named.ts';

test('F-284: typedName() leaves names as they are, quotes what is strange, and cuts what is no name', () => {
  const whole = `registry.example:5000/team/web:1.0_x-y@sha256:${'a'.repeat(64)}`;
  for (const name of ['web', whole, '../x', 'x'.repeat(400)]) assert.equal(typedName(name), name);
  for (const name of ['', ' ', 'a b', 'ü', '\u0000', '\u001B[31m', '"', 'a\nb'])
    assert.equal(typedName(name), JSON.stringify(name));
  assert.equal(typedName('x'.repeat(1_000_000)), `"${'x'.repeat(60)}"… (1000000 characters)`);
});

test('F-284: ambiguous() tells what it may be, up to five', () => {
  const five = ['a1', 'a2', 'a3', 'a4', 'a5'];
  const { code, message, data } = ambiguous('image', 'a', five);
  assert.deepEqual([code, data], ['NAME_AMBIGUOUS', { name: 'a', matches: five }]);
  assert.equal(message, 'more than one image id begins with a: a1, a2, a3, a4, a5');
  assert.match(ambiguous('image', 'a', [...five, 'a6']).message, /: a1, a2, a3, a4, a5, and others$/);
});
