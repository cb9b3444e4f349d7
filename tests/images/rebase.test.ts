/** An application's layers on another base. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { streamOf } from '../../src/base/index.ts';
import type { RebaseOutcome } from '../../src/engine/index.ts';
import { putImage, readConfig } from '../../src/images/index.ts';
import { Layers } from '../../src/layers/index.ts';
import type { ContainerConfig, DiffId } from '../../src/oci/index.ts';
import { Lab } from '../support/lab.ts';
import { tarOf, type TarOfEntry } from '../support/tar-of.ts';

const folder = (path: string, more: Partial<TarOfEntry> = {}): TarOfEntry => ({ path, kind: 'directory', ...more });
const file = (path: string, content: string, more: Partial<TarOfEntry> = {}): TarOfEntry => ({
  path,
  content,
  ...more,
});
const link = (path: string, linkTarget: string): TarOfEntry => ({ path, kind: 'symlink', linkTarget });

const BASE = [
  folder('etc'),
  file('etc/os', 'one'),
  file('etc/kept', 'kept'),
  folder('bin'),
  file('bin/tool', '1'),
  folder('var'),
];

describe('shale rebase', () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
  });
  after(() => lab[Symbol.asyncDispose]());

  async function layer(entries: readonly TarOfEntry[]): Promise<DiffId> {
    return (await new Layers(lab.store).ingest(streamOf(tarOf(entries)))).diffId;
  }

  async function image(
    tag: string,
    layers: readonly (readonly TarOfEntry[])[],
    config: ContainerConfig = {},
    architecture = 'amd64',
  ): Promise<string> {
    const diffIds: DiffId[] = [];
    for (const entries of layers) diffIds.push(await layer(entries));
    const history = diffIds.map((_, i) => ({ created: '2026-01-01T00:00:00Z', createdBy: `layer ${i}` }));
    const created = '2026-01-01T00:00:00Z';
    const made = await putImage(
      lab.store,
      { architecture, os: 'linux', created, config, diffIds, history },
      { madeHere: true },
    );
    const target = { kind: 'image', digest: made.id } as const;
    await lab.store.publish({ images: [made], tags: [{ name: `docker.io/library/${tag}`, target }], reason: 'test' });
    return made.id;
  }

  /** The app's layer on a base, put onto another one. */
  async function rebased(
    above: readonly TarOfEntry[],
    onto: readonly TarOfEntry[],
    base: readonly TarOfEntry[] = BASE,
  ): Promise<RebaseOutcome> {
    await image('old:1', [base]);
    await image('app:1', [base, above]);
    await image('new:1', [onto]);
    return lab.engine.rebase({ image: 'app:1', onto: 'new:1', base: 'old:1', tags: ['app:2'] });
  }

  function conflicts(outcome: RebaseOutcome): string[] {
    assert.equal(outcome.kind, 'refused');
    return outcome.kind === 'refused'
      ? outcome.conflicts.map(({ path, inBase, above }) => `${path} ${inBase} ${above}`)
      : [];
  }

  test('finds the old base by what the name of the new one led to, and takes over what the image had from it', async () => {
    const first = await image('base:1', [BASE], { Env: ['PATH=/bin', 'A=old'], Cmd: ['sh'], Labels: { by: 'one' } });
    await image('web:1', [BASE, [file('srv/web', 'app')], [file('srv/more', 'more')]], {
      Env: ['PATH=/bin', 'A=old', 'B=mine'],
      Cmd: ['sh'],
      Labels: { by: 'one', app: 'web' },
      ExposedPorts: ['80/tcp'],
    });
    const newer = BASE.map((each) => (each.path === 'etc/os' ? file('etc/os', 'two') : each));
    const second = await image('base:1', [newer, [file('etc/news', 'n')]], {
      Env: ['PATH=/bin:/sbin', 'A=new', 'C=base'],
      Cmd: ['bash'],
      Labels: { by: 'two' },
    });
    const outcome = await lab.engine.rebase({ image: 'web:1', onto: 'base:1', tags: ['web:2'] });
    assert.ok(outcome.kind === 'rebased');
    assert.deepEqual([outcome.from, outcome.onto, outcome.keptLayers, outcome.tags], [first, second, 2, ['web:2']]);
    const [made, onto] = [await config('web:2'), await config('base:1')];
    assert.deepEqual(made.diffIds.slice(0, 2), onto.diffIds);
    assert.deepEqual(made.config, {
      Env: ['PATH=/bin:/sbin', 'A=new', 'C=base', 'B=mine'],
      Cmd: ['bash'],
      Labels: { by: 'two', app: 'web' },
      ExposedPorts: ['80/tcp'],
    });
    assert.deepEqual(
      made.history.map(({ createdBy }) => createdBy),
      ['layer 0', 'layer 1', 'layer 1', 'layer 2'],
    );
    const { files } = await lab.engine.diffImages('web:1', 'web:2');
    assert.deepEqual(
      files.added.map(({ path }) => path),
      ['/etc/news'],
    );
    assert.deepEqual(
      files.changed.map(({ path }) => path),
      ['/etc/os'],
    );
    const again = await lab.engine.rebase({ image: 'web:1', onto: 'base:1', tags: [] });
    assert.equal(again.kind === 'rebased' && again.imageId, outcome.imageId, 'the same each time');
  });

  async function config(tag: string) {
    const record = await lab.store.tags.find(`docker.io/library/${tag}`);
    return readConfig(lab.store, record?.target.digest ?? assert.fail(tag));
  }

  const newOs = BASE.map((each) => (each.path === 'etc/os' ? file('etc/os', 'two') : each));

  test('refuses what the layers above write, remove or empty where the new base differs, and makes nothing', async () => {
    assert.deepEqual(conflicts(await rebased([file('etc/os', 'mine')], newOs)), ['/etc/os changed written']);
    assert.deepEqual(conflicts(await rebased([file('etc/.wh.os', '')], newOs)), ['/etc/os changed removed']);
    assert.deepEqual(conflicts(await rebased([folder('etc'), file('etc/.wh..wh..opq', '')], newOs)), [
      '/etc changed emptied',
    ]);
    assert.deepEqual(conflicts(await rebased([file('etc/new', 'mine')], [...BASE, file('etc/new', 'theirs')])), [
      '/etc/new added written',
    ]);
    assert.deepEqual(
      conflicts(
        await rebased(
          [file('bin/tool', 'mine')],
          BASE.filter(({ path }) => path !== 'bin/tool'),
        ),
      ),
      ['/bin/tool removed written'],
    );
    assert.equal(await lab.store.tags.find('docker.io/library/app:2'), undefined);
  });

  test('a path that lies elsewhere in the new base is refused, links on the way included', async () => {
    const merged = [
      folder('usr'),
      folder('usr/bin'),
      file('usr/bin/tool', '1'),
      link('bin', 'usr/bin'),
      ...BASE.slice(0, 3),
      folder('var'),
    ];
    assert.deepEqual(conflicts(await rebased([file('bin/app', 'app')], merged)), ['/bin/app moved written']);
  });

  test('folders on the way, what both have alike and what neither has stand against nothing', async () => {
    const harmless: readonly (readonly [above: readonly TarOfEntry[], onto: readonly TarOfEntry[]])[] = [
      [[folder('etc'), file('etc/mine', 'm')], newOs],
      [[folder('etc', { mode: 0o755 }), file('etc/os', 'two')], newOs],
      [[file('bin/.wh.tool', '')], BASE.filter(({ path }) => path !== 'bin/tool')],
      [[file('var/x', 'x')], BASE.map((each) => ({ ...each, mtimeNs: 0n }))],
      [[file('etc/kept', 'mine')], newOs],
    ];
    for (const [above, onto] of harmless)
      assert.equal((await rebased(above, onto)).kind, 'rebased', JSON.stringify(above.map(({ path }) => path)));
  });

  test('a folder whose mode both change is refused', async () => {
    const stricter = BASE.map((each) => (each.path === 'var' ? folder('var', { mode: 0o700 }) : each));
    assert.deepEqual(conflicts(await rebased([folder('var', { mode: 0o777 })], stricter)), ['/var changed written']);
  });

  test('programs of the layers above that would miss their interpreter or a library are told', async (t) => {
    const paths = {
      program: '/usr/bin/true',
      interpreter: '/lib64/ld-linux-x86-64.so.2',
      libc: '/lib/x86_64-linux-gnu/libc.so.6',
    };
    if (Object.values(paths).some((path) => !existsSync(path))) return t.skip('this machine has other programs');
    const binary = (path: string): TarOfEntry => ({ path: path.slice(1), content: readFileSync(path) });
    const glibc = [...BASE, binary(paths.interpreter), binary(paths.libc)];
    const outcome = await rebased([binary(paths.program)], BASE, glibc);
    assert.deepEqual(outcome.kind === 'refused' && outcome.programs, [
      { path: paths.program, kind: 'interpreter', missing: paths.interpreter },
      { path: paths.program, kind: 'library', missing: 'libc.so.6' },
    ]);
    assert.equal((await rebased([binary(paths.program)], [...glibc, file('etc/more', 'm')], glibc)).kind, 'rebased');
  });

  test('needs a base that is at the bottom of the image, and the same platform', async () => {
    await image('app:1', [BASE, [file('a', 'a')]]);
    await image('alien:1', [[file('b', 'b')]]);
    await image('arm:1', [BASE], {}, 'arm64');
    const ask = (onto: string, base?: string): Promise<RebaseOutcome> =>
      lab.engine.rebase({ image: 'app:1', onto, tags: [], ...(base !== undefined && { base }) });
    await assert.rejects(ask('alien:1'), { code: 'REBASE_BASE_UNKNOWN', hint: /--base/ });
    await assert.rejects(ask('alien:1', 'alien:1'), { code: 'REBASE_BASE_UNKNOWN' });
    await assert.rejects(ask('arm:1'), { code: 'REBASE_PLATFORM' });
  });
});
