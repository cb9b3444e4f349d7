import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NameTable } from './names.ts';

const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\xff'), minLength: 1, maxLength: 4 });

test('NameTable gives back what was set last, in the order of the bytes, whatever order it was set in', () => {
  const step = fc.record({ directory: fc.nat(2), name, inode: fc.nat(1000), look: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const table = new NameTable();
      const expected = [0, 1, 2].map((directory) => {
        assert.equal(table.addDirectory(), directory);
        return new Map<string, number>();
      });
      for (const { directory, name, inode, look } of steps) {
        const model = expected[directory] ?? new Map();
        if (look) assert.equal(table.find(directory, name), model.get(name));
        else {
          table.set(directory, name, inode);
          model.set(name, inode);
        }
      }
      for (const [directory, model] of expected.entries()) {
        const sorted = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1));
        assert.deepEqual([...table.entries(directory)], sorted);
        for (const [name, inode] of model) assert.equal(table.find(directory, name), inode);
      }
    }),
  );
});

test('NameTable keeps names of 255 bytes and hundreds of thousands of them', () => {
  const table = new NameTable();
  const directory = table.addDirectory();
  const nameOf = (i: number): string => String(i).padStart(i % 256 < 7 ? 7 : i % 256, '0');
  for (let i = 0; i < 200_000; i += 7) table.set(directory, nameOf(i), i);
  for (let i = 0; i < 200_000; i += 7) assert.equal(table.find(directory, nameOf(i)), i);
  assert.equal([...table.entries(directory)].length, Math.ceil(200_000 / 7));
});
