import assert from 'node:assert/strict';
import { isTar } from './tar-header.ts';
import { test } from 'node:test';
import { PATH_BYTES_MAX } from './limits.ts';
import {
  base256,
  body,
  entry,
  GNU,
  header,
  member,
  parse,
  paths,
  pax,
  rawPax,
  refused,
  tar,
  A,
  B,
} from './tar-parser.fixture.ts';
import { TarParser } from './tar-parser.ts';
import { encodeTarHeader, TAR_END } from './write-tar.ts';

test('F-001: a wrong checksum in entry 2 of 5 is refused with its byte offset', () => {
  const bytes = tar(A, member({ name: 'b', checksum: '0001234\0' }, 'x'), A, A, A);
  const error = refused(bytes, 'TAR_CHECKSUM');
  assert.equal(error.data['offset'], 1024);
  assert.match(error.message, /tar at byte 1024: header checksum is wrong/);
});

test('F-002: a negative size is refused, whatever the type of the entry', () => {
  for (const type of ['0', '5', '2', 'V', 'x', 'L']) {
    refused(tar(header({ type, link: 'x', size: base256(-1n) }), A), 'TAR_NUMBER');
    refused(tar(header({ type, link: 'x', size: base256(-(2n ** 63n)) }), A), 'TAR_NUMBER');
  }
  refused(tar(header({ size: '-0000000001' }), A), 'TAR_NUMBER');
  refused(tar(header({ size: base256(2n ** 70n) }), A), 'TAR_NUMBER');
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
  refused(Buffer.concat([A, Buffer.alloc(600)]), 'TAR_TRUNCATED');
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

test('F-028: ten times the empty files take about ten times the time', () => {
  const chunk = Buffer.concat(Array.from({ length: 1000 }, (_, i) => header({ name: `dir/file-${i}` })));
  const milliseconds = (entries: number): number => {
    let seen = 0;
    const parser = new TarParser({ entry: () => seen++ });
    const start = process.cpuUsage();
    for (let i = 0; i < entries; i += 1000) parser.write(chunk);
    parser.end();
    assert.equal(seen, entries);
    // Of this process, whatever else the machine does. Only the sum is exact: how it is divided the kernel estimates.
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  };
  const least = (entries: number): number => Math.min(...Array.from({ length: 3 }, () => milliseconds(entries)));
  milliseconds(20_000);
  const small = least(20_000);
  const large = least(200_000);
  // Generous; quadratic time would be a hundred times as long.
  assert.ok(large <= 30 * small, `${large} ms for ten times the entries of ${small} ms`);
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
