import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collect, isShaleError } from '../base/index.ts';
import { sampleExploration } from './sample.fixture.ts';

const TOP = 4;
const whole = { from: 0, to: TOP };

describe('explore()', () => {
  it('says of each layer what it adds, changes, copies, writes again, removes, and what of it later layers hide', async () => {
    await using sample = sampleExploration();
    const { layers, totals } = sample.report;
    assert.deepEqual(
      layers.map(({ added, changed, metadataOnly, rewritten, removed, hiddenLater }) => [
        added.files,
        changed.files,
        metadataOnly.files,
        rewritten.files,
        removed.files,
        hiddenLater.files,
      ]),
      [
        [13, 0, 0, 0, 0, 2],
        [5, 2, 0, 0, 0, 1],
        [7, 0, 0, 0, 0, 3],
        [0, 0, 1, 1, 0, 0],
        [1, 0, 0, 0, 2, 0],
      ],
    );
    assert.equal(layers[4]?.removed.bytes, 60_000 + 80_000);
    assert.equal(
      totals.stored.bytes,
      layers.reduce((sum, { content }) => sum + content.bytes, 0),
    );
    assert.equal(totals.visible.bytes, sample.find(whole, '')?.sizeBytes);
  });
});

describe('the tree of a scope', () => {
  it('shows what one layer adds, changes and removes, in the order of names', async () => {
    await using sample = sampleExploration();
    const states = (path: string, from: number, to: number) =>
      sample.list({ from, to }, path).map(({ name, state, differs }) => [name, state, ...differs]);
    assert.deepEqual(states('app', 3, 3), [
      ['.git', 'unmodified'],
      ['cache', 'unmodified'],
      ['copy of main.js', 'unmodified'],
      ['hard1', 'unmodified'],
      ['hard2', 'unmodified'],
      ['main.js', 'modified', 'owner'],
      ['unnamed-\xff\xfe', 'unmodified'],
    ]);
    assert.deepEqual(states('app', 4, 4).slice(0, 3), [
      ['.git', 'unmodified'],
      ['cache', 'removed'],
      ['copy of main.js', 'unmodified'],
    ]);
    assert.deepEqual(
      states('', 4, 4).filter(([, state]) => state !== 'unmodified'),
      [
        ['app', 'modified'],
        ['var', 'modified'],
      ],
    );
    assert.deepEqual(states('etc', 1, TOP), [
      ['hosts', 'unmodified'],
      ['motd', 'modified', 'content'],
      ['os-release', 'unmodified'],
    ]);
  });

  it('sums up directories, with removed ones apart from those that are there', async () => {
    await using sample = sampleExploration();
    const app = sample.find({ from: 4, to: 4 }, 'app');
    assert.deepEqual([app?.sizeBytes, app?.files, app?.newBytes], [11_000 * 2 + 24 + 9000 + 1200 * 2, 6, 0]);
    assert.deepEqual(sample.find({ from: 4, to: 4 }, 'app/cache')?.sizeBytes, 60_000);
    assert.equal(sample.find({ from: 2, to: 2 }, 'app')?.newBytes, 11_000 * 2 + 24 + 9000 + 60_000 + 1200);
    assert.equal(sample.find(whole, 'nowhere/at/all'), undefined);
  });

  it('tells packages, capabilities, devices and links', async () => {
    await using sample = sampleExploration();
    assert.equal(sample.find(whole, 'bin/bash')?.package, 'bash 5.2.15-2');
    assert.equal(sample.find(whole, 'usr/bin/ping')?.capabilities, 'cap_net_raw=ep');
    assert.equal(sample.find(whole, 'dev/null')?.device, '1:3');
    assert.equal(sample.find(whole, 'bin/sh')?.linkTarget, 'bash');
    assert.equal(sample.resolve({ path: 'bin/sh', layer: TOP }), 'bin/bash');
    assert.deepEqual(
      sample.report.privileged.map(({ path, capabilities }) => [path, capabilities]),
      [
        ['usr/bin/ping', 'cap_net_raw=ep'],
        ['usr/bin/su', undefined],
      ],
    );
  });

  it('finds by a part of a path, by a pattern and by an expression', async () => {
    await using sample = sampleExploration();
    const found = (text: string | RegExp) => sample.search({ scope: whole, text }).map(({ path }) => path);
    assert.deepEqual(found('MAIN'), ['app/copy of main.js', 'app/main.js']);
    assert.deepEqual(found('*.js'), ['app/copy of main.js', 'app/main.js']);
    assert.deepEqual(found('/app/*.js'), ['app/copy of main.js', 'app/main.js']);
    assert.deepEqual(found('usr/**/README'), ['usr/share/doc/bash/README']);
    assert.deepEqual(found(/^\/bin\/./), ['bin/bash', 'bin/sh']);
    assert.deepEqual(
      sample.search({ scope: { from: 4, to: 4 }, text: 'big', states: ['removed'] }).map(({ path }) => path),
      ['app/cache/big.bin'],
    );
  });
});

describe('a file of an exploration', () => {
  it('is shown as text or as bytes, with what an ELF file needs', async () => {
    await using sample = sampleExploration();
    const motd = await sample.look({ path: 'etc/motd', layer: TOP });
    assert.deepEqual(
      [motd.type, motd.text, motd.history.map(({ layer }) => layer)],
      ['text', 'welcome\nto our image\nand have fun\n', [0, 1]],
    );
    const bash = await sample.look({ path: 'bin/bash', layer: TOP });
    assert.deepEqual(
      [bash.type, bash.elf?.interpreter, bash.elf?.machine],
      ['binary', '/lib64/ld-linux-x86-64.so.2', 'amd64'],
    );
    assert.equal((await sample.look({ path: 'bin/sh', layer: TOP })).text, 'a link to bash');
    const older = await sample.read({ path: 'etc/motd', layer: 0 }, { offset: 8, lengthBytes: 9 });
    assert.equal(Buffer.from(older).toString(), 'to debian');
    const all = await collect(sample.stream({ path: 'app/main.js', layer: TOP }), 100_000, 'it');
    assert.equal(all.byteLength, 11_000);
  });

  it('is compared with the one that it hides', async () => {
    await using sample = sampleExploration();
    const motd = await sample.compareWithBelow({ path: 'etc/motd', layer: TOP });
    assert.deepEqual(motd, {
      kind: 'text',
      diff: '--- etc/motd\n+++ etc/motd\n@@ -1,3 +1,3 @@\n welcome\n-to debian\n+to our image\n and have fun\n',
      isCut: false,
      below: 0,
    });
    assert.deepEqual(await sample.compareWithBelow({ path: 'app/main.js', layer: TOP }), { kind: 'equal', below: 2 });
    const added = await sample.compareWithBelow({ path: 'app/hard2', layer: TOP });
    assert.equal(added.kind === 'text' && added.below, undefined);
  });

  it('that is not there, or is none, is refused by code', async () => {
    await using sample = sampleExploration();
    const range = { offset: 0, lengthBytes: 1 };
    await assert.rejects(sample.read({ path: 'app/cache/big.bin', layer: TOP }, range), (error) =>
      isShaleError(error, 'EXPLORE_NO_ENTRY'),
    );
    await assert.rejects(sample.read({ path: 'bin/sh', layer: TOP }, range), (error) =>
      isShaleError(error, 'EXPLORE_NOT_A_FILE'),
    );
    assert.equal((await sample.read({ path: 'app/cache/big.bin', layer: 3 }, range)).byteLength, 1);
  });
});
