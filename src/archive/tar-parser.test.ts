import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareBytes, isShaleError, ShaleError, streamOf } from '../base/index.ts';
import { ENTRIES_MAX, PATH_BYTES_MAX } from './limits.ts';
import { readTar } from './read-tar.ts';
import {
  base256,
  body,
  entry,
  GNU,
  header,
  member,
  octal,
  parse,
  parseChunks,
  paths,
  pax,
  rawPax,
  tar,
} from './tar-parser.fixture.ts';
import { isTar } from './tar-header.ts';
import { TarParser, type TarReadOptions } from './tar-parser.ts';
import { encodeTarHeader, TAR_END, tarPadding } from './write-tar.ts';

/** Fails unless parsing fails with `code` and says where; returns the error. */
function refused(bytes: Uint8Array, code: string, options: TarReadOptions = {}): ShaleError {
  try {
    parse(bytes, options);
  } catch (error) {
    assert.ok(isShaleError(error, code), `expected ${code}, got ${String(error)}`);
    assert.equal(typeof error.data['offset'], 'number');
    assert.match(error.message, /at byte \d+: /);
    return error;
  }
  return assert.fail(`a tar was accepted that should fail with ${code}`);
}

const A = member({ name: 'a' }, 'content of a');
const B = member({ name: 'b' }, 'content of b');

test('F-001: a wrong checksum in entry 2 of 5 is refused with its byte offset', () => {
  const bytes = tar(A, member({ name: 'b', checksum: '0001234\0' }, 'x'), A, A, A);
  const error = refused(bytes, 'TAR_CHECKSUM');
  assert.equal(error.data['offset'], 1024);
  assert.match(error.message, /tar at byte 1024: header checksum is wrong/);
});

test('TarParser accepts checksums that were summed as signed bytes', () => {
  const block = header({ name: '\xff\xfe' });
  const unsigned = Number.parseInt(block.toString('latin1', 148, 154), 8);
  block.write(octal(unsigned - 512, 6), 148, 'latin1');
  assert.deepEqual(paths(tar(block)), ['\xff\xfe']);
});

test('F-002: a negative size is refused, whatever the type of the entry', () => {
  for (const type of ['0', '5', '2', 'V', 'x', 'L']) {
    refused(tar(header({ type, link: 'x', size: base256(-1n) }), A), 'TAR_NUMBER');
    refused(tar(header({ type, link: 'x', size: base256(-(2n ** 63n)) }), A), 'TAR_NUMBER');
  }
  refused(tar(header({ size: '-0000000001' }), A), 'TAR_NUMBER');
  refused(tar(header({ size: base256(2n ** 70n) }), A), 'TAR_NUMBER');
});

test('TarParser reads octal numbers as all others do, and refuses those that are read in two ways', () => {
  const size = (field: string): number | undefined => parse(tar(header({ size: field }))).entries[0]?.sizeBytes;
  for (const field of ['00000000000\0', '           0', '\0\0\0\0\0\0\0\0\0\0\0\0', '            ']) {
    assert.equal(size(field), 0, JSON.stringify(field));
  }
  assert.equal(parse(tar(header({ size: '     14 \0' }), body('x'.repeat(12)))).entries[0]?.sizeBytes, 12);
  assert.equal(parse(tar(header({ size: '14\0garbage' }), body('x'.repeat(12)))).entries[0]?.sizeBytes, 12);
  for (const field of ['\0\0\0\0\0\0\x000014', '1 4', '18', '0x1', '1.', '-1']) {
    refused(tar(header({ size: field }), A), 'TAR_NUMBER');
  }
});

test('F-004: the size of a PAX header wins over the header, in both directions', () => {
  const inner = Buffer.concat([member({ name: 'hidden' }, 'smuggled'), member({ name: 'hidden2' })]);
  const larger = tar(pax({ size: String(inner.length) }), header({ name: 'outer', size: 0 }), body(inner), B);
  const { entries, contents } = parse(larger);
  assert.deepEqual(
    entries.map(({ path, sizeBytes }) => [path, sizeBytes]),
    [
      ['outer', inner.length],
      ['b', 12],
    ],
  );
  assert.deepEqual(contents[0], inner);
  assert.equal(parse(tar(pax({ size: '000000000000000000000012' }), A)).entries[0]?.sizeBytes, 12);
  const smaller = tar(pax({ size: '0' }), header({ name: 'outer', size: inner.length }), body(inner), B);
  assert.deepEqual(paths(smaller), ['outer', 'hidden', 'hidden2', 'b']);
});

test('F-006: a NUL in a PAX path or linkpath is refused', () => {
  refused(tar(pax({ path: 'a\0b' }), A), 'TAR_PATH');
  refused(tar(pax({ linkpath: 'a\0b' }), member({ type: '2', link: 'x' })), 'TAR_PATH');
  refused(tar(pax({ 'GNU.sparse.name': 'a\0b' }), A), 'TAR_PATH');
});

test('F-007: malformed PAX records are refused', () => {
  const malformed = {
    'wrong length': '20 path=abc\n',
    'length too short': '9 path=abc\n',
    'no newline': '11 path=abcd',
    'no equals sign': '10 pathabc\n',
    'length 0': '0 path=abc\n',
    'length past the end': '99999999999999999999 path=abc\n',
    'no length': ' path=abc\n',
    'letters as length': 'ab path=abc\n',
    'hexadecimal length': '0xb path=abc\n',
    'negative length': '-11 path=abc\n',
    'no keyword': '7 =abc\n',
    'NUL in keyword': '10 pa\0h=ab\n',
    'a rest of zeros': '11 path=abc\n\0\0',
  };
  for (const [what, text] of Object.entries(malformed)) {
    assert.throws(() => parse(tar(rawPax(text), A)), { code: 'TAR_HEADER' }, what);
    assert.throws(() => parse(tar(rawPax(text, 'g'), A)), { code: 'TAR_HEADER' }, `${what}, global`);
  }
});

