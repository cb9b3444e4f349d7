import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isShaleError } from '../base/index.ts';
import { loadDefinition, type LoadOptions } from './load.ts';
import { printable } from './print.ts';
import { resolvePlan, type BakePlan } from './resolve.ts';

const options = (environment: Readonly<Record<string, string>> = {}): LoadOptions => ({
  environment,
  composeEnvironment: environment,
  given: { BAKE_LOCAL_PLATFORM: 'linux/amd64' },
  now: () => 0,
  uuid: () => 'uuid',
});

function plan(
  files: Readonly<Record<string, string>>,
  names: readonly string[] = [],
  overrides: readonly string[] = [],
): BakePlan {
  const sources = Object.entries(files).map(([name, text]) => ({ name, text }));
  return resolvePlan(loadDefinition(sources, options()), { names, overrides, environment: {} });
}

/** The message and the hint of a refusal. */
function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isShaleError(error)) return `${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`;
    throw error;
  }
  return 'taken';
}
const refusalOf = (text: string, name = 'f.hcl'): string => refusal(() => plan({ [name]: text }, ['a']));

describe('loadDefinition()', () => {
  test('an error names file, line and column, what is wrong and what helps', () => {
    const cases: [string, string][] = [
      ['target "a" {\n  context = [1]\n}', 'f.hcl:2:13: context is a text, not a list'],
      ['target "a" {\n  tags = [null, {}]\n}', 'f.hcl:2:10: expected a list of texts, and one element is an object'],
      ['target "a" {\n  no-cache = "maybe"\n}', 'f.hcl:2:14: no-cache is true or false, not a string'],
      ['target "a" {\n  cache-to = ["dest=x"]\n}', 'f.hcl:2:14: "dest=x" has no type'],
      ['target "a" "b" {}', 'f.hcl:1:1: a block target has one label, its name, and this one has 2'],
      [
        'target "a" {\n  name = "b"\n}',
        'f.hcl:2:3: a target is called by its label; "name" belongs to a matrix (matrix = { … })',
      ],
      [
        'target "a" {\n  matrix = { x = 1 }\n  name = "b"\n}',
        'f.hcl:2:12: the member x of a matrix is a list, not a number',
      ],
      [
        'target "a" {\n  args = { x = y }\n}\nvariable "z" {}',
        'f.hcl:2:16: there is no variable "y" (the variables are BAKE_LOCAL_PLATFORM, z)',
      ],
      [
        'target "a" {\n  args = { x = bcrypt("x") }\n}',
        'f.hcl:2:16: the function bcrypt is not taken: its result is another one in every run',
      ],
      [
        'target "a" {\n  args = { x = substr("x", "y", 1) }\n}',
        'f.hcl:2:16: substr(): argument 2 is a string, expected a number',
      ],
      [
        'variable "v" {\n  type = list(strong)\n}',
        'f.hcl:2:15: expected a type (any, string, number, bool, list(TYPE), set(TYPE), map(TYPE), tuple([TYPE, …]), object({ NAME = TYPE, … }))',
      ],
      [
        'variable "v" {\n  type = number\n  default = "x"\n}',
        'f.hcl:3:13: the default of v: expected number, not a string',
      ],
      [
        'variable "v" {\n  default = 1\n  validation {\n    condition = v > 1\n    error_message = "too small"\n  }\n}',
        'f.hcl:4:17: the variable v has a wrong value: too small',
      ],
      ['a = b\nb = a\ntarget "a" {}', 'f.hcl:1:1: a is made of itself: a → b → a'],
      [
        'function "f" {\n  params = [x]\n  result = f(x)\n}\ntarget "a" { args = { x = f(1) } }',
        'f.hcl:3:12: f(): it is called 100 times inside of itself',
      ],
      ['target "a" { args = { x = { a = 1 }.b } }', 'f.hcl:1:27: the object has no member "b" (its members are a)'],
    ];
    for (const [text, message] of cases) assert.equal(refusalOf(text), message);
  });

  test('what nobody knows is warned of with its place', () => {
    const text = 'target "a" {\n  contex = "x"\n}\nstage "x" {}\ngroup "g" {\n  targets = []\n  tags = []\n}\n';
    assert.deepEqual(loadDefinition([{ name: 'f.hcl', text }], options()).warnings, [
      'f.hcl:2: a target has no attribute contex, and it is ignored',
      'f.hcl:4: the block stage is none of variable, function, group, target, and ignored',
      'f.hcl:7: a group has no attribute tags',
    ]);
  });

  test('compose files are refused with the line and the path', () => {
    const cases: [string, string][] = [
      ['services:\n  a:\n    build:\n      tags: x\n', 'f.yaml:4:13: services.a.build.tags: expected a list'],
      ['services:\n  a:\n    build:\n      context: [x]\n', 'f.yaml:4:16: services.a.build.context: expected a text'],
      [
        'services:\n  a:\n    build:\n      secrets: [s]\n',
        "f.yaml:4:17: services.a.build.secrets.0: there is no secret s among the file's secrets",
      ],
      ['services:\n  a:\n    extends: b\n    build: .\n', 'f.yaml:3:5: services.a: there is no service b to extend'],
      ['services:\n  a: { build: "${X?needed}" }\n', 'f.yaml:2:15: services.a.build: the variable X is needed: needed'],
      [
        'services:\n  a: { build: "$" }\n',
        'f.yaml:2:15: services.a.build: "$": a "$" stands without a variable; "$$" is the sign itself',
      ],
      [
        'services:\n  a:\n    build: { x-bake: { nope: 1 } }\n',
        'f.yaml:3:30: services.a.build.x-bake.nope: a target has no nope',
      ],
      ['services: [\n', ''],
    ];
    for (const [text, message] of cases) {
      const refused = refusalOf(text, 'f.yaml');
      if (message === '') assert.match(refused, /^f\.yaml:\d+:\d+: this is no YAML: /);
      else assert.equal(refused, message);
    }
  });

  test('a compose file without builds comes to nothing, and hides no target of another file', () => {
    const compose = 'services:\n  a: { image: x }\n';
    const nothing = loadDefinition([{ name: 'c.yaml', text: compose }], options());
    assert.deepEqual(nothing.warnings, ['no service of c.yaml is built']);
    assert.deepEqual(plan({ 'c.yaml': compose }).wanted, []);
    assert.deepEqual(plan({ 'c.yaml': compose, 'f.hcl': 'target "default" {}\n' }).wanted, ['default']);
  });

  test('a document of aliases that multiply is refused', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `x${i + 1}: &x${i + 1} [${Array.from({ length: 9 }, () => `*x${i}`).join(', ')}]`,
    );
    assert.match(refusalOf(`x0: &x0 [1, 2]\n${levels.join('\n')}\n`, 'f.yaml'), /the aliases cannot be followed/);
  });

  test('no text makes it do anything but answer or refuse', () => {
    const pieces = [
      'target',
      ' ',
      '"',
      '{',
      '}',
      '[',
      ']',
      '=',
      '\n',
      '${',
      '%{',
      'if',
      'for',
      'in',
      '...',
      '<<E',
      'E',
      ',',
      ':',
      '?',
      'a',
      '1',
      '(',
      ')',
      '.',
      '*',
      '#',
      '\\',
      '~',
      '-',
      '!',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...pieces), { maxLength: 40 }),
        fc.constantFrom('f.hcl', 'f.json', 'f.yaml'),
        (parts, name) => {
          refusalOf(parts.join(''), name);
        },
      ),
      { seed: 7, numRuns: 3000 },
    );
  });
});

