import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ShaleError } from '../../base/index.ts';
import { parseDependencies } from './dependency.ts';
import { loadAlpineKeys } from './keys.ts';
import { readSignedIndex } from './package-index.ts';
import { resolveWorld } from './resolve.ts';
import { makeSigner, packApk, packIndex, signIndexText, type TestApk } from './packed-apk.fixture.ts';
import { compareApkVersions, isApkVersion } from './version.ts';

const RUNS = process.env['SHALE_TEST_LONG'] === '1' ? 3000 : 150;
const signer = makeSigner();
const what = 'APKINDEX.tar.gz';
const key = { name: signer.name, fingerprint: '', pem: signer.pem, key: signer.privateKey };
const keys = new Map([[signer.name, key]]);

/** Nothing but our own errors come out. */
function survives(work: () => void): void {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof ShaleError, String(error));
  }
}

test('readSignedIndex() refuses damaged files with its own errors only', () => {
  const whole = packIndex([packApk({ name: 'a', version: '1', depends: 'b>1' }, signer)], signer);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(whole.length), (at, byte, end) => {
      const damaged = Buffer.from(whole.subarray(0, Math.max(end, 1)));
      damaged[at % damaged.length] = byte;
      survives(() => readSignedIndex(damaged, { keys, what, repository: 0 }));
    }),
    { numRuns: RUNS, seed: 7 },
  );
});

test('lists and dependencies of any text are read or refused, and what was read can be resolved or not', () => {
  const word = fc.stringMatching(/^[a-c!<>=~@:0-9._-]{0,8}$/);
  const line = fc.tuple(
    fc.constantFrom('P', 'V', 'D', 'p', 'i', 'k', 'C', 'Z', 'S'),
    fc.oneof(word, fc.string({ maxLength: 20 })),
  );
  fc.assert(
    fc.property(fc.array(fc.array(line, { maxLength: 6 }), { maxLength: 6 }), (blocks) => {
      const text = blocks
        .map((lines, i) =>
          [['C', `Q1${'A'.repeat(26)}${i % 10}=`], ['P', 'abc'[i % 3]], ['V', `${i}`], ...lines]
            .map(([letter, value]) => `${letter}:${value}\n`)
            .join(''),
        )
        .join('\n');
      survives(() => {
        const { packages } = readSignedIndex(signIndexText(text, signer), { keys, what, repository: 0 });
        resolveWorld({ packages, world: parseDependencies('a b'), tags: [undefined] });
      });
    }),
    { numRuns: RUNS, seed: 7 },
  );
});

test('compareApkVersions() is an order over whatever apk takes', () => {
  const version = fc.stringMatching(/^[0-3](\.[0-2]{1,3}){0,2}[a-b]?(_(alpha|rc|p)[0-2]?)?(-r[0-3])?$/);
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.ok([a, b, c].every(isApkVersion));
      assert.equal(compareApkVersions(a, a), 0);
      assert.equal(Math.sign(compareApkVersions(a, b)), -Math.sign(compareApkVersions(b, a)) || 0);
      if (compareApkVersions(a, b) <= 0 && compareApkVersions(b, c) <= 0) assert.ok(compareApkVersions(a, c) <= 0);
    }),
    { numRuns: RUNS * 4, seed: 7 },
  );
});

test('resolveWorld() gives sets in which every dependency is met and nothing conflicts', async () => {
  assert.ok((await loadAlpineKeys({ architecture: 'x86_64' })).size > 0);
  const names = ['a', 'b', 'c', 'd', 'e'];
  const dependency = fc.tuple(
    fc.constantFrom('', '', '', '!'),
    fc.constantFrom(...names),
    fc.constantFrom('', '', '>1', '<2', '=1'),
  );
  const apk = fc.record({
    name: fc.constantFrom(...names),
    version: fc.constantFrom('1', '2', '3'),
    depends: fc.array(dependency, { maxLength: 2 }),
    provides: fc.array(fc.constantFrom('d', 'e=1', 'e=2'), { maxLength: 1 }),
    providerPriority: fc.constantFrom(0, 1, 2),
  });
  fc.assert(
    fc.property(fc.array(apk, { maxLength: 8 }), (made) => {
      const unique = new Map(made.map((each) => [`${each.name} ${each.version}`, each]));
      const apks = [...unique.values()].map((each): TestApk => ({
        ...each,
        depends: each.depends
          .filter(([, name]) => name !== each.name)
          .map((parts) => parts.join(''))
          .join(' '),
        provides: each.provides.filter((text) => !text.startsWith(each.name)).join(' '),
      }));
      const bytes = packIndex(
        apks.map((each) => packApk(each, signer)),
        signer,
      );
      const { packages } = readSignedIndex(bytes, { keys, what, repository: 0 });
      let chosen: ReturnType<typeof resolveWorld>;
      try {
        chosen = resolveWorld({ packages, world: parseDependencies('a'), tags: [undefined] });
      } catch (error) {
        assert.ok(error instanceof ShaleError && error.code === 'DEPENDENCY_UNSATISFIED', String(error));
        return;
      }
      const answers = (name: string, but?: unknown): readonly string[] =>
        chosen
          .filter((each) => each !== but)
          .flatMap((each) => [
            ...(each.name === name ? [each.version] : []),
            ...each.provides.flatMap((own) =>
              own.name === name ? [own.constraint.kind === 'version' ? own.constraint.version : ''] : [],
            ),
          ]);
      for (const each of chosen) {
        for (const { name, conflict, constraint } of each.depends) {
          const meets = (version: string): boolean => {
            if (constraint.kind !== 'version') return true;
            const order = version === '' ? Number.NaN : compareApkVersions(version, constraint.version);
            const { older, same, newer } = constraint.accepts;
            return order < 0 ? older : order > 0 ? newer : order === 0 && same;
          };
          // What a package refuses does not mean itself.
          assert.equal(
            answers(name, conflict ? each : undefined).some(meets),
            !conflict,
            `${each.name}: ${conflict ? '!' : ''}${name}`,
          );
        }
        assert.ok(answers(each.name).length === 1, each.name);
      }
    }),
    { numRuns: RUNS, seed: 7 },
  );
});