test('F-009: a PAX header of 100 MiB is refused by its size, one of many records is read', () => {
  const error = refused(tar(header({ type: 'x', size: 100 * 1024 * 1024 })), 'TAR_LIMIT');
  assert.match(error.message, /104857600 bytes, more than 1048576/);
  refused(tar(header({ type: 'g', size: 1024 * 1024 + 1 })), 'TAR_LIMIT');
  refused(tar(header({ type: 'L', size: 1024 * 1024 + 1 })), 'TAR_LIMIT');
  const text = '6 a=b\n'.repeat(170_000);
  assert.deepEqual(paths(tar(rawPax(text), A)), ['a']);
});

test('F-012: a global PAX header changes no entry, and a comment or mtime in it is accepted', () => {
  const global = pax({ path: 'evil', size: '99', linkpath: 'x', uid: '7', comment: 'c', mtime: '1' }, 'g');
  const { entries, warnings } = parse(tar(global, A, B));
  assert.deepEqual(
    entries.map(({ path, sizeBytes, uid, mtimeNs }) => [path, sizeBytes, uid, mtimeNs]),
    [
      ['a', 12, 0, 0n],
      ['b', 12, 0, 0n],
    ],
  );
  assert.deepEqual(
    warnings.map(({ code, message }) => [code, message]),
    [
      [
        'TAR_RECORD_IGNORED',
        'tar at byte 0: global extended header sets path, linkpath, size, uid, mtime, which is not applied',
      ],
    ],
  );
  assert.deepEqual(parse(tar(pax({ comment: 'a git commit' }, 'g'), A)).warnings, []);
});

test('F-013: an empty name is refused; ".", "./" and "/" are the root directory', () => {
  for (const name of ['.', './', '/', './/.', '/./']) {
    const { entries } = parse(tar(member({ name, type: '5', mode: '0000750\0' })));
    assert.deepEqual(
      entries.map(({ path, kind, mode }) => [path, kind, mode]),
      [['', 'directory', 0o750]],
      name,
    );
  }
  for (const type of ['0', '5']) refused(tar(member({ name: '', type })), 'TAR_PATH');
});

test('TarParser leaves out files that are named like the root where docker does, and reads on', () => {
  for (const name of ['', '.', 'a/..']) {
    const { entries, warnings } = parse(tar(member({ name }, 'content'), A), { skipRootFiles: true });
    assert.deepEqual(
      entries.map(({ path }) => path),
      paths(tar(A)),
      name,
    );
    assert.equal(warnings.length, 1);
  }
  refused(tar(member({ name: '../x' })), 'TAR_PATH', { skipRootFiles: true });
  refused(tar(member({ name: '.', type: '2', link: 'x' })), 'TAR_PATH', { skipRootFiles: true });
});

test('isTar() tells a tar by the checksum of its first header', () => {
  assert.equal(isTar(tar(A)), true);
  assert.equal(isTar(tar(member({ name: '../evil' }))), true);
  assert.equal(isTar(tar(A).subarray(0, 511)), false);
  assert.equal(isTar(Buffer.alloc(1024)), false);
  assert.equal(isTar(Buffer.alloc(1024, 'text ')), false);
});

test('F-014: a root entry that is no directory is refused', () => {
  for (const name of ['.', './', '/', 'a/..']) {
    for (const type of ['1', '2', '3', '6']) refused(tar(member({ name, type, link: 'x' })), 'TAR_PATH');
  }
  refused(tar(member({ name: '.' }, 'content')), 'TAR_PATH');
  refused(tar(member({ name: '.' })), 'TAR_PATH');
});

test('F-015: a name of 4097 bytes, a component of 256 bytes and 2100 components are refused', () => {
  const long = 'd/'.repeat(20) + `${'n'.repeat(200)}/`.repeat(20);
  const named = (path: string): Buffer => tar(pax({ path }), A);
  const gnu = (path: string): Buffer => tar(member({ type: 'L', name: '././@LongLink', magic: GNU }, `${path}\0`), A);
  for (const build of [named, gnu]) {
    assert.equal(paths(build(long.padEnd(PATH_BYTES_MAX, 'x')))[0]?.length, PATH_BYTES_MAX);
    for (const path of [long.padEnd(PATH_BYTES_MAX + 1, 'x'), 'x'.repeat(256), `${'a/'.repeat(2100)}a`]) {
      assert.match(refused(build(path), 'TAR_PATH').message, /ENAMETOOLONG/);
    }
    assert.deepEqual(paths(build('x'.repeat(255))), ['x'.repeat(255)]);
    refused(build(`${'a/'.repeat(500_000)}a`), 'TAR_PATH');
  }
});

test('F-016: names that are not UTF-8 are kept byte for byte', () => {
  const koi8 = '\xf0\xd2\xc9\xd7\xc5\xd4';
  for (const name of ['\xff\xfe', koi8, '\x8f\xe0\xa8\xa2\xa5\xe2', 'caf\xe9', 'a\nb', ' ', '\\x']) {
    assert.deepEqual(paths(tar(member({ name }))), [name]);
    assert.deepEqual(paths(tar(pax({ path: name, hdrcharset: 'BINARY' }), A)), [name]);
    assert.deepEqual(paths(Buffer.concat([encodeTarHeader(entry({ path: name }))])), [name]);
  }
});

