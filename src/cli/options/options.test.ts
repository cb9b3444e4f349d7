import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isShaleError } from '../../base/index.ts';
import { parseAssignments, parseEnvFile, parseLabels, readEnvironment } from './assignments.ts';
import { parseFilters, passes, passesLabels } from './filters.ts';
import { parsePortSpec } from './ports.ts';
import { parseSecret, parseSsh } from './secrets.ts';
import { parseMoment, parseNumber, parseTail } from './times.ts';
import { parseVolumeSpec } from './volumes.ts';

const usage = { code: 'USAGE' };

describe('parsePortSpec()', () => {
  const specs: readonly (readonly [string, readonly object[]])[] = [
    ['80', [{ containerPort: 80, protocol: 'tcp' }]],
    ['8080:80', [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }]],
    ['8080:80/udp', [{ hostPort: 8080, containerPort: 80, protocol: 'udp' }]],
    ['127.0.0.1:8080:80', [{ hostIp: '127.0.0.1', hostPort: 8080, containerPort: 80, protocol: 'tcp' }]],
    ['127.0.0.1::80', [{ hostIp: '127.0.0.1', containerPort: 80, protocol: 'tcp' }]],
    ['0:80', [{ containerPort: 80, protocol: 'tcp' }]],
    ['[::1]:8080:80', [{ hostIp: '::1', hostPort: 8080, containerPort: 80, protocol: 'tcp' }]],
    [
      '8000-8001:80-81',
      [
        { hostPort: 8000, containerPort: 80, protocol: 'tcp' },
        { hostPort: 8001, containerPort: 81, protocol: 'tcp' },
      ],
    ],
  ];
  for (const [spec, expected] of specs) {
    test(`parsePortSpec() reads ${spec}`, () => assert.deepEqual(parsePortSpec(spec), expected));
  }
  for (const spec of [
    '',
    'a',
    '80:',
    '65536',
    '80/icmp',
    '1:2:3:4',
    '::1:80:80',
    'localhost:80:80',
    '80-81:80',
    '81-80',
    '1-65535',
    '-1',
    '[::1]:80',
    '[127.0.0.1]:80:80',
  ]) {
    test(`parsePortSpec() refuses ${JSON.stringify(spec)}`, () => assert.throws(() => parsePortSpec(spec), usage));
  }
  test('parsePortSpec() answers or refuses, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('1', '8', '0', ':', '-', '/', 't', 'c', 'p', '[', ']', '.') }),
        (text) => {
          try {
            return parsePortSpec(text).length > 0;
          } catch (error) {
            return (error as { code?: string }).code === 'USAGE';
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('parseVolumeSpec()', () => {
  const here = { cwd: '/project', home: '/home/me' };
  const specs: readonly (readonly [string, object])[] = [
    ['/data', { kind: 'anonymous', target: '/data', readOnly: false, noCopy: false }],
    ['cache:/data', { kind: 'volume', name: 'cache', target: '/data', readOnly: false, noCopy: false }],
    [
      'cache:/data:ro,nocopy',
      { kind: 'volume', name: 'cache', target: '/data', readOnly: true, noCopy: true, mode: 'ro,nocopy' },
    ],
    ['/srv/x:/data:Z', { kind: 'bind', source: '/srv/x', target: '/data', readOnly: false, mode: 'Z' }],
    ['.:/src:ro', { kind: 'bind', source: '/project', target: '/src', readOnly: true, mode: 'ro' }],
    ['../up:/src', { kind: 'bind', source: '/up', target: '/src', readOnly: false }],
    ['~/x:/src', { kind: 'bind', source: '/home/me/x', target: '/src', readOnly: false }],
  ];
  for (const [spec, expected] of specs) {
    test(`parseVolumeSpec() reads ${spec}`, () => assert.deepEqual(parseVolumeSpec(spec, here), expected));
  }
  for (const spec of [
    '',
    'data',
    'a:b',
    'x/y:/data',
    '/a:/b:ro:rw',
    '/a:/b:rro',
    '/a:/b:ro,rw',
    'a:/b:rshared',
    '/a:/',
    '/a:/../',
    ':/data',
    '.:/d:nocopy',
  ]) {
    test(`parseVolumeSpec() refuses ${JSON.stringify(spec)}`, () => {
      assert.throws(() => parseVolumeSpec(spec, here), usage);
    });
  }
});

describe('assignments', () => {
  const environment = { HOME: '/root', EMPTY: '' };

  test('parseAssignments() takes values as they stand and looks names up', () => {
    assert.deepEqual(parseAssignments('--env', ['A=b=c', 'HOME', 'EMPTY', 'UNSET', 'A=', 'Q="x"'], environment), {
      A: '',
      HOME: '/root',
      EMPTY: '',
      Q: '"x"',
    });
    assert.throws(() => parseAssignments('--env', ['=x'], environment), usage);
    assert.throws(() => parseAssignments('--env', [''], environment), usage);
  });

  test('parseLabels() lets a key stand alone', () => {
    assert.deepEqual(parseLabels(['a', 'b=c=d', 'a=2']), { a: '2', b: 'c=d' });
    assert.throws(() => parseLabels(['=x']), usage);
  });

  test('parseEnvFile() reads comments, blanks, CR LF and values with quotes as docker does', () => {
    const text = '# comment\r\n\r\n  A=1 \r\nB="two words"\nHOME\n#C=3\nD=a#b';
    assert.deepEqual(parseEnvFile(text, 'env'), ['A=1 ', 'B="two words"', 'HOME', 'D=a#b']);
  });

  test('parseEnvFile() names file and line of a bad name', () => {
    assert.throws(() => parseEnvFile('A=1\nB C=2\n', 'my.env'), { code: 'USAGE', message: /^my\.env:2: / });
    assert.throws(() => parseEnvFile('=1', 'my.env'), { code: 'USAGE', message: /^my\.env:1: / });
  });

  test('readEnvironment() lets -e win over --env-file, and strips a byte order mark', () => {
    const folder = mkdtempSync(join(tmpdir(), 'shale-env-'));
    try {
      const file = join(folder, 'env');
      writeFileSync(file, '\uFEFFA=file\nB=file\n');
      assert.deepEqual(readEnvironment(['A=flag'], [file], environment), { A: 'flag', B: 'file' });
      writeFileSync(file, Buffer.from([0x41, 0x3d, 0xff]));
      assert.throws(() => readEnvironment([], [file], environment), usage);
      assert.throws(() => readEnvironment([], [join(folder, 'absent')], environment), usage);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('times and numbers', () => {
  test('parseMoment() reads spans, seconds and dates', () => {
    assert.equal(parseMoment('--since', '10m', 1_000_000), 400_000);
    assert.equal(parseMoment('--since', '12.5', 0), 12_500);
    assert.equal(parseMoment('--since', '2026-01-02', 0), Date.UTC(2026, 0, 2));
    assert.equal(parseMoment('--since', '2026-01-02T03:04:05', 0), Date.UTC(2026, 0, 2, 3, 4, 5));
    assert.equal(parseMoment('--since', '2026-01-02T03:04:05+01:00', 0), Date.UTC(2026, 0, 2, 2, 4, 5));
    for (const text of ['', 'yesterday', '2026-13-01', '1 m']) {
      assert.throws(() => parseMoment('--since', text, 0), usage);
    }
  });

  test('parseNumber() and parseTail() keep to their range', () => {
    assert.equal(parseNumber('--time', '-1', { min: -1, max: 10 }), -1);
    assert.equal(parseTail('all'), undefined);
    assert.equal(parseTail('0'), 0);
    for (const text of ['', 'x', '1.5', '11', '1e1', '-2']) {
      assert.throws(() => parseNumber('--time', text, { min: -1, max: 10 }), usage);
    }
  });
});

describe('filters', () => {
  test('parseFilters() gathers values by key and refuses unknown keys', () => {
    const filters = parseFilters(['name=a', 'name=b', 'label=x=y'], ['name', 'label']);
    assert.deepEqual(filters.get('name'), ['a', 'b']);
    assert.equal(
      passes(filters, 'name', (value) => value === 'b'),
      true,
    );
    assert.equal(
      passes(filters, 'status', () => false),
      true,
    );
    assert.equal(passesLabels(filters, { x: 'y' }), true);
    assert.equal(passesLabels(filters, { x: 'z' }), false);
    assert.equal(passesLabels(parseFilters(['label=x'], ['label']), { x: 'z' }), true);
    assert.throws(() => parseFilters(['lable=x'], ['label']), { code: 'USAGE', hint: 'did you mean label?' });
    assert.throws(() => parseFilters(['label'], ['label']), usage);
  });
});

describe('parseSecret()', () => {
  const at = { cwd: '/work', env: { TOKEN: 'x', key: 'y' } };

  test('parseSecret() reads files and variables as buildx does', () => {
    const cases: readonly (readonly [string, object])[] = [
      ['id=a,src=f', { kind: 'file', id: 'a', path: '/work/f' }],
      ['id=a,source=/f,type=file', { kind: 'file', id: 'a', path: '/f' }],
      ['type=env,id=a,src=TOKEN', { kind: 'env', id: 'a', name: 'TOKEN' }],
      ['id=a,env=TOKEN', { kind: 'env', id: 'a', name: 'TOKEN' }],
      ['id=TOKEN', { kind: 'env', id: 'TOKEN', name: 'TOKEN' }],
      ['id=npmrc', { kind: 'file', id: 'npmrc', path: '/work/npmrc' }],
      ['id=key,type=file', { kind: 'file', id: 'key', path: '/work/key' }],
      ['id=a,"src=with,comma"', { kind: 'file', id: 'a', path: '/work/with,comma' }],
    ];
    for (const [word, expected] of cases) assert.deepEqual(parseSecret(word, at), expected, word);
  });

  test('F-221: parseSecret() refuses the rest and never shows what was typed', () => {
    for (const word of [
      '',
      'hunter2',
      'src=hunter2',
      'id=,src=hunter2',
      'id=a,hunter2',
      'id=a,value=hunter2',
      '"hunter2',
    ])
      assert.throws(
        () => parseSecret(word, at),
        (error) => isShaleError(error, 'USAGE') && !error.message.includes('hunter2'),
        word,
      );
    assert.throws(() => parseSecret('id=a,type=x', at), /no type "x"/);
  });
});

test('parseSsh() reads agents and keys as buildx does', () => {
  const at = { cwd: '/work', env: { SSH_AUTH_SOCK: '/run/agent' } };
  assert.deepEqual(parseSsh('default', at), { id: 'default', paths: ['/run/agent'] });
  assert.deepEqual(parseSsh('github=keys/a,/b', at), { id: 'github', paths: ['/work/keys/a', '/b'] });
  assert.throws(() => parseSsh('=x', at), usage);
  assert.throws(() => parseSsh('default', { cwd: '/', env: {} }), /SSH_AUTH_SOCK is not set/);
});
