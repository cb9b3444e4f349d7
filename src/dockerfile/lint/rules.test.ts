import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile } from '../syntax/dockerfile.ts';
import { applyFixes } from './fix.ts';
import { lintDockerfile, type LintFinding } from './lint.ts';
import { DEFAULT_SETTINGS, type LintRule } from './rule.ts';
import { findRule, RULES } from './rules.ts';

async function findingsOf(rule: LintRule, text: string): Promise<LintFinding[]> {
  const { findings } = await lintDockerfile(parseDockerfile(text), {
    settings: { ...DEFAULT_SETTINGS, ...rule.settings },
    enabled: [rule.id],
    ...(rule.record === undefined ? {} : { measured: rule.record }),
    ...(rule.ignorePatterns === undefined ? {} : { ignorePatterns: rule.ignorePatterns }),
  });
  return findings.filter((finding) => finding.rule === rule);
}

for (const rule of RULES) {
  test(`the rule ${rule.id} finds its bad example, and not its good one`, async () => {
    const [found, ...more] = await findingsOf(rule, rule.bad);
    assert.ok(found !== undefined, `the bad example of ${rule.id} is not found`);
    assert.ok(found.span.end > found.span.start, 'a finding has a place');
    assert.deepEqual(await findingsOf(rule, rule.good), [], `the good example of ${rule.id} is found`);
    const fixes = [found, ...more].flatMap(({ fix }) => (fix === undefined ? [] : [fix]));
    if (rule.fix === 'safe' || rule.fix === 'unsafe') {
      assert.equal(applyFixes(rule.bad, fixes).text, rule.good, `the fix of ${rule.id} gives the good example`);
      assert.ok(rule.fix === 'unsafe' || fixes.every(({ safety }) => safety === 'safe'), 'the fix is a safe one');
    } else if (rule.fix === 'pin') assert.ok(found.pin !== undefined, 'a pin can be looked up');
    else assert.deepEqual(fixes, []);
  });
}

test('rules have ids, titles and names of which no two are the same', () => {
  const names = RULES.flatMap(({ id, aliases }) => [id, ...aliases]);
  assert.equal(new Set(names).size, names.length, names.filter((name, at) => names.indexOf(name) !== at).join());
  for (const { id, title, why } of RULES) {
    assert.match(id, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
    assert.doesNotMatch(title, /\.$/, id);
    assert.match(why, /\.$/, id);
  }
});

test('findRule() knows the names of other linters in their spellings', () => {
  for (const name of ['apt-pin', 'DL3008', 'dl3008']) assert.equal(findRule(name)?.id, 'apt-pin');
  for (const name of ['DS-0029', 'DS029', 'AVD-DS-0029']) assert.equal(findRule(name)?.id, 'apt-no-recommends');
  assert.equal(findRule('SC2086')?.id, 'shellcheck');
  assert.equal(findRule('nothing'), undefined);
});