test('F-019: one zero block, then a header: refused; no end, or half an end: accepted, as by Go', () => {
  refused(Buffer.concat([A, Buffer.alloc(512), B]), 'TAR_HEADER');
  refused(Buffer.concat([Buffer.alloc(512), A]), 'TAR_HEADER');
  assert.deepEqual(paths(A), ['a']);
  assert.deepEqual(paths(Buffer.concat([A, Buffer.alloc(512)])), ['a']);
  assert.deepEqual(paths(Buffer.alloc(0)), []);
  assert.deepEqual(paths(TAR_END), []);
});

test('F-020: bytes after the end of the archive are read over', () => {
  const junk = Buffer.alloc(100_001, 0xa5);
  for (const tail of [junk, A, Buffer.alloc(10 * 1024 * 1024)]) {
    const parser = new TarParser({ entry: () => {} });
    parser.write(tar(A));
    parser.write(tail);
    parser.end();
    assert.equal(parser.bytes, tar(A).length + tail.length);
    assert.deepEqual(paths(Buffer.concat([tar(A), tail])), ['a']);
  }
});

test('F-021: a tar cut in a header or in content is refused, one cut in padding is accepted', () => {
  const bytes = Buffer.concat([A, B]);
  const contentEnds = [512 + 12, 1024 + 512 + 12];
  for (let length = 1; length < bytes.length; length++) {
    const inHeader = length % 1024 > 0 && length % 1024 < 512;
    const inContent = contentEnds.some((end) => length >= end - 12 && length < end);
    const cut = bytes.subarray(0, length);
    if (inHeader || inContent) {
      assert.match(refused(cut, 'TAR_TRUNCATED').message, /unexpected end of archive/);
    } else assert.doesNotThrow(() => parse(cut), String(length));
  }
  for (const cut of [pax({ path: 'x' }), member({ type: 'L' }, 'x'.repeat(600)), member({ type: 'V' }, 'x')]) {
    refused(cut.subarray(0, 512), 'TAR_TRUNCATED');
  }
});

test('F-022: GNU and star sparse headers, with and without extension blocks', () => {
  const slots = (pairs: readonly (readonly [number, number])[]): string =>
    pairs.map(([offset, length]) => `${octal(offset, 11)}\0${octal(length, 11)}\0`).join('');
  const gnu = header({
    type: 'S',
    magic: GNU,
    size: 10,
    patches: [
      [
        386,
        slots([
          [0, 5],
          [1000, 5],
          [2000, 0],
        ]),
      ],
      [483, `${octal(2000, 11)}\0`],
    ],
  });
  const star = header({
    type: 'S',
    size: 10,
    patches: [
      [
        356,
        slots([
          [0, 5],
          [1000, 5],
          [2000, 0],
        ]),
      ],
      [452, `${octal(2000, 11)}\0`],
      [508, 'tar\0'],
    ],
  });
  for (const block of [gnu, star]) {
    const { entries, contents } = parse(tar(block, body('0123456789'), B));
    assert.deepEqual(entries[0]?.sparse, [
      { offset: 0, lengthBytes: 5 },
      { offset: 1000, lengthBytes: 5 },
    ]);
    assert.equal(entries[0]?.sizeBytes, 2000);
    assert.equal(entries[0]?.storedBytes, 10);
    assert.equal(contents[0]?.toString(), '0123456789');
    assert.equal(entries[1]?.path, 'b');
  }
  const many = Array.from({ length: 30 }, (_, i): [number, number] => [i * 100, 1]);
  const first = header({
    type: 'S',
    magic: GNU,
    size: 30,
    patches: [
      [386, slots(many.slice(0, 4))],
      [482, '\x01'],
      [483, `${octal(3000, 11)}\0`],
    ],
  });
  const extension = (pairs: readonly (readonly [number, number])[], more: number): Buffer => {
    const block = Buffer.alloc(512);
    block.write(slots(pairs), 'latin1');
    block[504] = more;
    return block;
  };
  const extended = tar(first, extension(many.slice(4, 25), 1), extension(many.slice(25), 0), body('x'.repeat(30)), B);
  for (const step of [extended.length, 512, 7]) {
    const { entries } = parse(extended, {}, step);
    assert.equal(entries[0]?.sparse?.length, 30);
    assert.equal(entries[0]?.dataOffset, 3 * 512);
    assert.equal(entries[1]?.path, 'b');
  }
});

