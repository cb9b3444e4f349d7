import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareBytes, ShaleError } from '../base/index.ts';
import { body, entry, GNU, header, member, octal, parse, parseChunks, pax, tar, A, B } from './tar-parser.fixture.ts';
import { encodeTarHeader, tarPadding } from './write-tar.ts';

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
