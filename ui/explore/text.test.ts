import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameBytes, nameText } from './names.ts';
import { countOf, countText, differenceText, hexRows, modeText, shareText, sizeText, timeText } from './text.ts';

test('sizeText() has three digits and moves to the next unit when it rounds up', () => {
  assert.deepEqual([0, 999, 1000, 1234, 999_600, 61_900_000].map(sizeText), [
    '0 B',
    '999 B',
    '1 kB',
    '1.23 kB',
    '1 MB',
    '61.9 MB',
  ]);
  assert.deepEqual([0, 5, -3000].map(differenceText), ['±0 B', '+5 B', '−3 kB']);
});

test('timeText() has the unit that fits', () => {
  assert.deepEqual([0.4, 999, 1234, 12_340, 65_000, 3_725_000].map(timeText), [
    '0 ms',
    '999 ms',
    '1.23 s',
    '12.3 s',
    '1 min 5 s',
    '1 h 2 min',
  ]);
});

test('countText() groups digits, countOf() knows one from many', () => {
  assert.deepEqual([0, 999, 1000, 1_234_567].map(countText), ['0', '999', '1,000', '1,234,567']);
  assert.deepEqual(
    [countOf(1, 'file'), countOf(2, 'file'), countOf(0, 'entry', 'entries')],
    ['1 file', '2 files', '0 entries'],
  );
});

test('shareText() does not tell a little as nothing', () => {
  assert.deepEqual(
    [shareText(0, 10), shareText(1, 100_000), shareText(1, 30), shareText(1, 3), shareText(1, 0)],
    ['0 %', '< 0.1 %', '3.3 %', '33 %', '0 %'],
  );
});

test('modeText() shows setuid, setgid and sticky as ls does', () => {
  assert.deepEqual([0o755, 0o4755, 0o2644, 0o1777, 0o1666].map(modeText), [
    'rwxr-xr-x',
    'rwsr-xr-x',
    'rw-r-Sr--',
    'rwxrwxrwt',
    'rw-rw-rwT',
  ]);
});

test('nameText() shows what is no UTF-8, and what hides or turns text around', () => {
  assert.equal(nameText('plain.txt'), 'plain.txt');
  assert.equal(nameText(nameBytes('größe')), 'größe');
  assert.equal(nameText('a\u00ff'), 'a\\xff');
  assert.equal(nameText('a\nb\u001b[31m'), 'a\\x0ab\\x1b[31m');
  assert.equal(nameText(nameBytes('invoice\u202etxt.exe')), 'invoice\\u202etxt.exe');
});

test('hexRows() has 16 bytes a row, and dots for what cannot be printed', () => {
  assert.deepEqual(hexRows(new TextEncoder().encode('0123456789abcdefg\n')), [
    '00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef',
    `00000010  67 0a${' '.repeat(18)}  ${' '.repeat(23)}  g·`,
  ]);
});