test('F-022: PAX sparse versions 0.0, 0.1 and 1.0', () => {
  const versions = {
    '0.0': pax([
      ['GNU.sparse.size', '2000'],
      ['GNU.sparse.numblocks', '2'],
      ['GNU.sparse.offset', '0'],
      ['GNU.sparse.numbytes', '5'],
      ['GNU.sparse.offset', '1000'],
      ['GNU.sparse.numbytes', '5'],
    ]),
    '0.1': pax({
      'GNU.sparse.name': 'real/name',
      'GNU.sparse.size': '2000',
      'GNU.sparse.numblocks': '2',
      'GNU.sparse.map': '0,5,1000,5',
    }),
    '1.0': pax({
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': 'real/name',
      'GNU.sparse.realsize': '2000',
    }),
  };
  for (const [version, extended] of Object.entries(versions)) {
    const content =
      version === '1.0' ? Buffer.concat([body('2\n0\n5\n1000\n5\n'), body('0123456789')]) : body('0123456789');
    const stored = version === '1.0' ? 522 : 10;
    const bytes = tar(extended, header({ name: 'GNUSparseFile.0/name', size: stored }), content, B);
    for (const step of [bytes.length, 512, 11]) {
      const { entries, contents } = parse(bytes, {}, step);
      assert.equal(entries[0]?.path, version === '0.0' ? 'GNUSparseFile.0/name' : 'real/name');
      assert.deepEqual(entries[0].sparse, [
        { offset: 0, lengthBytes: 5 },
        { offset: 1000, lengthBytes: 5 },
      ]);
      assert.equal(entries[0].storedBytes, 10);
      assert.equal(entries[0].dataOffset % 512, 0);
      assert.equal(bytes.toString('latin1', entries[0].dataOffset, entries[0].dataOffset + 10), '0123456789');
      assert.equal(contents[0]?.toString(), '0123456789');
      assert.equal(entries[1]?.path, 'b');
    }
  }
});

test('TarParser refuses sparse maps that do not add up', () => {
  const sparse = (records: Record<string, string>, size = 10): Buffer =>
    tar(pax({ 'GNU.sparse.size': '2000', ...records }), header({ size }), body('x'.repeat(size)));
  for (const map of ['0,5,1000,4', '0,5,4,5', '1000,5,0,5', '0,5,1996,5', '0,5,1000', '0,10,3000,0', '0,5,5']) {
    refused(sparse({ 'GNU.sparse.map': map }), 'TAR_HEADER');
  }
  refused(sparse({ 'GNU.sparse.map': '0,9007199254740993' }), 'TAR_NUMBER');
  refused(sparse({ 'GNU.sparse.map': '-5,5' }), 'TAR_NUMBER');
  refused(sparse({ 'GNU.sparse.map': '0,10', 'GNU.sparse.numblocks': '2' }), 'TAR_HEADER');
  refused(sparse({ 'GNU.sparse.major': '2', 'GNU.sparse.minor': '0' }), 'TAR_HEADER');
  refused(sparse({ 'GNU.sparse.map': '0,10', 'GNU.sparse.size': String(2 ** 52) }), 'TAR_LIMIT');
  refused(tar(pax({ 'GNU.sparse.map': '0,12' }), A), 'TAR_HEADER');
  const mapped = (map: string, size = 512 + 10): Buffer =>
    tar(
      pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '2000' }),
      header({ size }),
      body(map),
      body('x'.repeat(10)),
    );
  refused(mapped('2\n0\n5\n'), 'TAR_HEADER');
  refused(mapped('\n'), 'TAR_HEADER');
  refused(mapped('-1\n'), 'TAR_HEADER');
  refused(mapped('100000000\n'), 'TAR_LIMIT');
  refused(mapped('1\n0\n10\n', 10), 'TAR_HEADER');
  refused(mapped(`1\n0\n${'0'.repeat(400)}10\n`), 'TAR_HEADER');
  refused(tar(header({ type: 'S', size: 0 })), 'TAR_HEADER');
});

test('F-024: V7, star and ustar names are read with their own prefix rules', () => {
  const v7 = header({ name: 'v7name', magic: '', prefix: 'not/a/prefix' });
  const ustar = header({ name: 'name', prefix: 'p'.repeat(155) });
  const star = header({
    name: 'name',
    prefix: 'p'.repeat(131),
    patches: [
      [476, '00000000001'],
      [508, 'tar\0'],
    ],
  });
  const gnu = header({ name: 'name', magic: GNU, patches: [[345, '00000000001\x0000000000002\0']] });
  assert.deepEqual(paths(tar(v7)), ['v7name']);
  assert.deepEqual(paths(tar(ustar)), [`${'p'.repeat(155)}/name`]);
  assert.deepEqual(paths(tar(star)), [`${'p'.repeat(131)}/name`]);
  assert.deepEqual(paths(tar(gnu)), ['name']);
  const oldGo = header({ name: 'name', magic: GNU, prefix: 'directory/of/go' });
  assert.deepEqual(paths(tar(oldGo)), ['directory/of/go/name']);
});

test('F-024: GNU dumps are directories; volume labels, continuations and unknown types are left out with a warning', () => {
  const { entries, warnings } = parse(
    tar(
      member({ type: 'V', name: 'label', magic: GNU }),
      member({ type: 'M', name: '../continued', magic: GNU }, 'x'.repeat(700)),
      member({ type: 'D', name: 'dump/', magic: GNU }, 'Yfile\0\0'),
      member({ type: 'A', name: 'acl' }, 'user::rwx'),
      member({ type: 's', name: 'socket' }),
      member({ type: 'N', name: 'oldname' }, 'Rename a to b\n'),
      member({ type: '\xff', name: 'odd' }),
      member({ type: '7', name: 'contiguous' }, 'content'),
      B,
    ),
  );
  assert.deepEqual(
    entries.map(({ path, kind, sizeBytes }) => [path, kind, sizeBytes]),
    [
      ['dump', 'directory', 0],
      ['contiguous', 'file', 7],
      ['b', 'file', 12],
    ],
  );
  assert.deepEqual(
    warnings.map(({ code, entry }) => [code, entry]),
    ['label', '../continued', 'acl', 'socket', 'oldname', 'odd'].map((name) => ['TAR_TYPE_SKIPPED', name]),
  );
});

test('F-024: a Solaris X header is read as a PAX header', () => {
  assert.deepEqual(paths(tar(rawPax('13 path=solx\n', 'X'), A)), ['solx']);
});

