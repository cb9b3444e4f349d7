import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Redactor } from './redact.ts';

function redact(secrets: readonly string[], ...chunks: readonly string[]): string {
  const redactor = new Redactor(secrets.map((secret) => Buffer.from(secret)));
  const shown = chunks.map((chunk) => Buffer.from(redactor.take(Buffer.from(chunk))));
  return Buffer.concat([...shown, redactor.end()]).toString();
}

describe('Redactor', () => {
  test('hides a secret wherever it stands, and however chunks cut it', () => {
    const text = 'before hunter2hunter2 and hunter2 after';
    for (let cut = 0; cut <= text.length; cut++)
      assert.equal(redact(['hunter2'], text.slice(0, cut), text.slice(cut)), 'before ******** and **** after');
    assert.equal(redact(['hunter2'], ...text.split('')), 'before ******** and **** after');
  });

  test('lets through what only begins like a secret', () => {
    assert.equal(redact(['hunter2'], 'hunt', 'ing hunter'), 'hunting hunter');
  });

  test('hides each line of a secret of several lines, and the longest where one holds another', () => {
    assert.equal(redact(['-----BEGIN\nc2VjcmV0\n-----END--\n'], '  c2VjcmV0  \n'), '  ****  \n');
    assert.equal(redact(['secret', 'secret-long'], 'secret-long'), '****');
  });

  test('leaves a log alone when there is nothing to hide in it', () => {
    assert.equal(redact([], 'a', 'b'), 'ab');
    assert.equal(redact(['1', ''], '1 2 1'), '1 2 1');
  });
});
