/** What BuildKit says of the language: the suites of conformance/ that need neither root nor a container. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findGroups, readAnswers } from '../conformance/cases.ts';
import { EXCEPTIONS } from '../conformance/exceptions.ts';
import { formatResult, plainSuite, runSuite } from '../conformance/suite.ts';
import { LANGUAGE_SUITES } from '../conformance/suites.ts';

/** So that a corpus which is read wrongly does not pass for one that is equal. */
const CASES_MIN: Readonly<Record<string, number>> = {
  parser: 37,
  words: 200,
  'ignore-patterns': 125,
  'real-world': 1533,
};

for (const suite of LANGUAGE_SUITES) {
  test(`conformance: ${suite.name}: ${suite.about}`, { skip: suite.missing }, async () => {
    const result = await runSuite(suite, EXCEPTIONS);
    assert.deepEqual(result.failed, []);
    assert.ok(result.passed >= (CASES_MIN[suite.name] ?? 1), `${result.passed} cases`);
  });
}

test('every exception stands in the documentation with its reason', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/compatibility/conformance.md'), 'utf8');
  for (const exception of EXCEPTIONS) {
    const row = `| ${exception.suite} | ${exception.case} | ${exception.reason} |`;
    assert.ok(page.includes(row), row);
  }
  const rows = page.split('\n').filter((line) => /^\| (?!suite|---)/.test(line));
  assert.equal(rows.length, EXCEPTIONS.length, 'the page has no others');
});

test('every case of our own has a recorded answer, and every answer a case', () => {
  for (const { name, cases } of findGroups([])) {
    assert.deepEqual(Object.keys(readAnswers(name)).toSorted(), cases.map((one) => one.name).toSorted(), name);
  }
});

test('no recording was disturbed: what says that it is refused is, and nothing is for want of the base', () => {
  for (const { name, cases } of findGroups([])) {
    const answers = readAnswers(name);
    for (const one of cases) {
      const answer = answers[one.name];
      if (/\b(?:is|are) refused$/.test(one.name)) assert.equal(answer?.kind, 'failure', `${name}: ${one.name}`);
      if (answer?.kind === 'failure') assert.doesNotMatch(answer.message, /shale-conformance/, one.name);
    }
  }
});

test('runSuite() counts, and an exception that is equal now is a failure', async () => {
  const fail = (): never => {
    throw new Error('other');
  };
  const suite = plainSuite({ name: 's', about: '', missing: false }, () => [
    { name: 'a', run: () => undefined },
    { name: 'b', run: fail },
    { name: 'c', run: fail },
    { name: 'd', run: () => undefined },
    { name: 'e', run: fail },
  ]);
  const exception = (name: string, fails: RegExp): (typeof EXCEPTIONS)[number] => ({
    suite: 's',
    case: name,
    reason: 'why',
    fails,
  });
  const exceptions = [
    exception('c', /^other$/),
    exception('d', /^other$/),
    exception('e', /else/),
    exception('f', /x/),
  ];
  assert.equal(
    formatResult(await runSuite(suite, exceptions)),
    [
      'skipped s/c: why',
      'FAILED s/b: other',
      'FAILED s/d: it is an exception, and is equal now',
      'FAILED s/e: other',
      'FAILED s/f: it is an exception, and there is no such case',
      's: 1 passed, 4 failed, 1 skipped',
      '',
    ].join('\n'),
  );
});
