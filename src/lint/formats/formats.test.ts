import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lintDockerfile, parseDockerfile } from '../../dockerfile/index.ts';
import type { FileReport } from '../report.ts';
import { formatReports, type FormatName } from './formats.ts';

async function reports(): Promise<FileReport[]> {
  const report = await lintDockerfile(parseDockerfile('FROM debian:12 as a\nRUN sudo x\nUSER 1\n'));
  return [{ file: 'a b/Dockerfile', ...report }];
}

async function formatted(name: FormatName): Promise<string> {
  return formatReports(name, await reports(), { colors: false, version: '1.2.3' });
}

test('the format tty shows place, caret, why and the change that the fix makes', async () => {
  const lines = (await formatted('tty')).split('\n');
  assert.equal(lines[0], "a b/Dockerfile:1:16 style 'as' and 'FROM' keywords' casing do not match from-as-casing");
  assert.deepEqual(lines.slice(1, 3), ['    1 | FROM debian:12 as a', '      |                ^^']);
  assert.match(lines[3] ?? '', /^ {2}why: /);
  assert.deepEqual(lines.slice(4, 7), ['  fix: write AS', '    - FROM debian:12 as a', '    + FROM debian:12 AS a']);
  assert.equal(lines.at(-2), '2 findings, 1 that --fix mends');
});

test('the format sarif is SARIF 2.1.0 with regions and fixes', async () => {
  const log = JSON.parse(await formatted('sarif')) as { readonly version: string; readonly runs: readonly Run[] }; // Ours.
  const [run] = log.runs;
  assert.equal(log.version, '2.1.0');
  assert.equal(run?.tool.driver.version, '1.2.3');
  const [first] = run.results;
  assert.equal(run.tool.driver.rules[first?.ruleIndex ?? -1]?.id, first?.ruleId);
  assert.deepEqual(first?.locations[0]?.physicalLocation, {
    artifactLocation: { uri: 'a%20b/Dockerfile' },
    region: { startLine: 1, startColumn: 16, endLine: 1, endColumn: 18, charOffset: 15, charLength: 2 },
  });
  assert.deepEqual(first.fixes?.[0]?.artifactChanges[0]?.replacements, [
    {
      deletedRegion: { startLine: 1, startColumn: 16, endLine: 1, endColumn: 18, charOffset: 15, charLength: 2 },
      insertedContent: { text: 'AS' },
    },
  ]);
});

interface Run {
  readonly tool: { readonly driver: { readonly version: string; readonly rules: readonly { readonly id: string }[] } };
  readonly results: readonly {
    readonly ruleId: string;
    readonly ruleIndex: number;
    readonly locations: readonly { readonly physicalLocation: unknown }[];
    readonly fixes?: readonly { readonly artifactChanges: readonly { readonly replacements: unknown }[] }[];
  }[];
}

test('the other formats hold every finding, escaped as theirs are', async () => {
  const rows = JSON.parse(await formatted('json')) as readonly Record<string, unknown>[]; // Ours.
  assert.deepEqual(
    rows.map(({ rule, line, column, endColumn }) => [rule, line, column, endColumn]),
    [
      ['from-as-casing', 1, 16, 18],
      ['run-sudo', 2, 5, 9],
    ],
  );
  assert.match(
    await formatted('github'),
    /^::notice file=a b\/Dockerfile,line=1,col=16,endLine=1,endColumn=18,title=from-as-casing::/,
  );
  const quality = JSON.parse(await formatted('gitlab')) as readonly Record<string, unknown>[]; // Ours.
  assert.equal(new Set(quality.map(({ fingerprint }) => fingerprint)).size, 2);
  assert.match(
    await formatted('checkstyle'),
    /<error line="2" column="5" severity="error" message="[^"<]*" source="shale.run-sudo"\/>/,
  );
  assert.match(await formatted('junit'), /<testsuite name="a b\/Dockerfile" tests="2" failures="2">/);
});
