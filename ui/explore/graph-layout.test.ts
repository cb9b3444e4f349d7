import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type GraphNode, placeGraph } from './graph-layout.ts';

describe('placeGraph()', () => {
  test('placeGraph() puts a chain in a line', () => {
    const { nodes, routes } = placeGraph([{ inputs: [] }, { inputs: [0] }, { inputs: [1] }]);
    assert.deepEqual(
      nodes,
      [0, 1, 2].map((column) => ({ column, row: 0 })),
    );
    assert.deepEqual(
      routes.map(({ through }) => through),
      [[], []],
    );
  });

  test('placeGraph() leads a way past the nodes between', () => {
    const { nodes, routes } = placeGraph([{ inputs: [] }, { inputs: [0] }, { inputs: [0, 1] }]);
    const long = routes.find(({ from, to }) => from === 0 && to === 2);
    assert.equal(long?.through.length, 1);
    assert.notDeepEqual(long.through[0], nodes[1]);
    assert.equal(long.through[0]?.column, 1);
  });

  test('placeGraph() puts what is needed late just before where it is needed', () => {
    const { nodes } = placeGraph([{ inputs: [] }, { inputs: [] }, { inputs: [1] }, { inputs: [2, 0] }]);
    assert.equal(nodes[0]?.column, 1);
  });

  test('placeGraph() ignores inputs that are not there, and cycles', () => {
    assert.deepEqual(placeGraph([{ inputs: [0, 1, 7, -1] }, { inputs: [1] }]).routes, []);
  });

  test('placeGraph() puts each node right of its inputs and no two in one place', () => {
    const graphs: fc.Arbitrary<GraphNode[]> = fc
      .array(fc.array(fc.nat(30), { maxLength: 4 }), { maxLength: 25 })
      .map((all) => all.map((inputs) => ({ inputs })));
    fc.assert(
      fc.property(graphs, (graph) => {
        const { nodes, routes } = placeGraph(graph);
        const taken = [...nodes, ...routes.flatMap(({ through }) => through)];
        assert.equal(new Set(taken.map(({ column, row }) => `${column}/${row}`)).size, taken.length);
        for (const { from, to } of routes) assert.ok((nodes[from]?.column ?? 0) < (nodes[to]?.column ?? 0));
      }),
    );
  });
});
