import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rowsInSight, scrollToRow } from './rows.ts';

describe('rowsInSight()', () => {
  test('rowsInSight() gives few rows of a long list, wherever it is scrolled', () => {
    for (const scrollTop of [0, 1, 26_000, 2_599_999, 5_199_500]) {
      const { start, end } = rowsInSight(200_000, 26, scrollTop, 600);
      assert.ok(end - start <= 42, `${start} to ${end}`);
      assert.ok(start * 26 <= scrollTop, 'the first row in sight is there');
      assert.ok(end * 26 >= Math.min(200_000 * 26, scrollTop + 600), 'the last row in sight is there');
    }
  });

  test('rowsInSight() stays within the list', () => {
    assert.deepEqual(rowsInSight(0, 26, 0, 600), { start: 0, end: 0 });
    assert.deepEqual(rowsInSight(5, 26, 0, 600), { start: 0, end: 5 });
    // A list that has become shorter is still scrolled far down.
    assert.deepEqual(rowsInSight(5, 26, 90_000, 600), { start: 4, end: 5 });
    assert.deepEqual(rowsInSight(5, 26, -30, 600), { start: 0, end: 5 });
  });
});

test('scrollToRow() moves no more than is needed', () => {
  assert.equal(scrollToRow(10, 20, 100, 200), 100);
  assert.equal(scrollToRow(2, 20, 100, 200), 40);
  assert.equal(scrollToRow(20, 20, 100, 200), 220);
});
