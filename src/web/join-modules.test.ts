import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { joinModules } from './join-modules.ts';

function join(files: Readonly<Record<string, string>>): string {
  return joinModules('main.ts', (path) => files[path] ?? assert.fail(`no ${path}`));
}

describe('joinModules()', () => {
  test('joinModules() makes one script, each module once and after those that it imports', () => {
    const script = join({
      'main.ts': `import { twice as double } from './sub/twice.ts';\nimport {\n  type Counter,\n  counter,\n} from './counter.ts';\nconst one: Counter = counter;\none.calls++;\nout.push(double(21), one.calls);\n`,
      'sub/twice.ts': `import { counter } from '../counter.ts';\nexport function twice(value: number): number {\n  counter.calls++;\n  return 2 * value;\n}\n`,
      'counter.ts': `export interface Counter {\n  calls: number;\n}\nexport const counter: Counter = { calls: 0 };\nexport class Unused {}\n`,
    });
    const out: number[] = [];
    runInNewContext(script, { out });
    assert.deepEqual(out, [42, 2]);
  });

  test('joinModules() keeps the names of modules apart', () => {
    const script = join({
      'main.ts': `import { name as other } from './other.ts';\nconst name = 'main';\nout.push(name, other);\n`,
      'other.ts': `const hidden = 'other';\nexport const name = hidden;\n`,
    });
    const out: string[] = [];
    runInNewContext(script, { out });
    assert.deepEqual(out, ['main', 'other']);
  });

  test('joinModules() refuses what it would join wrongly', () => {
    assert.throws(() => join({ 'main.ts': `import fs from './fs.ts';\n` }), /cannot be joined: import fs/);
    assert.throws(() => join({ 'main.ts': `export default 1;\n` }), /cannot be joined: export default/);
    assert.throws(() => join({ 'main.ts': `export let count = 1;\n` }), /cannot be joined: export let/);
    assert.throws(() => join({ 'main.ts': `import { readFileSync } from 'node:fs';\n` }), /browsers do not have/);
    assert.throws(() => join({ 'main.ts': `import { a } from '../src/a.ts';\n` }), /browsers do not have/);
    const cycle = { 'main.ts': `import { a } from './a.ts';\n`, 'a.ts': `import { b } from './main.ts';\n` };
    assert.throws(() => join(cycle), /import each other: main.ts -> a.ts -> main.ts/);
  });
});
