import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isShaleError } from '../base/index.ts';
import { build, dir, entry, file, hardlink, symlink } from '../../tests/support/tar-entries.ts';
import { walk } from '../../tests/support/tree-text.ts';
import { crc32c, SUPER, SUPER_CHECKSUM_BYTES, SUPER_OFFSET } from './format.ts';
import { openIndex, verifyIndex, type LayerIndex } from './index.ts';

const xattrs = new Map([
  ['user.shared', Buffer.from('v')],
  ['user.long', Buffer.alloc(700, 1)],
]);
const built = build([
  dir('', { xattrs }),
  dir('a', { xattrs }),
  ...Array.from({ length: 60 }, (_, i) => file(`a/some-longer-name-${i}`, { sizeBytes: i * 100 })),
  file('a/b/c/d/e', { xattrs: new Map([['user.own', Buffer.from('w')]]) }),
  symlink('l', 'a/b'),
  symlink('long', 'x'.repeat(900)),
  hardlink('h', 'a/b/c/d/e'),
  entry('c', 'character', { deviceMajor: 5, deviceMinor: 1 }),
  file('.wh.gone'),
  file('a/b/.wh..wh..opq'),
]);

/** Looks at everything there is. */
function readAll(index: LayerIndex): number {
  let nodes = 0;
  walk(index.root, (path, node) => {
    assert.ok(++nodes < 1_000_000, 'a damaged index does not go on for ever');
    node.data();
    node.linkTarget();
    node.xattrs();
    node.sha256();
    const found = index.find(path);
    assert.ok(found === undefined || found.inode === node.inode, path);
    for (const value of [node.mode, node.uid, node.sizeBytes, node.linkCount, node.deviceMajor]) assert.ok(value >= 0);
    assert.equal(typeof node.mtimeNs, 'bigint');
    assert.equal(typeof node.opaque, 'boolean');
  });
  return nodes;
}

function withChecksum(image: Buffer): Buffer {
  image.writeUInt32LE(0, SUPER_OFFSET + SUPER.checksum);
  image.writeUInt32LE(
    crc32c(image.subarray(SUPER_OFFSET, SUPER_OFFSET + SUPER_CHECKSUM_BYTES)),
    SUPER_OFFSET + SUPER.checksum,
  );
  return image;
}

function corrupts(read: () => unknown): boolean {
  try {
    read();
    return false;
  } catch (error) {
    if (isShaleError(error, 'INDEX_CORRUPT')) return true;
    throw error;
  }
}

describe('openIndex()', () => {
  it('reads all of an index that is whole', () => {
    assert.equal(readAll(openIndex(built.image, built.contents)), 70);
  });

  it('refuses what is no index, is cut, or has another checksum', () => {
    const { image } = built;
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(4096),
      image.subarray(0, 1024),
      image.subarray(0, image.length - 512),
    ]) {
      assert.throws(
        () => openIndex(bytes),
        (error) => isShaleError(error, 'INDEX_CORRUPT'),
      );
    }
    const flipped = Buffer.from(image);
    flipped.writeUInt8(flipped.readUInt8(SUPER_OFFSET + 100) ^ 1, SUPER_OFFSET + 100);
    assert.throws(
      () => openIndex(flipped),
      (error) => isShaleError(error, 'INDEX_CORRUPT'),
    );
  });

  it('refuses a contents file that is damaged or of another index', () => {
    const other = build([file('f')]);
    for (const contents of [
      other.contents,
      built.contents.subarray(1),
      built.contents.subarray(0, 40),
      Buffer.alloc(0),
    ]) {
      assert.throws(
        () => openIndex(built.image, contents),
        (error) => isShaleError(error, 'INDEX_CORRUPT'),
      );
    }
  });

  it('refuses a directory that is its own descendant', () => {
    const image = Buffer.from(built.image);
    const index = openIndex(image);
    const parent = index.find('a/b')?.inode ?? 0;
    const child = index.find('a/b/c')?.inode ?? 0;
    // The entry `c` of a/b now names a/b itself.
    const at = image.indexOf(Buffer.from([child & 0xff, child >> 8, 0, 0, 0, 0, 0, 0]), 1536);
    image.writeUInt32LE(parent, at);
    assert.throws(
      () => readAll(openIndex(image)),
      (error) => isShaleError(error, 'INDEX_CORRUPT'),
    );
  });

  it('answers any damage with INDEX_CORRUPT or a tree, never with a crash or a hang', () => {
    let refused = 0;
    const change = fc.record({ at: fc.nat(built.image.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const image = Buffer.from(built.image);
        for (const { at, to } of changes) image.writeUInt8(to, at);
        if (corrupts(() => readAll(openIndex(withChecksum(image), built.contents)))) refused++;
      }),
      { numRuns: 500 },
    );
    assert.ok(refused > 50, `${refused} damaged indexes were refused`);
  });

  it('answers damage of one inode with INDEX_CORRUPT or a tree', () => {
    const fields = fc.record({
      slot: fc.nat(built.image.length / 32 - 1),
      field: fc.nat(15),
      value: fc.oneof(fc.constant(0xffffffff), fc.nat()),
    });
    fc.assert(
      fc.property(fc.array(fields, { minLength: 1, maxLength: 3 }), (changes) => {
        const image = Buffer.from(built.image);
        for (const { slot, field, value } of changes) {
          const at = slot * 32 + field * 4;
          if (at + 4 <= image.length) image.writeUInt32LE(value, at);
        }
        corrupts(() => readAll(openIndex(withChecksum(image))));
      }),
      { numRuns: 500 },
    );
  });
});

describe('verifyIndex()', () => {
  it('notices any changed byte', () => {
    verifyIndex(built.image);
    fc.assert(
      fc.property(fc.nat(built.image.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        // The checksum is of the superblock and is checked when the index is opened.
        if (at >= SUPER_OFFSET + SUPER.checksum && at < SUPER_OFFSET + SUPER.checksum + 4) return;
        const image = Buffer.from(built.image);
        image.writeUInt8(image.readUInt8(at) ^ change, at);
        assert.equal(
          corrupts(() => verifyIndex(image)),
          true,
        );
      }),
      { numRuns: 300 },
    );
    assert.equal(
      corrupts(() => verifyIndex(Buffer.alloc(10))),
      true,
    );
  });
});
