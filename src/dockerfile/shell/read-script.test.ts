import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogicalLine } from '../syntax/logical-line.ts';
import { readScript } from './read-script.ts';
import type { Script } from './script.ts';

const AT = 100;

function read(text: string, known: Readonly<Record<string, string>> = {}): Script {
  const line = new LogicalLine();
  line.append(text, AT);
  return readScript(line, { lookup: (name) => known[name], hasPipefail: false });
}

/** Each start of a program as a line: wrappers, name, arguments; `?` marks what is not known. */
function shown(text: string, known: Readonly<Record<string, string>> = {}): string[] {
  return read(text, known).invocations.map(({ wrappers, word, args }) =>
    [...wrappers.map((name) => `${name}>`), ...[word, ...args].map((one) => one.text + (one.isKnown ? '' : '?'))].join(
      ' ',
    ),
  );
}

test('readScript() finds programs in whatever they are nested', () => {
  assert.deepEqual(shown('a && (b; c) | d || e &'), ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(shown('if a; then b; elif c; then d; else e; fi'), ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(shown('for i in 1 2; do a $i; done; while b; do c; done; case x in x) d;; esac; f() { e; }'), [
    'a $i?',
    'b',
    'c',
    'd',
    'e',
  ]);
  assert.deepEqual(shown('a "$(b)" `c` <(d) > "$(e)"'), ['b', 'c', 'd', 'e', 'a $(b)? `c`? <(d)?']);
  assert.deepEqual(shown('sudo -u x env A=b timeout 5 a b'), [
    'sudo -u x env A=b timeout 5 a b',
    'sudo> env A=b timeout 5 a b',
    'sudo> env> timeout 5 a b',
    'sudo> env> timeout> a b',
  ]);
});

test('readScript() reads what a shell is given to read, in its place', () => {
  const text = "bash -ec 'a && b x' ; sh <<E\nc y\nE\n";
  const script = read(text);
  const inner = script.invocations.filter(({ name }) => ['a', 'b', 'c'].includes(name));
  const places = inner.map(({ start, end }) => text.slice(start - AT, end - AT));
  assert.deepEqual(places, ['a', 'b x', 'c y']);
  assert.deepEqual(shown('sh -c "a \\"b\\""'), ['sh -c a "b"']);
  assert.deepEqual(shown('cat <<E > /x\na b\nE'), ['cat']);
});

test('readScript() puts in what is known of variables, and leaves the rest as it is written', () => {
  assert.deepEqual(shown('P="a b"; L=(c "d e"); x $P "$P" "${L[@]}" $U "$U" ${V:-w}', { V: 'v' }), [
    'x a b a b c d e $U? $U? v',
  ]);
  assert.deepEqual(shown('if x; then P=1; fi; y $P; Q=1; unset Q; z $Q'), ['x', 'y $P?', 'unset Q', 'z $Q?']);
  assert.deepEqual(shown('(P=1; x $P); y $P', { P: '0' }), ['x 1', 'y 0']);
});

test('readScript() knows pipes and whether their failures are noticed', () => {
  const pipes = (text: string): boolean[] => read(text).pipelines.map(({ hasPipefail }) => hasPipefail);
  assert.deepEqual(pipes('a | b; set -euo pipefail; c | d; set +o pipefail; e | f'), [false, true, false]);
  assert.deepEqual(pipes('(set -o pipefail); a | b'), [false]);
  assert.deepEqual(read('a | b | (c)').pipelines[0]?.names, ['a', 'b', '']);
});

test('readScript() reads broken text as far as it goes, and says what is wrong', () => {
  const { errors, invocations } = read('a && (b || "c');
  assert.ok(errors.length > 0);
  assert.deepEqual(invocations.map(({ name }) => name).slice(0, 2), ['a', 'b']);
});
