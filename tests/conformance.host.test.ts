/** Whole builds that docker carried out too: the suites of conformance/ that build. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EXCEPTIONS } from '../conformance/exceptions.ts';
import { runSuite } from '../conformance/suite.ts';
import { BUILD_SUITES } from '../conformance/suites.ts';

describe('conformance of builds', () => {
  for (const suite of BUILD_SUITES) {
    test(`conformance: ${suite.name}: ${suite.about}`, { skip: suite.missing }, async () => {
      const result = await runSuite(suite, EXCEPTIONS);
      assert.deepEqual(result.failed, []);
      assert.ok(result.passed > 0);
    });
  }
});
