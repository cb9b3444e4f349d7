import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toJson, type Value } from '../value.ts';
import { formatText } from './format.ts';
import { CallRefused } from './function.ts';
import { REFUSED_FUNCTIONS, standardFunctions } from './index.ts';

const functions = standardFunctions({
  now: () => Date.UTC(2026, 2, 4, 5, 6, 7),
  environment: { HOME: '/home/me' },
  uuid: () => 'a-uuid',
});
const call = (name: string, ...args: Value[]): unknown => toJson(functions.get(name)?.call(args) ?? null);
const refused = (name: string, ...args: Value[]): void => assert.throws(() => call(name, ...args), CallRefused, name);

describe('functions of bake files', () => {
  test('semvercmp() takes the constraints of the field', () => {
    const cases: [string, string, boolean][] = [
      ['1.2.3', '>= 1.2', true],
      ['1.2.3', '~1.2.0', true],
      ['1.3.0', '~1.2.0', false],
      ['1.9.0', '~1', true],
      ['2.0.0', '^1.2', false],
      ['1.9.9', '^1.2', true],
      ['0.2.5', '^0.2.3', true],
      ['0.3.0', '^0.2.3', false],
      ['0.0.4', '^0.0.3', false],
      ['1.2.3', '1.x', true],
      ['2.2.3', '1.x', false],
      ['1.2.3', '*', true],
      ['1.0.0-rc.1', '>= 1.0.0', false],
      ['1.0.0-rc.2', '> 1.0.0-rc.1', true],
      ['1.0.0', '> 1.0.0-rc.1', true],
      ['1.5.0', '1.0 - 2.0', true],
      ['2.0.1', '1.0.0 - 2.0.0', false],
      ['1.2.3', '!=1.2.3', false],
      ['1.2.3', '<1 || >=1.2.3', true],
      ['1.2.3', '>1, <1.2', false],
      ['v1.2.3', '=1.2.3', true],
      ['1.2.0', '> 1.2', false],
      ['1.3.0', '> 1.2', true],
      ['1.2.9', '<= 1.2', true],
    ];
    for (const [version, constraint, holds] of cases)
      assert.equal(call('semvercmp', version, constraint), holds, `${version} ${constraint}`);
    refused('semvercmp', 'x', '1');
    refused('semvercmp', '1.0.0', '>= x.y.z.w');
  });

  test('times come from outside, in the forms of RFC 3339', () => {
    assert.equal(call('timestamp'), '2026-03-04T05:06:07Z');
    assert.equal(call('homedir'), '/home/me');
    assert.equal(call('uuidv4'), 'a-uuid');
    const parts = call('unixtimestampparse', 1_700_000_000) as Record<string, unknown>;
    assert.deepEqual(
      [parts['rfc3339'], parts['weekday_name'], parts['iso_week']],
      ['2023-11-14T22:13:20Z', 'Tuesday', 46],
    );
    refused('formatdate', 'YYY', '2026-03-04T05:06:07Z');
    refused('timeadd', 'yesterday', '1h');
    refused('timeadd', '2026-03-04T05:06:07Z', 'an hour');
  });

  test('arguments are converted as HCL converts them, and refused where they cannot be', () => {
    assert.equal(call('add', '5', 1), 6);
    assert.equal(call('upper', 1.5), '1.5');
    assert.equal(call('join', ',', [1, true, 'x']), '1,true,x');
    refused('add', 'x', 1);
    refused('upper', null);
    refused('upper');
    refused('upper', 'a', 'b');
    refused('join', ',', [['nested']]);
    refused('element', [], 0);
    refused('range', 0, 10, -1);
    refused('range', 2000);
    refused('coalesce', null, null);
    refused('base64decode', '/w==');
    refused('jsondecode', '{');
    refused('regex', '(', 'x');
    refused('regex', 'a', 'b');
    refused('modulo', 1, 0);
    refused('divide', 0, 0);
    refused('csvdecode', 'a,a\n1,2');
    refused('cidrhost', '10.0.0.0/33', 1);
    refused('cidrsubnet', '10.0.0.0/24', 16, 1);
    refused('parseint', '12', 2);
    refused('setproduct', ['a']);
  });

  test('bytes are counted as UTF-8', () => {
    assert.equal(call('byteslen', 'hé'), 3);
    assert.equal(call('bytesslice', 'hello', 1, 3), 'ell');
    refused('bytesslice', 'hello', 4, 3);
  });

  test('index() and length() look into objects too', () => {
    const object = new Map<string, Value>([['a', 5]]);
    assert.equal(call('index', object, 'a'), 5);
    assert.equal(call('hasindex', object, 'b'), false);
    assert.equal(call('length', object), 1);
  });

  test('formatText() refuses a verb without an argument and an argument without a verb', () => {
    assert.equal(formatText('%-6s|%6.2f|%+d|%05d|%x', ['ab', 3.14159, 5, -42, 255]), 'ab    |  3.14|+5|-0042|ff');
    for (const [pattern, args] of [
      ['%s', []],
      ['x', ['y']],
      ['%z', ['y']],
      ['100%', []],
      ['%d', ['x']],
    ] as const)
      assert.throws(() => formatText(pattern, args), CallRefused, pattern);
  });

  test('what is refused on purpose is no function', () => {
    for (const name of REFUSED_FUNCTIONS.keys()) assert.equal(functions.has(name), false);
  });
});
