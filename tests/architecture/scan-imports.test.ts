import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findCycle } from './cycles.ts';
import { parseImportTable } from './import-table.ts';
import { scanImports } from './scan-imports.ts';

const PLACE = '../x/index.ts';

describe('scanImports()', () => {
  const kinds: readonly (readonly [string, { typeOnly: boolean; dynamic: boolean }])[] = [
    [`import { a } from '${PLACE}';`, { typeOnly: false, dynamic: false }],
    [`import {\n  a,\n  type B,\n} from '${PLACE}';`, { typeOnly: false, dynamic: false }],
    [`import { type A, type B } from '${PLACE}';`, { typeOnly: true, dynamic: false }],
    [`import type { A } from '${PLACE}';`, { typeOnly: true, dynamic: false }],
    [`import '${PLACE}';`, { typeOnly: false, dynamic: false }],
    [`export * from "${PLACE}";`, { typeOnly: false, dynamic: false }],
    [`const x = await import('${PLACE}');`, { typeOnly: false, dynamic: true }],
    [`new Worker(new URL('${PLACE}', import.meta.url));`, { typeOnly: false, dynamic: true }],
  ];
  for (const [text, expected] of kinds) {
    test(`scanImports() finds ${JSON.stringify(text)}`, () => {
      assert.deepEqual(
        scanImports(`\n${text}`).map(({ line: _line, ...rest }) => rest),
        [{ specifier: PLACE, ...expected }],
      );
    });
  }

  test('scanImports() ignores imports in comments', () => {
    assert.deepEqual(scanImports(`/*\nimport { a } from '${PLACE}';\n*/\n// import '${PLACE}';\n * import x`), []);
  });

  test('scanImports() counts lines from 1', () => {
    assert.equal(scanImports(`import '${PLACE}';`)[0]?.line, 1);
    assert.equal(scanImports(`\n\nimport '${PLACE}';`)[0]?.line, 3);
  });
});

test('parseImportTable() reads names, none and "the above"', () => {
  const table = parseImportTable(
    '| folder | is | may import |\n|---|---|---|\n| `a` | x | – |\n| `b` | x | a |\n| `c` | x | the above |\n\n| other | x | y |\n',
  );
  assert.deepEqual(
    [...table].map(([folder, allowed]) => [folder, [...allowed]]),
    [
      ['a', []],
      ['b', ['a']],
      ['c', ['a', 'b']],
    ],
  );
});

test('findCycle() names the nodes of a cycle and finds none in a diamond', () => {
  const diamond = { a: ['b', 'c'], b: ['d'], c: ['d'] };
  const graph = (edges: Record<string, string[]>): Map<string, Set<string>> =>
    new Map(Object.entries(edges).map(([node, next]) => [node, new Set(next)]));
  assert.equal(findCycle(graph(diamond)), undefined);
  assert.deepEqual(findCycle(graph({ ...diamond, d: ['b'] })), ['b', 'd', 'b']);
});
