import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FIELDS, LAZY_FUNCTIONS, REFUSED_FUNCTIONS, standardFunctions } from '../../src/bake/index.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/bake.md'), 'utf8');
const codeIn = (text: string): string[] => Array.from(text.matchAll(/`([^`]+)`/g), ([, word = '']) => word);

test('docs/bake.md lists every function, and no other', () => {
  const [, table = ''] = page.split('<!-- functions');
  const rows = (table.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| about'));
  const listed = rows.flatMap((row) => codeIn(row));
  const functions = standardFunctions({ now: () => 0, environment: {}, uuid: () => '' });
  assert.deepEqual(listed.toSorted(), [...functions.keys(), ...LAZY_FUNCTIONS].toSorted());
  for (const name of REFUSED_FUNCTIONS.keys()) assert.ok(page.includes(`\`${name}\``), name);
});

test('docs/bake.md lists every field of a target', () => {
  const [, section = ''] = page.split('## Targets');
  const listed = new Set(codeIn(section.split('\n## ')[0] ?? ''));
  for (const { name } of FIELDS) assert.ok(listed.has(name), name);
});
