import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fromText } from '../../base/index.ts';
import { shownLine, shownName, shownText } from './shown-text.ts';

const ACTIVE = /[\p{C}\p{Zl}\p{Zp}]/u;

describe('shownName()', () => {
  test('shownName() leaves names that people read as they are', () => {
    for (const name of ['libc.so.6', 'mañana', '漢字.txt', 'Übergröße', '😀.png', 'e\u0301']) {
      assert.equal(shownName(fromText(name)), name);
    }
  });

  test('shownName() escapes what a terminal would act upon', () => {
    assert.equal(shownName('a\u001B[2Jb'), String.raw`a\x1B[2Jb`);
    assert.equal(shownName('\u009B31mred'), String.raw`\x9B31mred`);
    assert.equal(shownName(fromText('\u009B31mred')), String.raw`\u{9B}31mred`);
    assert.equal(shownName('one\ntwo\r\t'), String.raw`one\ntwo\r\t`);
    assert.equal(shownName(fromText('exe\u202Etxt.sh')), String.raw`exe\u{202E}txt.sh`);
    assert.equal(shownName(fromText('\u0301x')), String.raw`\u{301}x`);
    assert.equal(shownName(fromText('a\u200Bb\u2028')), String.raw`a\u{200B}b\u{2028}`);
  });

  test('shownName() shows bytes that are not UTF-8, and a backslash twice', () => {
    assert.equal(shownName('caf\u00E9'), String.raw`caf\xE9`);
    assert.equal(shownName(`${fromText('é')}\u00FF${fromText('漢')}\u00E6\u00BC`), String.raw`é\xFF漢\xE6\xBC`);
    assert.equal(shownName(fromText('\uFFFD')), '\uFFFD');
    assert.equal(shownName(`\u00FF${fromText('\uFFFD')}`), '\\xFF\uFFFD');
    assert.equal(shownName('\u00ED\u00A0\u0080'), String.raw`\xED\xA0\x80`);
    assert.equal(shownName(String.raw`a\nb`), String.raw`a\\nb`);
  });

  test('shownName() of any bytes is inert, and different names stay different', () => {
    const name = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    fc.assert(
      fc.property(name, name, (a, b) => {
        assert.doesNotMatch(shownName(a), ACTIVE);
        if (a !== b) assert.notEqual(shownName(a), shownName(b));
      }),
    );
  });
});

test('shownText() makes one inert line of any text', () => {
  assert.equal(shownText('RUN a\r\n\tb\u001B]0;x\u0007'), String.raw`RUN a b\x1B]0;x\x07`);
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.doesNotMatch(shownText(text), ACTIVE)));
});

test('shownLine() shows lines of files as less does, and is inert', () => {
  assert.equal(shownLine('a\tb'), 'a       b');
  assert.equal(shownLine('漢字\tb'), '漢字    b');
  assert.equal(shownLine('12345678\tb'), '12345678        b');
  assert.equal(shownLine('\u001B[0m\u007F\u202Ex\r'), '^[[0m^?<U+202E>x^M');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.doesNotMatch(shownLine(text), ACTIVE)));
});
