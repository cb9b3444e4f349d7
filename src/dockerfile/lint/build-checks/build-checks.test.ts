import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDockerfile } from '../../frontend/check.ts';
import { baseConfig, PATH, PLATFORM } from '../../frontend/planning.fixture.ts';
import type { PlanOptions } from '../../frontend/plan.ts';
import { parseDockerfile } from '../../syntax/dockerfile.ts';
import { BUILD_CHECKS } from './build-checks.ts';
import type { Finding } from './check.ts';

type Extra = Partial<Omit<PlanOptions, 'dockerfile'>>;

async function findingsOf(text: string, extra: Extra = {}): Promise<readonly Finding[]> {
  const report = await checkDockerfile({
    dockerfile: parseDockerfile(text),
    platform: PLATFORM,
    assumeAllowed: true,
    resolveImageConfig: () => Promise.resolve({ config: baseConfig() }),
    ...extra,
  });
  return report.findings;
}

/** Findings as `Rule first-last`, or without the last line where it is the first. */
async function linesOf(text: string, extra: Extra = {}): Promise<string[]> {
  const findings = await findingsOf(text, extra);
  return findings.map(
    ({ rule, firstLine, lastLine }) => `${rule} ${firstLine}${lastLine === firstLine ? '' : `-${lastLine}`}`,
  );
}

/** Texts with what BuildKit finds in them. */
const CASES: readonly (readonly [string, ...string[]])[] = [
  ['FROM a AS Base', 'StageNameCasing 1'],
  ['FROM a as base', 'FromAsCasing 1'],
  ['from a AS base', 'FromAsCasing 1'],
  ['From a AS base', 'ConsistentInstructionCasing 1'],
  ['FROM a\nRUN x \\\n\n  y', 'NoEmptyContinuation 4'],
  ['FROM a\nRUN x\nrun y\nUser z', 'ConsistentInstructionCasing 3', 'ConsistentInstructionCasing 4'],
  ['arg A\nFROM a'],
  ['FROM a AS b\nFROM a AS B', 'StageNameCasing 2', 'DuplicateStageName 2'],
  ['FROM a AS scratch\nFROM a AS context', 'ReservedStageName 1', 'ReservedStageName 2'],
  ['FROM a\nCMD x', 'JSONArgsRecommended 2'],
  ['FROM a\nSHELL ["/bin/bash", "-c"]\nCMD x\nENTRYPOINT y'],
  ['FROM a\nONBUILD CMD x\nONBUILD ENTRYPOINT x'],
  ['FROM a AS b\nONBUILD CMD x\nFROM b', 'JSONArgsRecommended 3'],
  ['FROM a\nMAINTAINER me', 'MaintainerDeprecated 2'],
  ['FROM $A', 'InvalidDefaultArgInFrom 1', 'UndefinedArgInFrom 1'],
  ['ARG A=x\nFROM $A$B', 'UndefinedArgInFrom 2'],
  ['ARG A\nFROM a:$A', 'InvalidDefaultArgInFrom 2'],
  ['FROM a\nWORKDIR x\nWORKDIR y', 'WorkdirRelativePath 2'],
  ['FROM a AS b\nWORKDIR /x\nFROM b\nWORKDIR y'],
  ['FROM a\nENV A=$B C=$B', 'UndefinedVar 2', 'UndefinedVar 2'],
  ['FROM a\nARG B\nENV A=$B\nRUN echo $C'],
  ['FROM a\nCOPY <<E /x\n$A\nE', 'UndefinedVar 2-4'],
  ['FROM a\nRUN --mount=type=cache,target=$A/x true', 'UndefinedVar 2'],
  ['FROM a\nEXPOSE $A'],
  ['FROM a\nCMD ["x"]\nCMD ["y"]\nFROM a\nCMD ["z"]', 'MultipleInstructionsDisallowed 2'],
  [
    'FROM a\nHEALTHCHECK NONE\nHEALTHCHECK CMD x\nHEALTHCHECK CMD y',
    'MultipleInstructionsDisallowed 2',
    'MultipleInstructionsDisallowed 3',
  ],
  ['FROM a\nENV a b\nLABEL a b', 'LegacyKeyValueFormat 2', 'LegacyKeyValueFormat 3'],
  ['FROM --platform=$TARGETPLATFORM a', 'RedundantTargetPlatform 1'],
  ['FROM --platform=linux/amd64 a\nFROM --platform=linux/amd64 a AS build-amd64', 'FromPlatformFlagConstDisallowed 1'],
  [
    'FROM a\nARG API_KEY\nENV MY_TOKEN=x TOKEN_FILE=y publickey=z',
    'SecretsUsedInArgOrEnv 2',
    'SecretsUsedInArgOrEnv 3',
  ],
  ['FROM a\nEXPOSE 80/TCP 127.0.0.1:90:90', 'ExposeInvalidFormat 2', 'ExposeProtoCasing 2'],
  ['FROM a\nCOPY node_modules src /x/\nADD src/x.log https://x.test/y /x/', 'CopyIgnoredFile 2', 'CopyIgnoredFile 3'],
];

test('the build checks find what BuildKit finds, at its lines', async () => {
  for (const [text, ...expected] of CASES) {
    const found = await linesOf(text, { ignorePatterns: ['node_modules', '**/*.log'] });
    assert.deepEqual(found.toSorted(), expected.toSorted(), JSON.stringify(text));
  }
});

