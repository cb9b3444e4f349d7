import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isShaleError } from '../../base/index.ts';
import { formatFileTrace, parseFileTrace } from './file-trace-format.ts';

test('formatFileTrace() writes bytes as they are, but for what would be taken for another line', () => {
  const paths = ['/a b', '/a\nb', '/a\\nb', '/\xff\xc3\xa4', "/'q'\t"];
  assert.equal(formatFileTrace(paths).toString('latin1'), "/a b\n/a\\nb\n/a\\\\nb\n/\xff\xc3\xa4\n/'q'\t\n");
  assert.equal(formatFileTrace([]).length, 0);
});

test('parseFileTrace() gives back whatever paths formatFileTrace() wrote', () => {
  const byte = fc.oneof(
    fc.constantFrom('\\', 'n', '\n', '/'),
    fc.nat(255).map((one) => String.fromCharCode(one)),
  );
  const path = fc.array(byte, { maxLength: 12 }).map((bytes) => `/${bytes.join('')}`);
  fc.assert(
    fc.property(fc.array(path), (paths) => {
      assert.deepEqual(parseFileTrace(formatFileTrace(paths), 'it'), paths);
    }),
  );
});

test('parseFileTrace() refuses what is no trace, with the line', () => {
  for (const [text, line] of [
    ['/a\nb\n', 2],
    ['\n', 1],
    ['/a\\x\n', 1],
    ['/a\\', 1],
    ['/a\n\n', 2],
    ['/a\n/b\\\\\\\n', 2],
  ] as const) {
    assert.throws(
      () => parseFileTrace(Buffer.from(text), 'it'),
      (error) => isShaleError(error, 'TRACE_INVALID') && error.data['line'] === line,
      JSON.stringify(text),
    );
  }
  assert.deepEqual(parseFileTrace(Buffer.from('/a'), 'it'), ['/a']);
});
