import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIST_START, moveInList, moveInText, select } from './scrolling.ts';

const KEYS = ['up', 'down', 'page-up', 'page-down', 'home', 'end', 'g', 'G', 'j', 'k'] as const;

test('a list shows what is chosen, and no more empty rows than it must, after any keys', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...KEYS)),
      fc.nat(40),
      fc.integer({ min: 1, max: 12 }),
      (keys, count, window) => {
        let list = LIST_START;
        for (const key of keys) list = moveInList(list, key, count, window);
        assert.ok(list.selected >= 0 && list.selected < Math.max(1, count));
        assert.ok(list.top <= list.selected && list.selected < list.top + window);
        assert.ok(list.top <= Math.max(0, count - window));
      },
    ),
  );
});

test('the window moves no further than it must', () => {
  assert.deepEqual(select({ selected: 5, top: 3 }, 6, 20, 5), { selected: 6, top: 3 });
  assert.deepEqual(select({ selected: 7, top: 3 }, 8, 20, 5), { selected: 8, top: 4 });
  assert.deepEqual(select({ selected: 3, top: 3 }, 2, 20, 5), { selected: 2, top: 2 });
  assert.deepEqual(moveInList({ selected: 3, top: 3 }, 'page-down', 20, 5), { selected: 7, top: 3 });
});

test('a text stops at its ends', () => {
  assert.equal(moveInText(0, 'up', 10, 4), 0);
  assert.equal(moveInText(0, 'end', 10, 4), 6);
  assert.equal(moveInText(6, 'page-down', 10, 4), 6);
  assert.equal(moveInText(0, 'page-down', 3, 4), 0);
});
