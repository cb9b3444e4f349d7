import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { streamOf } from '../../base/index.ts';
import { PackagesIndex } from './packages-index.ts';
import { resolveMinimal, type Selection } from './resolve.ts';

/** A package as one line: `name version; Field: value; …`. */
function paragraph(line: string): string {
  const [head = '', ...fields] = line.split(';').map((part) => part.trim());
  const [name = '', version = '1'] = head.split(' ');
  const has = (field: string): boolean => fields.some((each) => each.startsWith(`${field}:`));
  const lines = [`Package: ${name}`, `Version: ${version}`, ...fields];
  if (!has('Architecture')) lines.push('Architecture: amd64');
  lines.push(`Filename: pool/${name}.deb`, 'Size: 1', `SHA256: ${'0'.repeat(64)}`);
  return `${lines.join('\n')}\n`;
}

async function indexOf(...lines: readonly string[]): Promise<PackagesIndex> {
  const index = new PackagesIndex('amd64');
  await index.add(streamOf(['base; Essential: yes', 'apt', ...lines].map(paragraph).join('\n')), 'http://mirror');
  return index;
}

function resolve(index: PackagesIndex, include: readonly string[] = [], exclude: readonly string[] = []): Selection {
  return resolveMinimal(index, { architecture: 'amd64', include, exclude });
}

function names(selection: Selection): string {
  return selection.packages.map((each) => each.name).join(' ');
}

test('resolveMinimal() takes essential and required packages, apt, and what they depend on, dependencies first', async () => {
  const index = await indexOf(
    'r; Priority: required; Depends: x; Architecture: all',
    'x; Depends: z',
    'y',
    'z',
    'i386only; Priority: required; Architecture: i386',
  );
  const selection = resolve(index);
  assert.equal(names(selection), 'apt base z x r');
  assert.deepEqual([...selection.essential], ['base']);
});

test('resolveMinimal() takes the first alternative that can be had, but prefers what is chosen already', async () => {
  const index = await indexOf('a; Depends: nothing | x | y', 'x', 'y');
  assert.equal(names(resolve(index, ['a'])), 'x a apt base');
  assert.equal(names(resolve(index, ['a', 'y'])), 'y a apt base');
  assert.equal(names(resolve(index, ['a'], ['x'])), 'y a apt base');
});

test('resolveMinimal() takes back an alternative whose own dependencies fail', async () => {
  const index = await indexOf('a; Depends: x | y', 'x; Depends: w, nothing', 'w', 'y');
  assert.equal(names(resolve(index, ['a'])), 'y a apt base');
});

test('resolveMinimal() chooses among providers by priority, then by name', async () => {
  const index = await indexOf(
    'a; Depends: awk',
    'gawk; Provides: awk; Priority: optional',
    'mawk; Provides: awk; Priority: standard',
    'original-awk; Provides: awk',
  );
  assert.equal(names(resolve(index, ['a'])), 'mawk a apt base');
});

test('resolveMinimal() accepts a provided name for a versioned relation only when it is provided in that version', async () => {
  const index = await indexOf(
    'a; Depends: v (>= 2)',
    'p; Provides: v',
    'q; Provides: v (= 1), w',
    'r; Provides: v (= 2.1)',
  );
  assert.equal(names(resolve(index, ['a'])), 'r a apt base');
});

test('resolveMinimal() uses the newest of several versions', async () => {
  const index = await indexOf('a 1.9', 'a 1.10', 'a 1.10~rc1');
  assert.equal(resolve(index, ['a']).packages.find((each) => each.name === 'a')?.version, '1.10');
});

test('resolveMinimal() names the chain that leads to an unsatisfied dependency', async () => {
  const index = await indexOf('a; Depends: b', 'b; Pre-Depends: c (>= 2)', 'c 1');
  assert.throws(() => resolve(index, ['a']), {
    code: 'DEPENDENCY_UNSATISFIED',
    message: 'b 1 depends on c (>= 2), which cannot be had (wanted through a → b)',
  });
  assert.throws(() => resolve(index, ['zzz']), { code: 'PACKAGE_NOT_FOUND' });
});

test('resolveMinimal() refuses packages that conflict, and goes around a conflict where it can', async () => {
  const index = await indexOf(
    'a; Conflicts: b',
    'b',
    'c; Depends: b | d',
    'd; Breaks: apt (<< 1)',
    'e; Breaks: apt (<< 2)',
    'f; Provides: g; Conflicts: g',
  );
  assert.throws(() => resolve(index, ['a', 'b']), { code: 'PACKAGES_CONFLICT' });
  assert.throws(() => resolve(index, ['e']), { code: 'PACKAGES_CONFLICT' });
  assert.equal(names(resolve(index, ['a', 'c', 'f'])), 'a apt base d c f');
});

test('resolveMinimal() ends on dependency cycles', async () => {
  const index = await indexOf('a; Depends: b', 'b; Depends: c', 'c; Depends: a');
  assert.equal(names(resolve(index, ['a'])), 'c b a apt base');
});

test('PackagesIndex reads the same from any cut of the file', async () => {
  const text = Array.from({ length: 12 }, (_, i) =>
    paragraph(`p${i} ${i}; Provides: v${i % 3}, w; Priority: required`),
  ).join('\n');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 12 }), async (cuts) => {
      const sorted = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      const index = new PackagesIndex('amd64');
      await index.add(streamOf(...sorted.slice(1).map((end, i) => text.slice(sorted[i], end))), 'http://mirror');
      assert.equal(index.listMarked().length, 12);
      assert.equal(index.listProviders('w').length, 12);
    }),
    { numRuns: 50 },
  );
});

test('PackagesIndex refuses paths that leave the archive and checksums that are none', async () => {
  for (const [from, to] of [
    ['pool/x.deb', '../x.deb'],
    ['pool/x.deb', '/x.deb'],
    ['0000', 'zzzz'],
    ['Size: 1', 'Size: -1'],
  ]) {
    const index = new PackagesIndex('amd64');
    await index.add(streamOf(paragraph('x').replace(from ?? '', to ?? '')), 'http://mirror');
    assert.throws(() => index.find('x'), { code: 'CONTROL_MALFORMED' });
  }
});
