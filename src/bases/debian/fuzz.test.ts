import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { ShaleError, streamOf } from '../../base/index.ts';
import { parseControlTar } from './control-tar.ts';
import { openDeb } from './deb-contents.ts';
import { PackagesIndex } from './packages-index.ts';
import { parseRelease } from './release.ts';
import { resolveMinimal, resolveOnly } from './resolve.ts';
import { controlTar, debFile } from './test-deb.ts';

const RUNS = process.env['SHALE_TEST_LONG'] === '1' ? 5000 : 150;
const SEED = 5;

/** Nothing but our own errors come out. */
async function survives(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof ShaleError, String(error));
  }
}

const DEB = {
  control: 'Package: a\nVersion: 1\nArchitecture: amd64\nDepends: b (>= 2) | c\nDescription: d\n more',
  scripts: { conffiles: '/etc/a\n', triggers: 'interest x\n' },
  files: [['etc/'], ['etc/a', 'content']] as const,
};

test('damaged package files end in errors of ours', async () => {
  const whole = debFile(DEB, '.gz', (plain) => gzipSync(plain));
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), async (at, byte, end) => {
      const damaged = Buffer.from(whole.subarray(0, Math.max(end, 1)));
      damaged[at % damaged.length] = byte;
      await survives(async () => {
        const { control, data } = await openDeb(damaged);
        parseControlTar(control);
        for await (const _ of data);
      });
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

test('control archives of any text are read or refused', async () => {
  const line = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom('Package: a', 'Version: 1:2-3', ' more', '', 'Depends: x (', 'A:'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) =>
      survives(() => parseControlTar(controlTar({ control: lines.join('\n').replaceAll(/[^\x00-\xff]/g, '?') }))),
    ),
    { numRuns: RUNS, seed: SEED },
  );
});

test('lists of packages and Release files of any text are read or refused, and resolved or not', async () => {
  const sha = 'a'.repeat(64);
  const relation = fc.stringMatching(/^[a-c]( \([<>=]{1,2} [0-9]\))?( \| [a-c])?$/);
  const field = fc.tuple(
    fc.constantFrom(
      'Depends',
      'Pre-Depends',
      'Conflicts',
      'Breaks',
      'Provides',
      'Priority',
      'Essential',
      'Size',
      'Filename',
      'Version',
    ),
    fc.oneof(relation, fc.string({ maxLength: 12 }), fc.constantFrom('required', 'yes')),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(field, { maxLength: 4 }), { maxLength: 5 }), async (packages) => {
      const text = packages
        .map((fields, i) =>
          [
            `Package: ${'abc'[i % 3]}`,
            `Version: ${i}`,
            'Architecture: amd64',
            `SHA256: ${sha}`,
            'Size: 1',
            'Filename: pool/a.deb',
            ...fields.map(([name, value]) => `${name}: ${value.replaceAll(/[\n\r]/g, ' ')}`),
          ].join('\n'),
        )
        .join('\n\n');
      const options = { architecture: 'amd64', include: ['a'], exclude: [] };
      const index = new PackagesIndex('amd64');
      await survives(() => index.add(streamOf(text), 'http://m'));
      await survives(() => resolveMinimal(index, options));
      await survives(() => resolveOnly(index, options));
      await survives(() => parseRelease(text));
    }),
    { numRuns: RUNS, seed: SEED },
  );
});