test('TarParser does not carry the headers of an entry that is left out to the next one', () => {
  const { entries } = parse(tar(pax({ path: 'evil', uid: '7' }), member({ type: 'V' }), A));
  assert.deepEqual([entries[0]?.path, entries[0]?.uid], ['a', 0]);
});

test('F-025: times are kept to the nanosecond and checked for range', () => {
  const timed = (mtime: string): bigint | undefined => parse(tar(pax({ mtime }), A)).entries[0]?.mtimeNs;
  assert.equal(timed('1700000000.123456789'), 1700000000123456789n);
  assert.equal(timed('1700000000.1234567899999'), 1700000000123456789n);
  assert.equal(timed('-1'), -1_000_000_000n);
  assert.equal(timed('-1.5'), -1_500_000_000n);
  assert.equal(timed('8589934592'), 8_589_934_592_000_000_000n);
  assert.equal(timed('5.'), 5_000_000_000n);
  assert.equal(timed('0000000000000000000000005'), 5_000_000_000n);
  assert.equal(timed(''), 0n);
  for (const bad of [
    'nan',
    'NaN',
    'inf',
    '1e9',
    '0x10',
    '.5',
    '+1',
    ' 1',
    '1 ',
    '--1',
    '1.2.3',
    '9000000000000000000',
  ]) {
    refused(tar(pax({ mtime: bad }), A), 'TAR_NUMBER');
  }
  const inHeader = (mtime: string | Uint8Array): bigint | undefined =>
    parse(tar(member({ mtime }))).entries[0]?.mtimeNs;
  assert.equal(inHeader(base256(-1n)), -1_000_000_000n);
  assert.equal(inHeader(base256(2n ** 33n)), 2n ** 33n * 1_000_000_000n);
  assert.equal(inHeader('77777777777\0'), (8n ** 11n - 1n) * 1_000_000_000n);
  refused(tar(member({ mtime: base256(9_000_000_000_000_000_000n) })), 'TAR_NUMBER');
  refused(tar(member({ mtime: 'yesterday' })), 'TAR_NUMBER');
});

test('F-026: ids up to 2^32 - 2 are exact, larger and negative ones are refused', () => {
  const ids = (uid: bigint): number[] => {
    const { entries } = parse(
      tar(
        member({ uid: base256(uid, 8), gid: base256(uid, 8) }),
        pax({ uid: String(uid), gid: String(uid) }),
        member({}),
      ),
    );
    return entries.flatMap((read) => [read.uid, read.gid]);
  };
  for (const uid of [0n, 2097151n, 2097152n, 2n ** 31n, 2n ** 32n - 2n]) {
    assert.deepEqual(ids(uid), [Number(uid), Number(uid), Number(uid), Number(uid)]);
  }
  for (const uid of [2n ** 32n - 1n, 2n ** 32n, 2n ** 40n, -1n]) {
    refused(tar(member({ uid: base256(uid, 8) })), 'TAR_NUMBER');
    refused(tar(member({ gid: base256(uid, 8) })), 'TAR_NUMBER');
    refused(tar(pax({ uid: String(uid) }), A), 'TAR_NUMBER');
    refused(tar(pax({ gid: String(uid) }), A), 'TAR_NUMBER');
  }
});

test('F-027: duplicate entries come out in the order of the tar', () => {
  const bytes = tar(A, A, member({ name: 'a', type: '5' }), member({ name: 'a', type: '2', link: '/etc' }), A);
  assert.deepEqual(
    parse(bytes).entries.map(({ path, kind }) => [path, kind]),
    [
      ['a', 'file'],
      ['a', 'file'],
      ['a', 'directory'],
      ['a', 'symlink'],
      ['a', 'file'],
    ],
  );
});

test('F-028: a million empty files are read in linear time and constant memory', () => {
  const count = 100_000;
  const chunk = Buffer.concat(Array.from({ length: 1000 }, (_, i) => header({ name: `dir/file-${i}` })));
  const measure = (entries: number): { ms: number; grown: number } => {
    let seen = 0;
    const parser = new TarParser({ entry: () => seen++ });
    const before = process.memoryUsage().rss;
    const start = performance.now();
    for (let i = 0; i < entries; i += 1000) parser.write(chunk);
    parser.end();
    assert.equal(seen, entries);
    return { ms: performance.now() - start, grown: process.memoryUsage().rss - before };
  };
  measure(count);
  const small = Math.min(measure(count).ms, measure(count).ms);
  const large = measure(10 * count);
  assert.ok(large.ms <= 20 * small, `${large.ms} ms for ten times the entries of ${small} ms`);
  assert.ok(large.grown < 150 * 1024 * 1024, `memory grew by ${large.grown} bytes`);
});

test('F-031: names that leave the root are refused', () => {
  for (const name of ['../../evil', 'a/../../evil', '..', './../x', '/../x', '../', 'a/b/../../../c']) {
    assert.match(refused(tar(member({ name })), 'TAR_PATH').message, /leaves the root/);
  }
  assert.deepEqual(paths(tar(member({ name: 'a/../b' }), member({ name: '/abs//x/./y' }), member({ name: 'a..b' }))), [
    'b',
    'abs/x/y',
    'a..b',
  ]);
});

test('F-038: hard link targets are clean, and those that leave the root are refused', () => {
  const link = (target: string): Buffer => tar(member({ name: 'x', type: '1', link: target }));
  assert.equal(parse(link('/usr//bin/./perl')).entries[0]?.linkTarget, 'usr/bin/perl');
  assert.equal(parse(link('./a')).entries[0]?.linkTarget, 'a');
  for (const target of ['../../etc/passwd', '..', '.', '/', '']) refused(link(target), 'TAR_PATH');
});

