import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isShaleError } from '../../base/index.ts';
import { parseHcl } from './parse-body.ts';
import { parseHclJson } from './parse-json.ts';

/** Where and why a file is refused. */
function refusalOf(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (isShaleError(error, 'BAKE_INVALID')) return error.message;
    throw error;
  }
  return 'taken';
}
const hcl = (text: string): string => refusalOf(() => parseHcl({ name: 'f.hcl', text }));
const json = (text: string): string => refusalOf(() => parseHclJson({ name: 'f.json', text }, { target: 1 }));

describe('parseHcl()', () => {
  test('names line and column of what it does not take, and what it expected', () => {
    assert.equal(hcl('a = 1\nb = \n'), 'f.hcl:2:5: expected an expression, and "\\n" comes');
    assert.equal(
      hcl('target "a" {\n  tags = ["x" "y"]\n}\n'),
      'f.hcl:2:15: expected "]" or "," after an element of a list, and "\\"" comes',
    );
    assert.match(
      hcl('target "a" { b = 1 c = 2 }'),
      /^f\.hcl:1:20: expected "}": a block on one line holds one attribute/,
    );
    assert.match(
      hcl('target "a" {\n  b = 1\n'),
      /^f\.hcl:3:1: expected "}" at the end of the block target, and the file ends$/,
    );
    assert.match(hcl('a = "x\n'), /^f\.hcl:1:6: a string in quotes ends on its line$/);
    assert.match(hcl('a = "\\q"'), /^f\.hcl:1:6: the escapes of a string are/);
    assert.match(hcl('a = <<EOT\nx\n'), /^f\.hcl:1:5: the heredoc is not closed by a line EOT$/);
    assert.match(hcl('a = 1\na = 2\n'), /^f\.hcl:2:1: the attribute a is set twice/);
    assert.match(hcl('a = f(1'), /expected "\)" or "," after an argument of f, and the file ends/);
    assert.match(hcl('a = { b 1 }'), /expected "=" or ":" after the key of an object/);
    assert.match(hcl('a = "%{ if true }x"'), /expected %\{ endif \} after %\{ if … \}/);
    assert.match(hcl('a = "x%{ endif }"'), /"endif" stands without its beginning/);
    assert.match(hcl('/* x'), /the comment is not closed/);
    assert.match(hcl('}'), /^f\.hcl:1:1: expected an attribute or a block/);
    assert.match(hcl('target "a${b}" {}'), /a label is plain text/);
    assert.match(hcl('a = [for in x : y]'), /expected a name after "for"/);
  });

  test('takes what HCL takes', () => {
    for (const text of [
      '',
      '\uFEFFa = 1',
      'a = 1 # x\r\nb = 2\r\n',
      'a {}\n',
      'a { b = 1 }\n',
      'a b "c" {\n}\n',
      'a = [\n  1,\n  2,\n]\n',
      'a = { b = 1, c = 2 }\n',
      'a = {\n  b = 1\n  # comment\n  "c" = 2\n}\n',
      'a = (1 +\n 2)\n',
      'a = x ? y : z\n',
      'a = f(\n  1,\n)\n',
      'a = x[0].y[*].z.*.w\n',
      'a = { for k, v in x : k => v... if v }\n',
      'a = { for = 1 }\n',
      'a = <<-EOT\n  x\n  EOT\nb = 1\n',
      'a = "${"${x}"}"\n',
      'a-b = 1\nünder = 2\n',
    ])
      assert.equal(hcl(text), 'taken', JSON.stringify(text));
  });

  test('a file that is nested without end is refused, not followed', () => {
    assert.match(hcl(`a = ${'['.repeat(5000)}`), /nested deeper than 200 levels/);
    assert.match(hcl(`a = ${'!'.repeat(5000)}true`), /nested deeper than 200 levels/);
    assert.match(hcl(`${'a {\n'.repeat(5000)}`), /nested deeper than 200 levels/);
    assert.match(json(`{"a":${'['.repeat(5000)}`), /nested deeper than 200 levels/);
  });
});

describe('parseHclJson()', () => {
  test('names line and column', () => {
    assert.equal(json('{\n  "a": }\n'), 'f.json:2:8: expected a JSON value');
    assert.equal(json('{\n  "a": 1\n  "b": 2\n}'), 'f.json:3:3: expected ","');
    assert.equal(json('{"a": "x\n"}'), 'f.json:1:7: the string is not closed on its line, or has a wrong escape');
    assert.equal(json('{"a": 1} x'), 'f.json:1:10: the file goes on after its end');
    assert.equal(json('{"target": 5}'), 'f.json:1:12: expected an object');
    assert.match(json('{"a": "${x"}'), /^f\.json:/);
  });
});
