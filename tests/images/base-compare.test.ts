/** Two images compared as bases, and smaller bases for one. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, test, type TestContext } from 'node:test';
import { comparisonPage } from '../../src/cli/output/base-comparison-page.ts';
import { formatComparison } from '../../src/cli/output/base-comparison.ts';
import { formatAdvice } from '../../src/cli/commands/base-advise.ts';
import type { BaseComparison } from '../../src/engine/index.ts';
import { putImage } from '../../src/images/index.ts';
import { streamOf } from '../../src/base/index.ts';
import { Layers } from '../../src/layers/index.ts';
import type { ContainerConfig } from '../../src/oci/index.ts';
import { Lab } from '../support/lab.ts';
import { tarOf, type TarOfEntry } from '../support/tar-of.ts';

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const LIBC = '/lib/x86_64-linux-gnu/libc.so.6';
const PROGRAM = '/usr/bin/true';
const needsPrograms = [LOADER, LIBC, PROGRAM].every((path) => existsSync(path))
  ? undefined
  : 'this machine has other programs';

const release = (text: string): TarOfEntry => ({ path: 'etc/os-release', content: text });
const status = (packages: readonly string[]): TarOfEntry => ({
  path: 'var/lib/dpkg/status',
  content: packages
    .map((name) => `Package: ${name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n`)
    .join('\n'),
});
const binary = (path: string, from = path): TarOfEntry => ({ path: path.slice(1), content: readFileSync(from) });

describe('shale base compare and advise', () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open({ now: () => Date.UTC(2026, 10, 1) });
    if (needsPrograms !== undefined) return;
    await image('glibc:1', [
      release('ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n'),
      status(['libc6', 'other']),
      { path: 'var/lib/dpkg/info/libc6.list', content: `${LOADER}\n${LIBC}\n` },
      { path: 'var/lib/dpkg/info/other.list', content: '/usr/share/doc/other/README\n' },
      { path: 'usr/share/doc/other/README', content: 'r'.repeat(50_000) },
      binary(LOADER),
      binary(LIBC),
      { ...binary('/bin/sh', PROGRAM), mode: 0o4755 },
      { path: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\nweb:x:1:1::/:/bin/sh\n' },
    ]);
    await image('old:1', [release('ID=alpine\nVERSION_ID=3.18.4\nPRETTY_NAME="Alpine <b>3.18</b>"\n')]);
  });
  after(() => lab[Symbol.asyncDispose]());

  function skips(t: TestContext): boolean {
    if (needsPrograms !== undefined) t.skip(needsPrograms);
    return needsPrograms !== undefined;
  }

  async function image(tag: string, entries: readonly TarOfEntry[], config: ContainerConfig = {}): Promise<void> {
    const { diffId } = await new Layers(lab.store).ingest(streamOf(tarOf(entries)));
    const made = await putImage(
      lab.store,
      { architecture: 'amd64', os: 'linux', config, diffIds: [diffId], history: [{ createdBy: 'test' }] },
      { madeHere: true },
    );
    await lab.store.publish({
      images: [made],
      tags: [{ name: `docker.io/library/${tag}`, target: { kind: 'image', digest: made.id } }],
      reason: 'test',
    });
  }

  const compare = (
    a: string,
    b: string,
    application?: { dockerfile: string; context: string },
  ): Promise<BaseComparison> =>
    lab.engine.compareBases(
      { images: [a, b], probe: false, ...(application !== undefined && { application }) },
      { signal: AbortSignal.timeout(60_000) },
    );

  test('tells what each image is like, from its layers', async (t) => {
    if (skips(t)) return;
    const { images, recommendation } = await compare('glibc:1', 'old:1');
    const [glibc, old] = images;
    assert.equal(glibc.libc.kind, 'glibc');
    assert.ok(glibc.libc.kind === 'glibc' && /^2\.\d+$/.test(glibc.libc.version ?? '') && glibc.libc.loader === LOADER);
    assert.deepEqual(
      [glibc.packages, glibc.setuid, glibc.users, glibc.hasShell],
      [{ deb: 2 }, ['/bin/sh'], ['root', 'web'], true],
    );
    assert.deepEqual(glibc.support, { kind: 'until', date: '2030-06-30', isOver: false });
    assert.match(glibc.programs.highestGlibc ?? '', /^GLIBC_2\./);
    assert.deepEqual(glibc.programs.problems, []);
    assert.deepEqual([old.libc.kind, old.hasShell, old.programs.dynamic], ['none', false, 0]);
    assert.deepEqual(old.support, { kind: 'until', date: '2025-05-09', isOver: true });
    assert.ok(glibc.compressedBytes > 0 && glibc.compressedBytes < glibc.sizeBytes);
    // The smaller one has had no updates for long.
    assert.equal(recommendation.choice, 0);
    assert.ok(recommendation.reasons.some((reason) => reason.includes('no security updates since 2025-05-09')));
  });

  test('says which musl an image has, and what an old one does not do', async () => {
    for (const version of ['1.2.3', '1.2.5'])
      await image(`musl:${version}`, [
        { path: 'lib/ld-musl-x86_64.so.1', content: 'loader' },
        { path: 'lib/apk/db/installed', content: `P:musl\nV:${version}-r4\nA:x86_64\n\n` },
      ]);
    const { images } = await compare('musl:1.2.3', 'musl:1.2.5');
    const loader = '/lib/ld-musl-x86_64.so.1';
    assert.deepEqual(
      images.map(({ libc }) => libc),
      ['1.2.3', '1.2.5'].map((version) => ({ kind: 'musl', version, loader })),
    );
    assert.deepEqual(
      images.map(({ behaviour }) => behaviour.some((line) => line.includes('one packet are cut'))),
      [true, false],
    );
  });

  test('builds an application on both, and finds the one where it would not start', async (t) => {
    if (skips(t)) return;
    await image('small:1', [release('ID=alpine\nVERSION_ID=3.22.0\n')]);
    const context = lab.context({
      Dockerfile: 'FROM base AS build\nFROM build\nCOPY app /app\n',
      app: readFileSync(PROGRAM),
    });
    const { applications, recommendation } = await compare('glibc:1', 'small:1', {
      dockerfile: `${context}/Dockerfile`,
      context,
    });
    assert.ok(applications !== undefined && applications[0].kind === 'built' && applications[1].kind === 'built');
    assert.deepEqual(applications[0].problems, []);
    assert.deepEqual(
      applications[1].problems.map(({ path, missing }) => `${path} ${missing}`),
      [`/app ${LOADER}`, '/app libc.so.6'],
    );
    assert.equal(recommendation.choice, 0);
  });

  test('an application that cannot be built on one decides too; one without a base of its own is refused', async (t) => {
    if (skips(t)) return;
    const context = lab.context({ Dockerfile: 'FROM base\nCOPY --from=base /etc/passwd /copied\n' });
    const { applications, recommendation } = await compare('glibc:1', 'old:1', {
      dockerfile: `${context}/Dockerfile`,
      context,
    });
    assert.deepEqual(
      applications?.map(({ kind }) => kind),
      ['built', 'failed'],
    );
    assert.equal(recommendation.choice, 0);
    const scratch = lab.context({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
    await assert.rejects(compare('glibc:1', 'old:1', { dockerfile: `${scratch}/Dockerfile`, context: scratch }), {
      code: 'COMPARE_BASE_UNKNOWN',
    });
  });

  test('shows a table and a page, in which names from images are text', async (t) => {
    if (skips(t)) return;
    const comparison = await compare('glibc:1', 'old:1');
    assert.match(formatComparison(comparison), /^support ends +2030-06-30 +2025-05-09 \(over\)$/m);
    assert.match(formatComparison(comparison), /\nglibc:1:\n {2}- names are looked up as \/etc\/nsswitch\.conf says/);
    assert.match(formatComparison(comparison), /\nTake glibc:1\.\n {2}- /);
    const page = comparisonPage(comparison);
    assert.ok(page.includes('Alpine &lt;b&gt;3.18&lt;/b&gt;') && !page.includes('<b>3.18'));
  });

  test('advises a base of the packages that a program needs, and one without documentation', async (t) => {
    if (skips(t)) return;
    const context = lab.context({
      Dockerfile: 'FROM glibc:1\nCOPY --chmod=755 app /usr/bin/app\nENTRYPOINT ["app"]\n',
      app: readFileSync(PROGRAM),
    });
    await lab.build(context, { tags: ['app:1'] });
    const advice = await lab.engine.adviseBase('app:1');
    assert.equal(advice.program, '/usr/bin/app');
    assert.deepEqual(
      advice.suggestions.map(({ base }) => base),
      ['shale base debian --packages libc6', 'shale base debian --suite trixie --slim'],
    );
    assert.ok(advice.suggestions.every(({ estimatedBytes }) => estimatedBytes < advice.sizeBytes));
    assert.match(formatAdvice(advice), /^app:1: .*, runs \/usr\/bin\/app$/m);
  });

  test('says of a script what it cannot know, and of a static program that it needs nothing', async (t) => {
    if (skips(t)) return;
    await image(
      'script:1',
      [{ path: 'run', content: '#!/bin/sh\necho' }, binary('/bin/sh', PROGRAM), binary(LOADER), binary(LIBC)],
      { Cmd: ['/run'] },
    );
    const script = await lab.engine.adviseBase('script:1');
    assert.deepEqual(script.suggestions, []);
    assert.match(script.remarks[0] ?? '', /it starts the script \/run/);
    const busybox = await lab.importBusybox('static:1');
    const { suggestions } = await lab.engine.adviseBase('static:1');
    assert.deepEqual(suggestions, [], 'its shell runs what is not known');
    await image('only:1', [{ path: 'app', content: await lab.read(busybox, '/bin/busybox') }], { Cmd: ['/app'] });
    assert.equal((await lab.engine.adviseBase('only:1')).suggestions[0]?.base, 'scratch');
    await image('node:1', [binary('/usr/bin/node', PROGRAM), binary(LOADER), binary(LIBC)], {
      Cmd: ['node', 'app.js'],
    });
    const interpreted = await lab.engine.adviseBase('node:1');
    assert.deepEqual(interpreted.suggestions, []);
    assert.match(interpreted.remarks[0] ?? '', /\/usr\/bin\/node runs programs that are not known/);
    await image('none:1', [{ path: 'x', content: 'x' }]);
    assert.match((await lab.engine.adviseBase('none:1')).remarks[0] ?? '', /no Entrypoint and no Cmd/);
  });
});
