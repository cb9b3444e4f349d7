import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TarEntry } from './entry.ts';
import { compareLayerPaths } from './layer-order.ts';
import { entry, parse } from './tar-parser.fixture.ts';
import { encodeTarHeader, TAR_END, tarPadding } from './write-tar.ts';

/** The bytes as text, with each row of zeros as its length in braces: nothing is lost. */
function shown(bytes: Buffer): string {
  return bytes.toString('latin1').replaceAll(/\0+/g, (zeros) => `{${zeros.length}}`);
}

const S = 1_000_000_000n;
const long = (length: number): string => 'n'.repeat(length);

/** Changing one of these changes the digest of layers: it needs a new format version. */
const GOLDEN: readonly (readonly [string, TarEntry, string])[] = [
  [
    'a plain file',
    entry({ path: 'etc/passwd', sizeBytes: 1234, mtimeNs: 1_700_000_000n * S, uid: 1000, gid: 100 }),
    'etc/passwd{90}0000644{1}0001750{1}0000144{1}00000002322{1}14524770400{1}011273{1} 0{100}ustar{1}00{64}0000000{1}0000000{168}',
  ],
  [
    'the root directory',
    entry({ path: '', kind: 'directory', mode: 0o755 }),
    './{98}0000755{1}0000000{1}0000000{1}00000000000{1}00000000000{1}007342{1} 5{100}ustar{1}00{64}0000000{1}0000000{168}',
  ],
  [
    'a directory with the sticky bit',
    entry({ path: 'tmp', kind: 'directory', mode: 0o1777 }),
    'tmp/{96}0001777{1}0000000{1}0000000{1}00000000000{1}00000000000{1}010012{1} 5{100}ustar{1}00{64}0000000{1}0000000{168}',
  ],
  [
    'a symbolic link',
    entry({ path: 'bin', kind: 'symlink', mode: 0o777, linkTarget: 'usr/bin' }),
    'bin{97}0000777{1}0000000{1}0000000{1}00000000000{1}00000000000{1}011201{1} 2usr/bin{93}ustar{1}00{64}0000000{1}0000000{168}',
  ],
  [
    'a hard link',
    entry({ path: 'b', kind: 'hardlink', linkTarget: 'a' }),
    'b{99}0000644{1}0000000{1}0000000{1}00000000000{1}00000000000{1}007501{1} 1a{99}ustar{1}00{64}0000000{1}0000000{168}',
  ],
  [
    'a device',
    entry({ path: 'null', kind: 'character', mode: 0o666, deviceMajor: 1, deviceMinor: 3 }),
    'null{96}0000666{1}0000000{1}0000000{1}00000000000{1}00000000000{1}010103{1} 3{100}ustar{1}00{64}0000001{1}0000003{168}',
  ],
  [
    'bytes that are not UTF-8, in a header that they fit',
    entry({ path: '\xff\xfe' }),
    '\xff\xfe{98}0000644{1}0000000{1}0000000{1}00000000000{1}00000000000{1}010172{1} 0{100}ustar{1}00{64}0000000{1}0000000{168}',
  ],
];

test('encodeTarHeader() writes these bytes and no others', () => {
  for (const [what, written, expected] of GOLDEN) {
    const bytes = encodeTarHeader(written);
    assert.equal(bytes.length, 512, what);
    // The checksum is that of the fields beside it.
    const sum = [...bytes].reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
    assert.equal(bytes.toString('latin1', 148, 156), `${sum.toString(8).padStart(6, '0')}\0 `, what);
    assert.equal(shown(bytes), expected, what);
  }
});

test('encodeTarHeader() puts a PAX header, sorted by keyword, before what does not fit', () => {
  const bytes = encodeTarHeader(
    entry({
      path: `d/${long(101)}`,
      mtimeNs: 1_500_000_000n,
      uid: 2_097_152,
      gid: 4_294_967_294,
      sizeBytes: 8_589_934_592,
      xattrs: new Map([
        ['user.b', Buffer.from('\0x\n')],
        ['security.capability', Buffer.from([1, 2, 0])],
      ]),
    }),
  );
  assert.equal(
    shown(bytes),
    'PaxHeaders{90}0000644{1}0000000{1}0000000{1}00000000365{1}00000000000{1}011270{1} x{100}ustar{1}00{64}0000000{1}0000000{168}' +
      '40 SCHILY.xattr.security.capability=\x01\x02{1}\n' +
      '27 SCHILY.xattr.user.b={1}x\n\n' +
      '18 gid=4294967294\n' +
      '13 mtime=1.5\n' +
      `113 path=d/${long(101)}\n` +
      '19 size=8589934592\n' +
      '15 uid=2097152\n{267}' +
      `d/${long(98)}0000644{1}0000000{1}0000000{1}00000000000{1}00000000001{1}034455{1} 0{100}ustar{1}00{64}0000000{1}0000000{168}`,
  );
});

test('encodeTarHeader() needs no PAX header up to the limits of ustar', () => {
  const fitting: Partial<TarEntry>[] = [
    { path: long(100) },
    { path: `${long(155)}/${long(100)}` },
    { path: `a/${long(100)}` },
    { path: `${'p/'.repeat(77)}p/${long(99)}`, kind: 'directory' },
    { path: `${long(90)}/${long(90)}`, kind: 'directory' },
    { sizeBytes: 8_589_934_591 },
    { uid: 2_097_151, gid: 2_097_151 },
    { mtimeNs: 8_589_934_591n * S },
    { kind: 'symlink', linkTarget: long(100) },
    { path: 'caf\xe9', kind: 'symlink', linkTarget: '\xff' },
  ];
  for (const fields of fitting) {
    const bytes = encodeTarHeader(entry(fields));
    assert.equal(bytes.length, 512);
    if (fields.sizeBytes === undefined) assert.equal(parse(bytes).entries[0]?.path, fields.path ?? 'file');
  }
});

