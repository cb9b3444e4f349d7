import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { reliabilityPage } from '../../scripts/docs/reliability-table.ts';

const root = join(import.meta.dirname, '../..');

test('docs/reliability.md lists every test of a fault row (else: npm run docs)', () => {
  for (const [path, text] of reliabilityPage(root)) assert.equal(readFileSync(join(root, path), 'utf8'), text);
});
