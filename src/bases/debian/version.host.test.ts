import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareVersions } from './version.ts';

const dpkg = spawnSync('dpkg', ['--version']).status === 0;

test('compareVersions() answers as dpkg does', { skip: dpkg ? false : 'dpkg is not installed' }, () => {
  const part = fc.string({ unit: fc.constantFrom(...'0019azA.+~'.split('')), minLength: 1, maxLength: 6 });
  const version = fc
    .tuple(fc.option(fc.constantFrom('0', '1')), part, fc.option(part))
    .map(
      ([epoch, upstream, revision]) =>
        `${epoch === null ? '' : `${epoch}:`}1${upstream}${revision === null ? '' : `-${revision}`}`,
    );
  fc.assert(
    fc.property(version, version, (a, b) => {
      const order = compareVersions(a, b);
      const operator = order < 0 ? 'lt-nl' : order > 0 ? 'gt-nl' : 'eq';
      assert.equal(spawnSync('dpkg', ['--compare-versions', a, operator, b]).status, 0, `${a} ${operator} ${b}`);
    }),
    { numRuns: 300 },
  );
});