/** A PAX record, its length found by trying. */
function record(text: string): string {
  for (let length = 1; ; length++) if (`${length} ${text}\n`.length === length) return `${length} ${text}\n`;
}

test('encodeTarHeader() needs a PAX header just beyond them', () => {
  const beyond: [Partial<TarEntry>, string][] = [
    [{ path: long(101) }, record(`path=${long(101)}`)],
    [{ path: `${long(156)}/n` }, record(`path=${long(156)}/n`)],
    [{ path: `n/${long(101)}` }, record(`path=n/${long(101)}`)],
    [{ path: `n/${long(100)}`, kind: 'directory' }, record(`path=n/${long(100)}/`)],
    [{ path: long(100), kind: 'directory' }, record(`path=${long(100)}/`)],
    [{ sizeBytes: 8_589_934_592 }, record('size=8589934592')],
    [{ uid: 2_097_152 }, record('uid=2097152')],
    [{ mtimeNs: -1n }, record('mtime=-0.000000001')],
    [{ mtimeNs: -S }, record('mtime=-1')],
    [{ mtimeNs: 100_000_000n }, record('mtime=0.1')],
    [{ mtimeNs: 8_589_934_592n * S }, record('mtime=8589934592')],
    [{ kind: 'symlink', linkTarget: long(101) }, record(`linkpath=${long(101)}`)],
    [{ path: `\xff${long(101)}` }, record('hdrcharset=BINARY') + record(`path=\xff${long(101)}`)],
    [{ xattrs: new Map([['user.a', new Uint8Array(0)]]) }, record('SCHILY.xattr.user.a=')],
  ];
  for (const [fields, records] of beyond) {
    const bytes = encodeTarHeader(entry(fields));
    assert.equal(bytes.toString('latin1', 512, 512 + records.length), records);
    assert.equal(bytes[512 + records.length], 0);
    // There is no content of eight GiB here to be read.
    if (fields.sizeBytes !== undefined) continue;
    const [read = {}] = parse(bytes).entries;
    for (const [name, value] of Object.entries(fields)) {
      assert.deepEqual(Object.entries(read).find(([key]) => key === name)?.[1], value, name);
    }
  }
});

test('encodeTarHeader() does not depend on the order of attributes', () => {
  const xattrs: [string, Uint8Array][] = [
    ['user.b', Buffer.from('1')],
    ['user.a', Buffer.from('2')],
    ['security.c', Buffer.from('3')],
  ];
  assert.deepEqual(
    encodeTarHeader(entry({ xattrs: new Map(xattrs) })),
    encodeTarHeader(entry({ xattrs: new Map(xattrs.toReversed()) })),
  );
});

test('encodeTarHeader() refuses names that cannot be written', () => {
  assert.throws(() => encodeTarHeader(entry({ path: 'a\0b' })), { code: 'TAR_PATH' });
  assert.throws(() => encodeTarHeader(entry({ kind: 'symlink', linkTarget: 'a\0b' })), { code: 'TAR_PATH' });
  for (const name of ['user.a=b', 'user.\0', '']) {
    assert.throws(() => encodeTarHeader(entry({ xattrs: new Map([[name, Buffer.alloc(1)]]) })), { code: 'TAR_HEADER' });
  }
  assert.throws(() => encodeTarHeader(entry({ path: '/a' })), { code: 'INVARIANT' });
  assert.throws(() => encodeTarHeader(entry({ path: '' })), { code: 'INVARIANT' });
  assert.throws(() => encodeTarHeader(entry({ sizeBytes: -1 })), { code: 'INVARIANT' });
});

test('tarPadding() fills up to the next block, and TAR_END is two blocks of zeros', () => {
  assert.deepEqual(
    [0, 1, 511, 512, 513, 2 ** 40 + 1].map((size) => tarPadding(size).length),
    [0, 511, 1, 0, 511, 511],
  );
  assert.ok(TAR_END.length === 1024 && TAR_END.every((byte) => byte === 0));
});

test('compareLayerPaths() puts folders before their content, whiteouts before names, names by bytes', () => {
  const ordered = [
    '',
    '.wh..wh..opq',
    '.wh.z',
    '.a',
    '.wh',
    'A',
    'a',
    'a/.wh.b',
    'a/.wh.b/x',
    'a/b',
    'a/b/c',
    'a/b-c',
    'a-b',
    'a.b',
    'a.b/c',
    'b',
    '\xc3\xa9',
    '\xff',
  ];
  for (const [i, a] of ordered.entries()) {
    for (const [j, b] of ordered.entries()) {
      assert.equal(Math.sign(compareLayerPaths(a, b)), Math.sign(i - j), `${a} and ${b}`);
    }
  }
});

test('compareLayerPaths() orders as the definition says', () => {
  const path = fc
    .array(fc.constantFrom('a', 'b', 'ab', 'a-', '.wh.a', '.wh.', '.w', '\xff', '-'), { maxLength: 4 })
    .map((names) => names.join('/'));
  const key = (text: string): string[] =>
    text === '' ? [] : text.split('/').map((name) => (name.startsWith('.wh.') ? `0${name}` : `1${name}`));
  const byDefinition = (a: string[], b: string[]): number => {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const [x = '', y = ''] = [a[i], b[i]];
      if (x !== y) return x < y ? -1 : 1;
    }
    return a.length - b.length;
  };
  fc.assert(
    fc.property(path, path, (a, b) => {
      assert.equal(Math.sign(compareLayerPaths(a, b)), Math.sign(byDefinition(key(a), key(b))));
    }),
  );
});