test('TarParser gives symlink targets verbatim', () => {
  for (const target of ['../../etc/passwd', '/', '.', 'a//b/./', '\xff']) {
    assert.equal(parse(tar(member({ name: 'x', type: '2', link: target }))).entries[0]?.linkTarget, target);
  }
  refused(tar(member({ name: 'x', type: '2' })), 'TAR_PATH');
  refused(tar(pax({ linkpath: 'x'.repeat(4097) }), member({ type: '2', link: 'x' })), 'TAR_PATH');
});

test('F-054: names that are invalid as whiteouts are refused in a layer and accepted elsewhere', () => {
  for (const name of ['.wh..', 'etc/.wh..', '.wh...', 'etc/.wh...', '.wh.', 'etc/.wh.', '.wh./x']) {
    refused(tar(member({ name })), 'TAR_PATH', { whiteouts: true });
    assert.deepEqual(paths(tar(member({ name }))), [name]);
  }
  const valid = ['.wh.x', '.wh..x', '.wh..wh..opq', 'etc/.wh..wh.plnk', '.wh....', 'a.wh.', '.wh'];
  assert.deepEqual(paths(tar(...valid.map((name) => member({ name }))), { whiteouts: true }), valid);
});

test('F-047: extended attributes come as bytes; overlay attributes and those of no namespace are dropped', () => {
  const { entries, warnings } = parse(
    tar(
      pax([
        ['SCHILY.xattr.security.capability', '\x01\0\0\x02\0 \n=\0\xff'],
        ['SCHILY.xattr.user.empty', ''],
        ['SCHILY.xattr.trusted.overlay.opaque', 'y'],
        ['SCHILY.xattr.user.overlay.redirect', '/etc'],
        ['SCHILY.xattr.nonamespace', 'x'],
        ['LIBARCHIVE.xattr.user.b%2Fc', 'AAEC/w'],
        ['LIBARCHIVE.xattr.user.empty', 'AAEC'],
        ['SCHILY.acl.access', 'user::rwx'],
      ]),
      A,
      B,
    ),
  );
  assert.deepEqual(
    [...(entries[0]?.xattrs ?? [])].map(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
    [
      ['security.capability', '\x01\0\0\x02\0 \n=\0\xff'],
      ['user.empty', ''],
      ['user.b/c', '\0\x01\x02\xff'],
    ],
  );
  assert.equal(entries[1]?.xattrs.size, 0);
  assert.equal(warnings.length, 4);
  assert.ok(warnings.every(({ code, entry }) => code === 'TAR_XATTR_DROPPED' && entry === 'a'));
  refused(tar(pax({ 'LIBARCHIVE.xattr.user.x': '!' }), A), 'TAR_HEADER');
  refused(tar(pax({ 'SCHILY.xattr.': 'x' }), A), 'TAR_LIMIT');
  refused(tar(pax({ [`SCHILY.xattr.user.${'n'.repeat(251)}`]: 'x' }), A), 'TAR_LIMIT');
  refused(tar(pax({ 'SCHILY.xattr.user.x': 'x'.repeat(65_537) }), A), 'TAR_LIMIT');
});

test('TarParser keeps no view of the chunks it was given', () => {
  const bytes = tar(pax({ 'SCHILY.xattr.user.a': 'value', path: 'name' }), A);
  let read: Uint8Array | undefined;
  const parser = new TarParser({ entry: (found) => (read = found.xattrs.get('user.a')) });
  parser.write(bytes);
  bytes.fill(0);
  assert.equal(Buffer.from(read ?? []).toString(), 'value');
});

test('TarParser passes content on without copying it', () => {
  const bytes = tar(A);
  const parser = new TarParser({
    entry: () => {},
    content: (chunk) => {
      assert.equal(chunk.buffer, bytes.buffer);
      assert.equal(chunk.byteOffset, bytes.byteOffset + 512);
    },
  });
  parser.write(bytes);
});

test('TarParser takes the last of several headers of a kind, and refuses a PAX and a GNU name that differ', () => {
  const long = (type: string, text: string): Buffer => member({ type, magic: GNU }, `${text}\0`);
  assert.deepEqual(paths(tar(pax({ path: 'one', uid: '7' }), pax({ path: 'two' }), A)), ['two']);
  assert.equal(parse(tar(pax({ uid: '7' }), pax({ path: 'two' }), A)).entries[0]?.uid, 0);
  assert.deepEqual(paths(tar(long('L', 'one'), long('L', 'two'), A)), ['two']);
  assert.deepEqual(paths(tar(long('L', 'same'), pax({ path: 'same' }), A)), ['same']);
  refused(tar(long('L', 'one'), pax({ path: 'two' }), A), 'TAR_HEADER');
  const link = member({ type: '2', link: 'short' });
  assert.equal(parse(tar(long('K', 'longer'), link)).entries[0]?.linkTarget, 'longer');
  refused(tar(long('K', 'longer'), pax({ linkpath: 'other' }), link), 'TAR_HEADER');
});

test('TarParser says where the headers of an entry begin and where its content lies', () => {
  const bytes = tar(A, pax({ uid: '7' }), member({ name: 'c' }, 'content of c'));
  const { entries } = parse(bytes);
  assert.deepEqual(
    entries.map(({ headerOffset, dataOffset, storedBytes }) => [headerOffset, dataOffset, storedBytes]),
    [
      [0, 512, 12],
      [1024, 2560, 12],
    ],
  );
  assert.equal(bytes.toString('latin1', 2560, 2572), 'content of c');
});

test('TarParser reads a file with a slash at its end as a directory', () => {
  for (const type of ['0', '\0']) {
    assert.equal(parse(tar(member({ name: 'dir/', type }))).entries[0]?.kind, 'directory');
  }
  refused(tar(member({ name: 'dir/', type: '0' }, 'content')), 'TAR_HEADER');
  assert.deepEqual(paths(tar(header({ name: 'dir/', type: '\0', size: 7 }), B)), ['dir', 'b']);
});

test('TarParser takes no content for an entry that is no file, as Go', () => {
  for (const type of ['1', '2', '3', '4', '5', '6']) {
    const { entries } = parse(tar(header({ name: 'x', type, link: 'y', size: 5000 }), B));
    assert.deepEqual([entries[0]?.sizeBytes, entries[1]?.path], [0, 'b'], type);
  }
});

test('TarParser reads device numbers and refuses those that Linux does not have', () => {
  const device = tar(
    member({ type: '3', devices: ['0000001\0', '0000003\0'] }),
    member({ type: '4', devices: ['0000010\0', '3777777\0'] }),
  );
  assert.deepEqual(
    parse(device).entries.map(({ kind, deviceMajor, deviceMinor }) => [kind, deviceMajor, deviceMinor]),
    [
      ['character', 1, 3],
      ['block', 8, 1_048_575],
    ],
  );
  refused(tar(member({ type: '3', devices: ['0010000\0', '0000003\0'] })), 'TAR_NUMBER');
  refused(tar(member({ type: '3', devices: ['0000000\0', '4000000\0'] })), 'TAR_NUMBER');
  refused(tar(member({ type: '3', devices: ['garbage\0', '0000003\0'] })), 'TAR_NUMBER');
});

test('TarParser counts headers', () => {
  refused(tar(A, B), 'TAR_LIMIT', { entriesMax: 1 });
  refused(tar(pax({ uid: '1' }), pax({ uid: '1' }), A), 'TAR_LIMIT', { entriesMax: 2 });
  assert.ok(ENTRIES_MAX >= 1_000_000);
});

test('TarParser warns of an extended header without an entry', () => {
  assert.deepEqual(
    parse(tar(A, pax({ path: 'x' }))).warnings.map(({ code, offset }) => [code, offset]),
    [['TAR_DANGLING_HEADER', 1024]],
  );
});

test('TarParser fails again with the same error after a failure', () => {
  const parser = new TarParser({ entry: () => {} });
  assert.throws(() => parser.write(Buffer.alloc(512, 1)), { code: 'TAR_CHECKSUM' });
  assert.throws(() => parser.write(A), { code: 'TAR_CHECKSUM' });
  assert.throws(() => parser.end(), { code: 'TAR_CHECKSUM' });
});

test('TarParser tells the end of each content', () => {
  const seen: string[] = [];
  const parser = new TarParser({
    entry: ({ path }) => seen.push(path),
    content: (chunk) => seen.push(Buffer.from(chunk).toString()),
    contentEnd: () => seen.push('end'),
  });
  parser.write(tar(A, member({ name: 'empty' }), member({ name: 'dir', type: '5' }), B));
  assert.deepEqual(seen, ['a', 'content of a', 'end', 'empty', 'end', 'dir', 'b', 'content of b', 'end']);
});

const bytesOf = (max: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: 1, maxLength: max }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const componentArbitrary = bytesOf(60)
  .map((name) => name.replaceAll(/[/\0]/g, '_'))
  .filter((name) => name !== '.' && name !== '..');
const pathArbitrary = fc
  .array(componentArbitrary, { minLength: 1, maxLength: 12 })
  .map((components) => components.join('/'));
const xattrArbitrary = fc
  .tuple(fc.constantFrom('user', 'security', 'trusted'), bytesOf(20), fc.uint8Array({ maxLength: 40 }))
  .map(([space, name, value]): [string, Uint8Array] => [`${space}.${name.replaceAll(/[=\0]/g, '_')}`, value])
  .filter(([name]) => !name.includes('.overlay.'));
const entryArbitrary = fc
  .record({
    path: pathArbitrary,
    kind: fc.constantFrom('file', 'directory', 'symlink', 'hardlink', 'character', 'block', 'fifo'),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    gid: fc.oneof(fc.nat(1000), fc.integer({ min: 0, max: 2 ** 32 - 2 })),
    mtimeNs: fc.oneof(
      fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
      fc.bigInt({ min: 0n, max: 10n ** 10n }).map((seconds) => seconds * 1_000_000_000n),
    ),
    content: fc.uint8Array({ maxLength: 1500 }),
    target: pathArbitrary,
    deviceMajor: fc.nat(4095),
    deviceMinor: fc.nat(1_048_575),
    xattrs: fc.oneof(fc.constant([]), fc.array(xattrArbitrary, { maxLength: 3 })),
  })
  .map(({ content, target, xattrs, kind, deviceMajor, deviceMinor, ...rest }) => {
    const isDevice = kind === 'character' || kind === 'block';
    return {
      content: kind === 'file' ? content : new Uint8Array(0),
      entry: entry({
        ...rest,
        kind,
        sizeBytes: kind === 'file' ? content.length : 0,
        linkTarget: kind === 'symlink' || kind === 'hardlink' ? target : '',
        deviceMajor: isDevice ? deviceMajor : 0,
        deviceMinor: isDevice ? deviceMinor : 0,
        xattrs: new Map(xattrs),
      }),
    };
  });
const tarArbitrary = fc.array(entryArbitrary, { maxLength: 6 }).map((items) => ({
  items,
  bytes: tar(
    ...items.flatMap(({ entry: written, content }) => [encodeTarHeader(written), content, tarPadding(content.length)]),
  ),
}));

function sorted(xattrs: ReadonlyMap<string, Uint8Array>): [string, Uint8Array][] {
  return [...xattrs].toSorted(([a], [b]) => compareBytes(a, b));
}

test('TarParser reads what encodeTarHeader() writes', () => {
  fc.assert(
    fc.property(tarArbitrary, ({ items, bytes }) => {
      const { entries, contents } = parse(bytes);
      assert.equal(entries.length, items.length);
      for (const [i, { entry: written, content }] of items.entries()) {
        const read = entries[i];
        assert.ok(read !== undefined);
        const { headerOffset: _header, dataOffset, storedBytes, sparse, ...plain } = read;
        assert.deepEqual({ ...plain, xattrs: sorted(plain.xattrs) }, { ...written, xattrs: sorted(written.xattrs) });
        assert.deepEqual(contents[i], Buffer.from(content));
        assert.deepEqual(bytes.subarray(dataOffset, dataOffset + storedBytes), Buffer.from(content));
        assert.equal(sparse, undefined);
      }
    }),
    { numRuns: 150 },
  );
});

test('the result of TarParser does not depend on how the bytes are cut', () => {
  fc.assert(
    fc.property(
      tarArbitrary,
      fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 20 }),
      ({ bytes }, sizes) => {
        const chunks: Uint8Array[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = Math.max(sizes[i % sizes.length] ?? 1, i % sizes.length === 0 ? 1 : 0);
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(parseChunks(chunks), parse(bytes));
      },
    ),
    { numRuns: 100 },
  );
});

