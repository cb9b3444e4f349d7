import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Key, KeyParser, nameOfKey, PASTE_BYTES_MAX } from './keys.ts';

function keysOf(...chunks: readonly (string | Uint8Array)[]): string[] {
  const parser = new KeyParser();
  const keys = chunks.flatMap((chunk) => parser.feed(typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
  return [...keys, ...parser.flush()].map(nameOfKey);
}

describe('KeyParser', () => {
  test('KeyParser knows letters, control characters and the keys of dive', () => {
    assert.deepEqual(keysOf('aQ/?'), ['a', 'Q', '/', '?']);
    assert.deepEqual(
      keysOf('\u0001\u0002\u0006\f\r\n\u0012\u0015\u0003'),
      'ctrl+a ctrl+b ctrl+f ctrl+l enter enter ctrl+r ctrl+u ctrl+c'.split(' '),
    );
    assert.deepEqual(keysOf(' \u0000\t\u007F\b'), ['space', 'ctrl+space', 'tab', 'backspace', 'backspace']);
  });

  test('KeyParser knows the sequences of xterm, of application mode, rxvt and the Linux console', () => {
    assert.deepEqual(
      keysOf('\u001B[A\u001BOB\u001B[5~\u001B[6~\u001B[H\u001BOF\u001B[Z'),
      'up down page-up page-down home end shift+tab'.split(' '),
    );
    assert.deepEqual(keysOf('\u001B[1~\u001B[8~\u001B[[A\u001BOP\u001B[11~'), ['home', 'end', 'f1', 'f1', 'f1']);
    assert.deepEqual(keysOf('\u001B[1;5C\u001B[1;2A\u001B[5;3~'), ['ctrl+right', 'shift+up', 'alt+page-up']);
    assert.deepEqual(keysOf('\u001B[32;5u\u001B[27;5;97~\u001B[9;2u'), ['ctrl+space', 'ctrl+a', 'shift+tab']);
  });

  test('KeyParser tells Escape from the begin of a sequence by what follows', () => {
    assert.deepEqual(keysOf('\u001B'), ['escape']);
    assert.deepEqual(keysOf('\u001B\u001B[A'), ['escape', 'up']);
    assert.deepEqual(keysOf('\u001Bx\u001B\u007F'), ['alt+x', 'alt+backspace']);
    const parser = new KeyParser();
    assert.deepEqual(parser.feed(Buffer.from('\u001B[')), []);
    assert.equal(parser.waits, true);
    assert.deepEqual(parser.feed(Buffer.from('A')).map(nameOfKey), ['up']);
    assert.equal(parser.waits, false);
  });

  test('KeyParser makes no characters of sequences that it does not know', () => {
    assert.deepEqual(keysOf('\u001B[?1;2c\u001B[I\u001B[<0;10;20M\u001B[999~\u001BOz'), []);
    assert.deepEqual(keysOf(`\u001B[${'1;'.repeat(60)}`, 'q').includes('q'), true);
    assert.deepEqual(keysOf(Buffer.from([0xff, 0xc0, 0x80, 0x61])), ['a']);
  });

  test('KeyParser gives what is pasted as one key, cut to its limit', () => {
    const parser = new KeyParser();
    const keys = ['\u001B[200~q/é\r\n\u001B[2', '01', '~q'].flatMap((text) => parser.feed(Buffer.from(text)));
    assert.deepEqual(keys, [
      { kind: 'paste', text: 'q/é\r\n' },
      { kind: 'character', text: 'q' },
    ] satisfies Key[]);
    const [long] = parser.feed(Buffer.from(`\u001B[200~${'x'.repeat(PASTE_BYTES_MAX * 3)}\u001B[201~`));
    assert.equal(long?.kind === 'paste' && long.text.length, PASTE_BYTES_MAX);
  });

  test('KeyParser gives the same keys wherever the bytes are cut', () => {
    const piece = fc.constantFrom(
      'a',
      'é',
      '漢',
      '😀',
      ' ',
      '\r',
      '\u0000',
      '\u001B[A',
      '\u001BOH',
      '\u001B[1;5D',
      '\u001Bx',
    );
    const paste = fc.constantFrom('\u001B[200~\u001B[A é\u001B[201~');
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, paste)), fc.array(fc.nat(40)), (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''));
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) chunks.push(bytes.subarray(at, (at += cut)));
        assert.deepEqual(keysOf(...chunks, bytes.subarray(at)), keysOf(bytes));
      }),
    );
  });

  test('KeyParser ends on any bytes, with nothing left waiting', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 30 })), (chunks) => {
        const parser = new KeyParser();
        for (const chunk of chunks) parser.feed(chunk);
        parser.flush();
        parser.feed(Buffer.from('\u001B[201~'));
        assert.equal(parser.waits, false);
      }),
    );
  });
});
