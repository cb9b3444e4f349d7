import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expandWord, ExpansionError, type Expansion } from './words.ts';

function expandOrFail(word: string, env: Readonly<Record<string, string>>): Expansion | undefined {
  try {
    return expandWord(word, (name) => env[name]);
  } catch (error) {
    assert.ok(error instanceof ExpansionError, String(error));
    return undefined;
  }
}

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
