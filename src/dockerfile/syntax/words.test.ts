import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCorpus } from './corpus.fixture.ts';
import { expandWord, ExpansionError, type Expansion } from './words.ts';

const tables = readCorpus('words.json');

function expandOrFail(word: string, env: Readonly<Record<string, string>>): Expansion | undefined {
  try {
    return expandWord(word, (name) => env[name]);
  } catch (error) {
    assert.ok(error instanceof ExpansionError, String(error));
    return undefined;
  }
}

test('expandWord() gives the results of the reference table', { skip: tables.missing }, () => {
  const { env, envVarTest } = tables.read<{ env: Record<string, string>; envVarTest: string }>();
  let cases = 0;
  for (const line of envVarTest.split('\n')) {
    const match = /^([AU])\|(.*?)\s*\|(.*)$/.exec(line);
    if (match === null) continue;
    const [, , input = '', output = ''] = match;
    assert.equal(expandOrFail(input, env)?.text ?? 'error', output.trim(), line);
    cases++;
  }
  assert.ok(cases > 200, `${cases} cases`);
});

test('expandWord() splits words as the reference table says', { skip: tables.missing }, () => {
  const { wordsTest } = tables.read<{ wordsTest: string }>();
  const env: Record<string, string> = {};
  let cases = 0;
  for (const line of wordsTest.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const assignment = /^ENV (\w+)=(.*)$/.exec(line);
    if (assignment !== null) {
      env[assignment[1] ?? ''] = assignment[2] ?? '';
      continue;
    }
    const [input = '', output = ''] = line.split('|');
    const words = expandOrFail(input.trim(), env)?.words.join(',') ?? 'error';
    assert.equal(words, output.replace(/^ /, ''), line);
    cases++;
  }
  assert.ok(cases > 20, `${cases} cases`);
});

test('expandWord() cuts and replaces by patterns', () => {
  const env = { P: 'a/b/c.tar.gz', E: '', M: 'x*y' };
  const cases: [string, string][] = [
    ['${P#*/}', 'b/c.tar.gz'],
    ['${P##*/}', 'c.tar.gz'],
    ['${P%.*}', 'a/b/c.tar'],
    ['${P%%.*}', 'a/b/c'],
    ['${P#?}', '/b/c.tar.gz'],
    ['${P#z}', 'a/b/c.tar.gz'],
    ['${P/\\//_}', 'a_b/c.tar.gz'],
    ['${P//\\//_}', 'a_b_c.tar.gz'],
    ['${P//[a-b]/_}', 'a/b/c.tar.gz'],
    ['${M/\\*/-}', 'x-y'],
    ['${M//?/.}', '...'],
    ['${E//x/y}', ''],
    ['${U//x/y}', ''],
    ['${P//a*/Q}', 'Q'],
  ];
  for (const [input, output] of cases) assert.equal(expandOrFail(input, env)?.text, output, input);
});

test('expandWord() says which names it found and which not', () => {
  const { matched, unmatched } = expandWord('$a ${b:-$c} ${d}', (name) => (name === 'a' ? '1' : undefined));
  assert.deepEqual([...matched], ['a']);
  assert.deepEqual([...unmatched].toSorted(), ['b', 'c', 'd']);
});

test('expandWord() never throws anything but ExpansionError, and ends', () => {
  const text = fc.string({ unit: fc.constantFrom(...Array.from('$${}:-+?#%/\\\'"<a1_* é\n')), maxLength: 40 });
  fc.assert(
    fc.property(text, (word) => void expandOrFail(word, { a: 'value', é: '*' })),
    { numRuns: 2000 },
  );
});

test('expandWord() refuses endless nesting and stays quick on long words', () => {
  assert.throws(() => expandWord('${a:-'.repeat(5000), () => undefined), ExpansionError);
  const started = process.hrtime.bigint();
  expandWord('${v//*a*b*c/x}', () => 'a'.repeat(2000));
  expandWord('x'.repeat(1_000_000), () => undefined);
  assert.ok(process.hrtime.bigint() - started < 3_000_000_000n);
});