test('each build check finds something in a test, and no two have one name', () => {
  const names = BUILD_CHECKS.map(({ name }) => name);
  assert.deepEqual([names.length, new Set(names).size], [22, 22]);
  const tested = new Set(CASES.flatMap(([, ...expected]) => expected.map((line) => line.split(' ')[0])));
  const others = names.filter((name) => !tested.has(name));
  assert.deepEqual(others, ['InvalidDefinitionDescription', 'InvalidBaseImagePlatform']);
});

test('InvalidBaseImagePlatform tells of a base for another platform', async () => {
  const arm = { ...baseConfig(), architecture: 'arm64' };
  const [finding] = await findingsOf('FROM a', { resolveImageConfig: () => Promise.resolve({ config: arm }) });
  const message = 'Base image a was pulled with platform "linux/arm64", expected "linux/amd64" for current build';
  assert.equal(finding?.message, message);
});

test('InvalidDefinitionDescription speaks where it is asked for only', async () => {
  const text = '# note\nFROM a AS b\n# wrong\nARG A\n# C words\nARG B C\n# x\n#\nARG D\n# E is\nARG E\n';
  assert.deepEqual(await linesOf(text), []);
  for (const rules of ['all', 'InvalidDefinitionDescription']) {
    const found = await linesOf(`# check=experimental=${rules}\n${text}`);
    assert.deepEqual(found, ['InvalidDefinitionDescription 3', 'InvalidDefinitionDescription 5']);
  }
});

test('findings propose the name that was likely meant', async () => {
  const messages = (await findingsOf('ARG VERSION\nFROM a$VERSIONS\nENV A=$PATHS B=$PATH C=$QQQQ')).map(
    ({ message }) => message,
  );
  assert.deepEqual(messages, [
    "FROM argument 'VERSIONS' is not declared (did you mean VERSION?)",
    "Usage of undefined variable '$PATHS' (did you mean $PATH?)",
    "Usage of undefined variable '$QQQQ'",
  ]);
});

test('`check=skip=` in the file, above an instruction and among the build arguments keeps rules silent', async () => {
  const bad = 'FROM a as Base\nCMD x\nWORKDIR y\n';
  assert.deepEqual(await linesOf(`# check=skip=all\n${bad}`), []);
  assert.deepEqual(await linesOf(`# check=skip=FromAsCasing, StageNameCasing\n${bad}`), [
    'StageNameCasing 2',
    'JSONArgsRecommended 3',
    'WorkdirRelativePath 4',
  ]);
  const above = 'FROM a\n# words\n# check=skip=JSONArgsRecommended\nCMD x\nCMD y\n# check=skip=all\nCMD z\n';
  assert.deepEqual(await linesOf(above), ['MultipleInstructionsDisallowed 4', 'JSONArgsRecommended 5']);
  const buildArgs = { BUILDKIT_DOCKERFILE_CHECK: 'skip=StageNameCasing,FromAsCasing;error=true' };
  assert.deepEqual(await linesOf(`# check=skip=all\n${bad}`, { buildArgs }), [
    'JSONArgsRecommended 3',
    'WorkdirRelativePath 4',
  ]);
});

test('comments that look like other directives, or like options that do not exist, keep nothing silent', async () => {
  for (const comment of ['escape=no', 'syntax=x', 'check=nonsense', 'check = skip', 'CHECK']) {
    assert.deepEqual(await linesOf(`FROM a\n# ${comment}\nCMD x`), ['JSONArgsRecommended 3'], comment);
  }
  assert.deepEqual(await linesOf('FROM a\n# escape=no\n# check = skip=JSONArgsRecommended and why\nCMD x'), []);
});

test('options of the build checks that cannot be read are refused', async () => {
  for (const value of ['skip', 'skp=x', 'error=maybe', 'skip=a;error=1;x=y']) {
    const dockerfile = parseDockerfile(`# check=${value}\nFROM a\nCMD x`);
    const resolveImageConfig = (): Promise<never> => Promise.reject(new Error('not asked'));
    const { error } = await checkDockerfile({ dockerfile, platform: PLATFORM, resolveImageConfig });
    assert.equal(error?.code, 'CHECK_OPTION', value);
    assert.equal(error.start.line, 1);
  }
});

test('findings say exactly what is meant', async () => {
  const text = 'FROM a as Base\nENV X=1 \\\n  MY_KEY=2\n';
  const spans = (await findingsOf(text)).map(({ rule, start, end }) => [rule, start, end]);
  assert.deepEqual(spans, [
    ['StageNameCasing', { line: 1, column: 11 }, { line: 1, column: 15 }],
    ['FromAsCasing', { line: 1, column: 8 }, { line: 1, column: 10 }],
    ['SecretsUsedInArgOrEnv', { line: 3, column: 3 }, { line: 3, column: 11 }],
  ]);
});

test('what is wrong with a file ends the findings there', async () => {
  assert.deepEqual(await linesOf('FROM a as b\nENV a b\nWORKDIR ${x\nCMD y'), [
    'FromAsCasing 1',
    'LegacyKeyValueFormat 2',
  ]);
  assert.deepEqual(await linesOf('FROM a as b\nENV a b\nNOPE\nMAINTAINER x'), ['FromAsCasing 1']);
  assert.deepEqual(await linesOf('FROM a as b\nRUN x \\\n\n y\nRUN <<E\n'), []);
  const config = { ...baseConfig({ Env: [PATH], Shell: ['sh'] }) };
  assert.deepEqual(await linesOf('FROM a\nCMD x', { resolveImageConfig: () => Promise.resolve({ config }) }), []);
});
