import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ShaleError } from '../../base/index.ts';
import type { Engine, RunHow } from '../../engine/index.ts';
import { runFake, type FakeRun } from '../fake-context.fixture.ts';

describe('traces of opened files', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'shale-trace-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** `how`: what the engine was told of each run. */
  function running(openedFiles: () => readonly string[], how: (RunHow | undefined)[] = []): Partial<Engine> {
    return {
      run: async (_request, _watch, given) => {
        how.push(given);
        return { containerId: 'c', exit: Promise.resolve(3), openedFiles };
      },
    };
  }

  test('run --trace-files writes the paths once the container has ended, whose status stays', async () => {
    const file = join(folder, 'opened');
    const how: (RunHow | undefined)[] = [];
    const engine = running(() => ['/a', '/b\nc'], how);
    const { status, stderr } = await runFake(['run', '--trace-files', file, 'x'], { engine });
    assert.deepEqual([status, stderr], [3, '']);
    assert.equal(readFileSync(file, 'latin1'), '/a\n/b\\nc\n');
    await runFake(['run', 'x'], { engine });
    assert.deepEqual(
      how.map((one) => one?.traceFiles),
      [true, false],
    );
  });

  test('run --trace-files writes nothing where the kernel could not tell all', async () => {
    const engine = running(() => {
      throw new ShaleError('FILES_UNTOLD', 'some are missing');
    });
    const { status, stderr } = await runFake(['run', '--trace-files', join(folder, 'none'), 'x'], { engine });
    assert.deepEqual([status, stderr], [125, 'shale: some are missing\n']);
    assert.ok(!readdirSync(folder).some((name) => name.startsWith('none')));
  });

  test('run --trace-files refuses what is no place for a file before anything runs; create has no such flag', async () => {
    for (const place of [folder, join(folder, 'nowhere/trace'), '']) {
      const { status, stderr } = await runFake(['run', '--trace-files', place, 'x']);
      assert.equal(status, 125);
      assert.match(stderr, /--trace-files/);
    }
    const { status, stderr } = await runFake(['create', '--trace-files', join(folder, 'made'), 'x']);
    assert.equal(status, 125);
    assert.match(stderr, /trace-files/);
    assert.ok(!existsSync(join(folder, 'made')));
  });

  test('lint --trace gives the engine the paths of all traces, and tells what the build has unused', async () => {
    const [dockerfile, first, second] = ['Dockerfile', 'first', 'second'].map((name) => join(folder, name));
    writeFileSync(dockerfile ?? '', 'FROM a:1\nRUN apk add --no-cache gcc=1\nUSER 1000\n');
    writeFileSync(first ?? '', '/a\n/b\\nc\n');
    writeFileSync(second ?? '', '/d');
    let asked: readonly string[] | undefined;
    const { stdout } = await lint(['--trace', first ?? '', '--trace', second ?? '', dockerfile ?? ''], {
      measureBuild: async (_bytes, opened) => {
        asked = opened;
        const plain = { seconds: 0, layerBytes: 0, rewrittenBytes: 0, deletedLater: [], largest: [], rights: [] };
        const step = { ...plain, slot: '0/run/1', ran: { times: 1, of: 1 }, taken: [] };
        return { buildId: 'b', bases: [], steps: [{ ...step, unusedPackages: [{ name: 'gcc', bytes: 5_000_000 }] }] };
      },
    });
    assert.deepEqual(asked, ['/a', '/b\nc', '/d']);
    assert.match(stdout, /Dockerfile:2:24 info no file of gcc \(5\.0 MB\) was opened in the trace unused-package/);
  });

  test('lint --trace refuses what it can say nothing of', async () => {
    const [one, other] = ['Dockerfile.one', 'Dockerfile.other'].map((name) => join(folder, name));
    for (const name of [one, other]) writeFileSync(name ?? '', 'FROM a:1\nUSER 1000\n');
    const [trace, damaged] = [join(folder, 'trace'), join(folder, 'damaged')];
    writeFileSync(trace, '/a\n');
    writeFileSync(damaged, '/a\nb\n');
    const engine = { measureBuild: async () => undefined };
    for (const [words, status, message] of [
      [['--trace', trace, one], 1, /no record of a build of .*Dockerfile\.one as it is now/],
      [['--trace', trace, one, other], 125, /--trace is about one Dockerfile/],
      [['--trace', trace, '--last-build=false', one], 125, /--trace needs the last build/],
      [['--trace', join(folder, 'nothing'), one], 125, /cannot read --trace/],
      [['--trace', folder, one], 125, /cannot read --trace/],
      [['--trace', damaged, one], 1, /damaged:2: it is no path/],
    ] as const) {
      const ran = await lint(
        words.map((word) => word ?? ''),
        engine,
      );
      assert.match(ran.stderr, message);
      assert.equal(ran.status, status, ran.stderr);
    }
    assert.equal((await lint([one ?? ''], engine)).status, 0);
  });

  /** In a place where there is a store. */
  async function lint(words: readonly string[], engine: Partial<Engine>): Promise<FakeRun> {
    writeFileSync(join(folder, 'shale.db'), '');
    return await runFake(['lint', '--no-config', '--shellcheck=false', ...words], {
      engine,
      env: { SHALE_HOME: folder },
    });
  }
});
