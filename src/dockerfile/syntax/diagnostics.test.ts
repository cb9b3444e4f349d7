import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDiagnostic } from './diagnostics.ts';
import { parseDockerfile } from './dockerfile.ts';

function messages(text: string): string[] {
  const { diagnostics, source } = parseDockerfile(text);
  return diagnostics.map((diagnostic) => formatDiagnostic(diagnostic, source));
}

test('formatDiagnostic() shows file, line, caret and reason', () => {
  const [message] = messages('FROM busybox\n\nCOPY --frm=x a b\nRUN true\n');
  assert.equal(
    message,
    [
      'Dockerfile:3',
      '--------------------',
      '   1 |     FROM busybox',
      '   2 |',
      '   3 | >>> COPY --frm=x a b',
      '     |          ^^^^^^^',
      '   4 |     RUN true',
      '--------------------',
      'error: unknown flag: --frm',
      'try: did you mean from?',
    ].join('\n'),
  );
});

test('formatDiagnostic() marks every line of an instruction that is wrong as a whole', () => {
  const [message = ''] = messages('FROM a\nRUN <<EOF \\\n  x\nnever\n');
  assert.match(message, /\n {3}2 \| >>> RUN <<EOF \\\n {3}3 \| >>> {3}x\n {3}4 \| {5}never\n-/);
});

test('formatDiagnostic() lets no control character of the file through, and clips long lines', () => {
  const [message = ''] = messages(`FROM a\nBAD \x1b[31m\u202e ${'x'.repeat(5000)}\n`);
  assert.doesNotMatch(message, /[\x1b\u202e]/);
  assert.ok(message.length < 600);
});
