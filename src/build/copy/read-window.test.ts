import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { runNow } from '../../base/index.ts';
import { hashRegion, type FileRegion } from './file-region.ts';
import { ReadWindow } from './read-window.ts';

const folder = mkdtempSync(join(tmpdir(), 'shale-window-'));
after(() => rmSync(folder, { recursive: true }));

const SIZE_BYTES = 700_000;
const files = ['one', 'two'].map((name, i) => {
  const path = join(folder, name);
  const bytes = Buffer.from(
    Uint32Array.from({ length: SIZE_BYTES / 4 }, (_, k) => Math.imul(k, 2_654_435_761 + i)).buffer,
  );
  writeFileSync(path, bytes);
  return { path, bytes };
});

test('ReadWindow gives the bytes of each part, in whatever order and from whichever file', () => {
  const part = fc.record({
    file: fc.constantFrom(...files),
    offset: fc.nat(SIZE_BYTES),
    sizeBytes: fc.oneof(fc.nat(2000), fc.nat(60_000)),
  });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), fc.boolean(), (parts, inOrder) => {
      const window = new ReadWindow();
      const sorted = inOrder ? parts.toSorted((a, b) => a.offset - b.offset) : parts;
      for (const { file, offset, sizeBytes } of sorted) {
        const expected = file.bytes.subarray(offset, offset + sizeBytes);
        const open = (): FileRegion => window.open(file.path, offset, expected.length);
        const whole = (): FileRegion => ({ content: { kind: 'bytes', bytes: expected }, [Symbol.dispose]: () => {} });
        assert.deepEqual(runNow(hashRegion(open, expected.length)), runNow(hashRegion(whole, expected.length)));
      }
    }),
    { numRuns: 100 },
  );
});

test('ReadWindow leaves the bytes of an open part alone, and gives fewer where a file ends', () => {
  const [one, two] = files;
  assert.ok(one !== undefined && two !== undefined);
  const window = new ReadWindow();
  {
    using first = window.open(one.path, 100, 50);
    using second = window.open(two.path, 0, 50);
    assert.equal(first.content.kind, 'bytes');
    assert.equal(second.content.kind, 'fd');
    assert.deepEqual(first.content.kind === 'bytes' && Buffer.from(first.content.bytes), one.bytes.subarray(100, 150));
  }
  truncateSync(two.path, 10);
  using cut = window.open(two.path, 5, 50);
  assert.deepEqual(cut.content.kind === 'bytes' && Buffer.from(cut.content.bytes), two.bytes.subarray(5, 10));
});
