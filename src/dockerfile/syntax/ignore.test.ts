import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromText, isShaleError } from '../../base/index.ts';
import { compileIgnore, parseIgnoreFile, type IgnoreMatcher } from './ignore.ts';

test('F-210: parseIgnoreFile() cleans lines as the reference does', () => {
  const text = '\ufeff#c\r\n  a/b/ \r\n/x\n./y\n! /z\n\n!\n # not a comment\n\\#d\n../e\n/\na//b/../c\n';
  assert.deepEqual(parseIgnoreFile(text), ['a/b', 'x', 'y', '!z', '!', '# not a comment', '\\#d', '../e', '/', 'a/c']);
});

test('compileIgnore() takes a child of a left-out parent in again', () => {
  const matcher = compileIgnore(['*', '!keep', '!a/b/*.txt']);
  const answers = ['x', 'keep', 'keep/inside', 'a', 'a/b', 'a/b/c.txt', 'a/b/c.bin'].map((path) =>
    matcher.matches(path),
  );
  assert.deepEqual(answers, [true, false, false, true, true, false, true]);
});

test('compileIgnore() skips a directory only when nothing below can come back', () => {
  const matcher = compileIgnore(['node_modules', 'build', '!build/keep', 'logs', '!*.md']);
  const skips = (path: string): boolean => matcher.canSkip(path, matcher.enter(path, matcher.root));
  assert.deepEqual(['src', 'build', 'logs'].map(skips), [false, false, false]);
  const narrow = compileIgnore(['node_modules', 'build', '!build/keep']);
  assert.equal(narrow.canSkip('node_modules', narrow.enter('node_modules', narrow.root)), true);
  assert.equal(narrow.canSkip('build', narrow.enter('build', narrow.root)), false);
});

test('compileIgnore() refuses malformed patterns', () => {
  for (const pattern of ['[', '!', 'a\\', '[]']) {
    assert.throws(() => compileIgnore([pattern]), { code: 'IGNORE_PATTERN_INVALID' }, pattern);
  }
});

function ignoredByWalk(matcher: IgnoreMatcher, path: string): boolean {
  const parts = path.split('/');
  let scope = matcher.root;
  for (let depth = 1; depth < parts.length; depth++) {
    const folder = parts.slice(0, depth).join('/');
    scope = matcher.enter(folder, scope);
    if (matcher.canSkip(folder, scope)) return true;
  }
  return matcher.isIgnored(path, scope);
}

test('compileIgnore() never skips a directory with something to keep', () => {
  const piece = fc.constantFrom('a', 'b', '*', '**', '?', 'a*', '[ab]');
  const pattern = fc
    .tuple(fc.boolean(), fc.array(piece, { minLength: 1, maxLength: 4 }))
    .map(([isException, parts]) => (isException ? '!' : '') + parts.join('/'));
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'c'), { minLength: 1, maxLength: 4 }).map((p) => p.join('/'));
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 5 }), path, (patterns, name) => {
      const matcher = compileIgnore(patterns);
      assert.equal(ignoredByWalk(matcher, name), matcher.matches(name));
    }),
    { numRuns: 3000 },
  );
});

test('compileIgnore() never throws anything but IGNORE_PATTERN_INVALID, whatever the pattern', () => {
  const pattern = fc.string({ unit: fc.constantFrom(...Array.from('a*?[]^-\\!/.é')), maxLength: 12 });
  fc.assert(
    fc.property(pattern, fc.string(), (text, path) => {
      try {
        compileIgnore([text]).matches(fromText(path));
      } catch (error) {
        assert.ok(isShaleError(error, 'IGNORE_PATTERN_INVALID'));
      }
    }),
    { numRuns: 2000 },
  );
});

test('compileIgnore() is fast on 20,000 paths, and on a hostile pattern', () => {
  const names =
    'node_modules,.git,dist,*.log,**/*.pyc,**/__pycache__,docs/*.md,!docs/README.md,**/.DS_Store,*.tmp,test/**';
  const matcher = compileIgnore([...names.split(','), ...Array.from({ length: 20 }, (_, i) => `folder-${i}/*.txt`)]);
  const started = process.hrtime.bigint();
  let kept = 0;
  for (let folder = 0; folder < 400; folder++) {
    const path = `src/module-${folder}`;
    const scope = matcher.enter(path, matcher.enter('src', matcher.root));
    for (let file = 0; file < 50; file++) if (!matcher.isIgnored(`${path}/file-${file}.ts`, scope)) kept++;
  }
  assert.equal(kept, 20_000);
  assert.equal(compileIgnore(['**/a'.repeat(30) + '/b']).matches('a/'.repeat(500) + 'c'), false);
  const elapsedMs = Number(process.hrtime.bigint() - started) / 1e6;
  assert.ok(elapsedMs < 1000, `${elapsedMs} ms`);
});