/** What a reader makes of bytes: its listing, or the code of its error. Anything else than a ShaleError gets out. */
function outcome(bytes: Uint8Array, step?: number): unknown {
  try {
    return parse(bytes, { whiteouts: true }, step);
  } catch (error) {
    if (!(error instanceof ShaleError)) throw error;
    assert.match(error.code, /^TAR_/);
    return error.message;
  }
}

test('TarParser answers damaged tars with entries or a ShaleError, the same however they are cut', () => {
  const extended = tar(
    pax({ path: 'p', mtime: '1.5', 'SCHILY.xattr.user.a': 'b' }),
    A,
    member({ type: 'L', magic: GNU }, 'longname\0'),
    B,
    pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '2000' }),
    header({ size: 522 }),
    body('1\n0\n10\n'),
    body('0123456789'),
  );
  const fixed = (bytes: Buffer, at: number): void => {
    const start = at - (at % 512);
    const sum = octal(
      [...bytes.subarray(start, start + 512)].reduce((a, b, i) => a + (i >= 148 && i < 156 ? 32 : b), 0),
      6,
    );
    bytes.write(`${sum}\0 `, start + 148, 'latin1');
  };
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(extended.length - 1), fc.nat(255), fc.boolean()), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 1500 }),
      fc.nat(extended.length),
      (changes, step, cut) => {
        const bytes = Buffer.from(extended.subarray(0, cut % 3 === 0 ? cut : undefined));
        for (const [at, value, fixChecksum] of changes) {
          if (at >= bytes.length) continue;
          bytes[at] = value;
          if (fixChecksum && at - (at % 512) + 512 <= bytes.length) fixed(bytes, at);
        }
        assert.deepEqual(outcome(bytes, step), outcome(bytes));
      },
    ),
    { numRuns: 600 },
  );
});

