import assert from 'node:assert/strict';
import { test } from 'node:test';
import { body, GNU, header, octal, parse, pax, refused, tar, A, B } from './tar-parser.fixture.ts';

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
