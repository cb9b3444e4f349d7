import assert from 'node:assert/strict';
import { expandWord, ExpansionError, type Expansion } from '../../src/dockerfile/index.ts';
import { readCorpus } from '../../src/dockerfile/syntax/corpus.fixture.ts';
import { plainSuite, type ConformanceCase, type Suite } from '../suite.ts';

interface WordTables {
  readonly env: Readonly<Record<string, string>>;
  /** `A|input | output` lines: A for all platforms, U for Unix, W for Windows. */
  readonly envVarTest: string;
  /** `ENV name=value` and `input | word,word` lines. */
  readonly wordsTest: string;
}

const tables = readCorpus('words.json');

function expandOrFail(word: string, env: Readonly<Record<string, string>>): Expansion | undefined {
  try {
    return expandWord(word, (name) => env[name]);
  } catch (error) {
    assert.ok(error instanceof ExpansionError, String(error));
    return undefined;
  }
}

function expansions({ env, envVarTest }: WordTables): ConformanceCase[] {
  return envVarTest.split('\n').flatMap((line, index) => {
    const [, input, output = ''] = /^[AU]\|(.*?)\s*\|(.*)$/.exec(line) ?? [];
    if (input === undefined) return [];
    const run = (): void => assert.equal(expandOrFail(input, env)?.text ?? 'error', output.trim());
    return [{ name: `expansion ${index + 1}: ${line}`, run }];
  });
}

function splittings({ wordsTest }: WordTables): ConformanceCase[] {
  let env: Readonly<Record<string, string>> = {};
  return wordsTest.split('\n').flatMap((line, index) => {
    if (line === '' || line.startsWith('#')) return [];
    const [, name, value = ''] = /^ENV (\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      env = { ...env, [name]: value };
      return [];
    }
    const known = env;
    const [input = '', output = ''] = line.split('|');
    const run = (): void =>
      assert.equal(expandOrFail(input.trim(), known)?.words.join(',') ?? 'error', output.replace(/^ /, ''));
    return [{ name: `words ${index + 1}: ${line}`, run }];
  });
}

export const words: Suite = plainSuite(
  { name: 'words', about: 'words with what BuildKit expands and splits them to', missing: tables.missing },
  () => {
    const read = tables.read<WordTables>();
    return [...expansions(read), ...splittings(read)];
  },
);
