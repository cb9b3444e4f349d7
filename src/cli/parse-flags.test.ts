import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Flag } from './command.ts';
import { parseFlags } from './parse-flags.ts';

const flags: readonly Flag[] = [
  { kind: 'boolean', name: 'rm', summary: '' },
  { kind: 'boolean', name: 'interactive', short: 'i', summary: '' },
  { kind: 'boolean', name: 'tty', short: 't', summary: '' },
  { kind: 'boolean', name: 'detach', short: 'd', summary: '' },
  { kind: 'boolean', name: 'pause', default: true, summary: '' },
  { kind: 'text', name: 'name', value: 'NAME', summary: '' },
  { kind: 'text', name: 'progress', value: 'KIND', choices: ['auto', 'tty', 'plain'], default: 'auto', summary: '' },
  { kind: 'list', name: 'publish', short: 'p', value: 'PORTS', summary: '' },
  { kind: 'list', name: 'env', short: 'e', value: 'NAME=VALUE', summary: '' },
];
const grammar = {
  flags,
  refused: [{ name: 'privileged', why: 'containers have no more rights', instead: 'try less' }],
};
const parse = (...words: string[]): ReturnType<typeof parseFlags> => parseFlags(words, grammar);

describe('parseFlags() reads what pflag reads', () => {
  test('parseFlags() takes --name value and --name=value, the last one counts', () => {
    assert.equal(parse('--name', 'a', '--name=b=c').flags.text('name'), 'b=c');
    assert.equal(parse('--name=').flags.text('name'), '');
  });

  test('parseFlags() takes booleans with and without a value', () => {
    assert.equal(parse('--rm').flags.boolean('rm'), true);
    assert.equal(parse('--rm=false').flags.boolean('rm'), false);
    assert.equal(parse('--rm', '--rm=0').flags.boolean('rm'), false);
    assert.equal(parse('-i=false').flags.boolean('interactive'), false);
    assert.equal(parse().flags.boolean('pause'), true);
    assert.equal(parse('--pause=F').flags.boolean('pause'), false);
    assert.deepEqual(parse('--rm', 'false').args, ['false']);
  });

  test('parseFlags() takes bundled letters, with a value at the end', () => {
    const { flags: parsed, args } = parse('-itd', '-p8080:80', '-tp=81:81', '-e', 'A=b', '-ieB=c', 'image');
    assert.equal(parsed.boolean('interactive') && parsed.boolean('tty') && parsed.boolean('detach'), true);
    assert.deepEqual(parsed.list('publish'), ['8080:80', '81:81']);
    assert.deepEqual(parsed.list('env'), ['A=b', 'B=c']);
    assert.deepEqual(args, ['image']);
  });

  test('parseFlags() lets a value begin with a dash', () => {
    assert.equal(parse('--name', '--rm').flags.text('name'), '--rm');
    assert.deepEqual(parse('-e', '-x').flags.list('env'), ['-x']);
  });

  test('parseFlags() ends options at -- and takes - as an argument', () => {
    const { flags: parsed, args } = parse('-', '--rm', '--', '--name', 'x', '--');
    assert.equal(parsed.boolean('rm'), true);
    assert.deepEqual(args, ['-', '--name', 'x', '--']);
  });

  test('parseFlags() reads options after arguments unless they come first', () => {
    assert.equal(parse('image', '--rm').flags.boolean('rm'), true);
    const first = parseFlags(['-i', 'image', '--rm', '-x', '--'], { ...grammar, optionsFirst: true });
    assert.equal(first.flags.boolean('rm'), false);
    assert.deepEqual(first.args, ['image', '--rm', '-x', '--']);
  });

  test('parseFlags() tells given flags from defaults', () => {
    assert.equal(parse().flags.text('progress'), 'auto');
    assert.equal(parse().flags.given('progress'), false);
    assert.equal(parse('--progress=auto').flags.given('progress'), true);
  });
});

describe('parseFlags() refuses', () => {
  const refusals: readonly (readonly [words: readonly string[], message: RegExp, hint?: string])[] = [
    [['--nmae', 'x'], /^unknown flag --nmae$/, 'did you mean --name?'],
    [['--frobnicate'], /^unknown flag --frobnicate$/],
    [['-x'], /^unknown flag -x$/],
    [['-itx'], /^unknown flag -x in -itx$/],
    [['-name=x'], /^unknown flag -n in -name=x$/, 'did you mean --name?'],
    [['--name'], /^--name needs a value$/],
    [['-p'], /^-p needs a value$/],
    [['--rm=maybe'], /^--rm is true or false, not "maybe"$/],
    [['--progress', 'plian'], /^--progress is one of auto, tty, plain, not "plian"$/, 'did you mean plain?'],
    [['--privileged'], /^--privileged: containers have no more rights$/, 'try less'],
    [['--privileged=true'], /^--privileged: containers/, 'try less'],
  ];
  for (const [words, message, hint] of refusals) {
    test(`parseFlags() refuses ${words.join(' ')}`, () => {
      assert.throws(
        () => parse(...words),
        (error: Error & { code?: string; hint?: string }) => {
          assert.match(error.message, message);
          assert.equal(error.code, 'USAGE');
          assert.equal(error.hint, hint);
          return true;
        },
      );
    });
  }

  test('parseFlags() either answers or refuses with USAGE, whatever the words', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('--', '-', '--rm', '-it', '-p', '--name', '--name=', '-e=', '-=', '--='),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        try {
          const { args } = parse(...words);
          return args.every((arg) => words.includes(arg));
        } catch (error) {
          return (error as { code?: string }).code === 'USAGE';
        }
      }),
      { numRuns: 500 },
    );
  });
});
