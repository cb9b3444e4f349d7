import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { layoutMap, neighbour, type Rectangle, squarify } from './treemap.ts';

const AREA: Rectangle = { x: 10, y: 20, width: 600, height: 400 };

function areaOf({ width, height }: Rectangle): number {
  return width * height;
}

function isWithin(inner: Rectangle, outer: Rectangle): boolean {
  const [right, bottom] = [outer.x + outer.width, outer.y + outer.height];
  return (
    inner.x >= outer.x - 1e-6 &&
    inner.y >= outer.y - 1e-6 &&
    inner.x + inner.width <= right + 1e-6 &&
    inner.y + inner.height <= bottom + 1e-6
  );
}

function overlap(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return Math.max(0, width) * Math.max(0, height);
}

const values: fc.Arbitrary<number[]> = fc
  .array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 60 })
  .map((all) => all.toSorted((a, b) => b - a));

describe('squarify()', () => {
  test('squarify() gives the rectangles of the paper for its example', () => {
    const placed = squarify([6, 6, 4, 3, 2, 2, 1], { x: 0, y: 0, width: 6, height: 4 });
    // Figure 3 of the paper: 6 and 6 stand at the left, each three wide and two high.
    assert.deepEqual(placed.slice(0, 2), [
      { x: 0, y: 0, width: 3, height: 2 },
      { x: 0, y: 2, width: 3, height: 2 },
    ]);
    assert.deepEqual(
      placed.map((one) => Math.round(areaOf(one))),
      [6, 6, 4, 3, 2, 2, 1],
    );
  });

  test('squarify() fills the area in proportion, and no two rectangles overlap', () => {
    fc.assert(
      fc.property(values, (all) => {
        const placed = squarify(all, AREA);
        const total = all.reduce((sum, value) => sum + value, 0);
        for (const [place, one] of placed.entries()) {
          assert.ok(isWithin(one, AREA), JSON.stringify(one));
          const expected = ((all[place] ?? 0) / total) * areaOf(AREA);
          assert.ok(Math.abs(areaOf(one) - expected) < 1e-3 * areaOf(AREA), `${areaOf(one)} is not ${expected}`);
          for (const other of placed.slice(place + 1)) assert.ok(overlap(one, other) < 1e-3);
        }
      }),
    );
  });

  test('squarify() gives nothing where there is no room, and takes no values', () => {
    assert.deepEqual(squarify([], AREA), []);
    assert.deepEqual(squarify([2, 1], { ...AREA, width: 0 }).map(areaOf), [0, 0]);
  });
});

interface Node {
  readonly bytes: number;
  readonly children: readonly Node[];
}

const OPTIONS = { depthMax: 5, areaMin: 20, cellsMax: 500, title: 19, gap: 3 };

describe('layoutMap()', () => {
  const { tree } = fc.letrec<{ tree: Node; leaf: Node; folder: Node }>((tie) => ({
    tree: fc.oneof({ maxDepth: 4, withCrossShrink: true }, tie('leaf'), tie('folder')),
    leaf: fc.integer({ min: 1, max: 1000 }).map((bytes) => ({ bytes, children: [] })),
    folder: fc.array(tie('tree'), { minLength: 1, maxLength: 6 }).map((children) => ({
      bytes: children.reduce((sum, child) => sum + child.bytes, 0),
      children: children.toSorted((a, b) => b.bytes - a.bytes),
    })),
  }));

  test('layoutMap() puts cells inside their parents and beside each other', () => {
    fc.assert(
      fc.property(tree, (root) => {
        const cells = layoutMap(root, AREA, OPTIONS);
        for (const [place, cell] of cells.entries()) {
          assert.ok(isWithin(cell.area, cell.parent?.area ?? AREA));
          if (cell.parent !== undefined) assert.ok(cell.parent.open && cells.indexOf(cell.parent) < place);
          for (const other of cells.slice(place + 1)) {
            if (other.parent === cell.parent) assert.ok(overlap(cell.area, other.area) < 1e-3);
          }
        }
      }),
    );
  });

  test('layoutMap() makes no more cells than it may, the large ones first', () => {
    const children = Array.from({ length: 100 }, (_, place) => ({ bytes: 100 - place, children: [] }));
    const cells = layoutMap({ bytes: 5050, children }, AREA, { ...OPTIONS, cellsMax: 7 });
    assert.deepEqual(
      cells.map(({ node }) => node.bytes),
      [100, 99, 98, 97, 96, 95, 94],
    );
  });

  test('layoutMap() leaves out what is too small to be seen', () => {
    const children = [
      { bytes: 1_000_000, children: [] },
      { bytes: 1, children: [] },
    ];
    assert.equal(layoutMap({ bytes: 1_000_001, children }, AREA, OPTIONS).length, 1);
  });
});

test('neighbour() finds the nearest in a direction, and nothing behind the edge', () => {
  const [left, right, below] = [
    { x: 0, y: 0, width: 10, height: 10 },
    { x: 10, y: 0, width: 10, height: 10 },
    { x: 0, y: 10, width: 20, height: 10 },
  ] as const;
  assert.equal(neighbour(left, [right, below], 'right'), 0);
  assert.equal(neighbour(left, [right, below], 'down'), 1);
  assert.equal(neighbour(left, [right, below], 'left'), undefined);
  assert.equal(neighbour(below, [left, right], 'up'), 0);
});