describe('resolvePlan()', () => {
  const text = 'target "a" {\n  tags = ["1"]\n}\ntarget "a-b" {}\n';

  test('an override says what is wrong with it', () => {
    const wrong = (override: string): string => refusal(() => plan({ 'f.hcl': text }, ['a'], [override]));
    assert.equal(wrong('a'), '--set a: expected TARGET.FIELD=VALUE');
    assert.equal(wrong('x.tags=y'), '--set x.tags=y: no target is called "x"');
    assert.match(wrong('a.tag=y'), /^--set a\.tag=y: a target has no "tag" to set \(there are description, /);
    assert.equal(wrong('a.args=y'), '--set a.args=y: args is set by name: TARGET.args.KEY=VALUE');
    assert.equal(wrong('a.tags.x=y'), '--set a.tags.x=y: tags has no members');
    assert.equal(wrong('a.pull=maybe'), '--set a.pull=maybe: pull is true or false');
    assert.equal(wrong('a.output=dest=x'), '--set a.output=dest=x: "dest=x" has no type');
  });

  test('what is printed is a bake file that comes to the same', () => {
    const first = plan({
      'f.hcl':
        'group "default" { targets = ["g"] }\ngroup "g" { targets = ["a"] }\ntarget "a" {\n  args = { A = "$${x} %%{y}" }\n  dockerfile-inline = "FROM a\\nENV B=$${C}"\n  secret = ["id=s,env=S"]\n  output = ["type=tar,dest=a.tar"]\n  ssh = ["default=x"]\n}\n',
    });
    const again = plan({ 'again.json': JSON.stringify(printable(first)) });
    assert.deepEqual(printable(again), printable(first));
    assert.deepEqual(again.wanted, ['a']);
  });

  test('what is not there is named with what is', () => {
    assert.equal(
      refusal(() => plan({ 'f.hcl': text })),
      'no group and no target is called default (there are a, a-b)',
    );
    assert.equal(
      refusal(() => plan({ 'f.hcl': text }, ['b'])),
      'there is no target b (there are a, a-b)',
    );
    assert.equal(
      refusal(() => plan({ 'f.hcl': 'target "a" { inherits = ["b"] }' }, ['a'])),
      'there is no target b, which a inherits from (there are a)',
    );
  });
});
