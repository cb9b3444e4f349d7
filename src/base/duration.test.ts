import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from './duration.ts';

test('parseDuration() reads Go’s durations', () => {
  assert.equal(parseDuration('1h30m'), 5_400_000);
  assert.equal(parseDuration('1.5s'), 1500);
  assert.equal(parseDuration('-10ms'), -10);
  for (const text of ['', '10', 's', '1d', '1h x']) assert.equal(parseDuration(text), undefined);
});