test('readTar() gives entries with their contents, and skips contents that nobody reads', async () => {
  const bytes = tar(A, member({ name: 'd', type: '5' }), B, member({ name: 'c' }, 'x'.repeat(3000)));
  for (const step of [1, 100, 512, 4096, bytes.length]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / step) }, (_, i) =>
      bytes.subarray(i * step, (i + 1) * step),
    );
    const seen: [string, string][] = [];
    for await (const { entry: found, content } of readTar(streamOf(...chunks))) {
      let text = '';
      if (found.path !== 'b') for await (const chunk of content) text += Buffer.from(chunk).toString();
      seen.push([found.path, text]);
    }
    assert.deepEqual(seen, [
      ['a', 'content of a'],
      ['d', ''],
      ['b', ''],
      ['c', 'x'.repeat(3000)],
    ]);
  }
});

test('readTar() gives the entries before a failure first, and closes its source when left early', async () => {
  const seen: string[] = [];
  await assert.rejects(
    async () => {
      for await (const { entry: found } of readTar(streamOf(Buffer.concat([A, B, Buffer.alloc(512, 1)]))))
        seen.push(found.path);
    },
    { code: 'TAR_CHECKSUM' },
  );
  assert.deepEqual(seen, ['a', 'b']);
  let isClosed = false;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield A;
    } finally {
      isClosed = true;
    }
  };
  for await (const { entry: found } of readTar(source())) if (found.path === 'a') break;
  assert.ok(isClosed);
});

test('readTar() stops when its signal is aborted', async () => {
  const controller = new AbortController();
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) yield A;
  };
  let count = 0;
  await assert.rejects(
    async () => {
      for await (const _ of readTar(source(), { signal: controller.signal })) if (++count === 3) controller.abort();
    },
    { name: 'AbortError' },
  );
});
