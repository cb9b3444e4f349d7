/** What is peculiar to Node: handlers that throw, loops that block, names that are no text, missing addons, packages. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import { streamOf } from '../../src/base/index.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { compareLeaks, takeLeakSnapshot } from '../support/leaks.ts';

const ROOT = join(import.meta.dirname, '../..');
const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(60_000) });

describe('F-292: whatever throws in between', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  const rejections: unknown[] = [];
  const remember = (reason: unknown): void => void rejections.push(reason);
  before(async () => {
    process.on('unhandledRejection', remember);
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(async () => {
    process.off('unhandledRejection', remember);
    await lab[Symbol.asyncDispose]();
  });

  function leftovers(): string[] {
    const folders = ['home/ingest', 'home/sources', 'run/containers', 'run/mounts'];
    return folders.flatMap((folder) =>
      readdirSync(join(lab.folder, folder))
        .filter((name) => !name.startsWith('stat-'))
        .map((name) => `${folder}/${name}`),
    );
  }

  test('a display that throws at its n-th event fails the build, and nothing else', async () => {
    const context = lab.context({
      Dockerfile:
        'FROM busybox AS a\nCOPY f /\nRUN echo one; echo two\nFROM busybox AS b\nRUN echo three\nFROM scratch\nCOPY --from=a /f /\nCOPY --from=b /etc /etc\n',
      f: 'f',
    });
    const whole = await lab.build(context, { noCache: true });
    const before = takeLeakSnapshot(lab.folder);
    let failures = 0;
    for (let n = 1; n < 100; n++) {
      let seen = 0;
      const building = lab.build(context, {
        noCache: true,
        progress: () => {
          if (++seen === n) throw new Error(`display ${n}`);
        },
      });
      const outcome = await building.then(
        ({ imageId }) => imageId,
        (error: unknown) => String(error),
      );
      assert.deepEqual(leftovers(), [], `event ${n}`);
      if (seen < n) {
        assert.equal(outcome, whole.imageId);
        break;
      }
      assert.equal(outcome, `Error: display ${n}`);
      failures++;
    }
    // The number of events differs a little: output comes in more or fewer pieces.
    assert.ok(failures >= 10, `${failures} events`);
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(lab.folder)), []);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(rejections, []);
  });

  test('a stream that fails at its n-th chunk fails the import or load, and nothing else', async () => {
    const rootfs = tar(member({ name: 'a' }, 'x'.repeat(3000)), member({ name: 'b' }, 'y'));
    await lab.engine.importImage(streamOf(rootfs), { tag: 'stream:1', changes: [] }, watch());
    const parts: Buffer[] = [];
    for await (const chunk of lab.engine.save({ images: ['stream:1'], format: 'docker' }, watch()))
      parts.push(Buffer.from(chunk));
    const archive = Buffer.concat(parts);
    const count = (await lab.engine.images({ all: true })).length;
    for (const [what, bytes] of Object.entries({ import: rootfs, load: archive })) {
      for (let n = 0; n < 8; n++) {
        const cut = async function* (): AsyncGenerator<Uint8Array> {
          for (let at = 0; at < n; at++) yield bytes.subarray(at * 512, (at + 1) * 512);
          throw new Error('source failed');
        };
        const doing =
          what === 'import'
            ? lab.engine.importImage(cut(), { tag: 'cut:1', changes: [] }, watch())
            : lab.engine.load(cut(), watch());
        await assert.rejects(doing, /source failed/, `${what} ${n}`);
        assert.deepEqual(leftovers(), []);
      }
    }
    assert.equal((await lab.engine.images({ all: true })).length, count);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(rejections, []);
  });

  test('a reader that goes away in the middle of save holds nothing open', async () => {
    const before = takeLeakSnapshot(lab.folder).descriptors.length;
    for (let i = 0; i < 20; i++) {
      for await (const chunk of lab.engine.save({ images: ['busybox'], format: 'docker' }, watch())) {
        if (chunk.byteLength > 1000) break;
      }
    }
    assert.ok(takeLeakSnapshot(lab.folder).descriptors.length <= before + 1);
  });
});

test(
  'F-294: hashing and writing half a gigabyte leaves the event loop free every quarter of a second',
  { skip: BUSYBOX.missing, timeout: 60_000 },
  async () => {
    await using lab = await Lab.open();
    const context = lab.context({
      Dockerfile: 'FROM scratch AS s\nCOPY big /\nFROM scratch\nCOPY --from=s /big /copy\n',
      big: '',
    });
    truncateSync(join(context, 'big'), 512 * 1024 * 1024);
    const gaps: number[] = [];
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
    }, 10);
    try {
      await lab.build(context);
    } finally {
      clearInterval(timer);
    }
    gaps.push(performance.now() - last);
    gaps.sort((a, b) => a - b);
    const [p99 = 0, longest = 0] = [gaps[Math.floor(gaps.length * 0.99)], gaps.at(-1)];
    const found = `the event loop stood still for ${Math.round(p99)} ms (p99), ${Math.round(longest)} ms (longest)`;
    // Others' work on the machine stretches everything.
    const stretch = Math.max(1, (2 * (loadavg()[0] ?? 0)) / availableParallelism());
    assert.ok(p99 < 250 * stretch && longest < 1000 * stretch, found);
  },
);

test('F-296: names of archives and layers never go through functions that read them as text', () => {
  const files = globSync(
    [
      'src/archive/*.ts',
      'src/erofs/*.ts',
      'src/layers/*.ts',
      'src/build/copy/*.ts',
      'src/build/context/context-tree.ts',
    ],
    { cwd: ROOT },
  );
  const own = files.filter((file) => !/\.(test|fixture|contract|host\.test)\.ts$/.test(file));
  assert.ok(own.length > 40);
  const wrong = own.filter((file) => /from 'node:path'/.test(readFileSync(join(ROOT, file), 'utf8')));
  assert.deepEqual(wrong, []);
});

describe('F-297: without the addon for system calls', () => {
  const hook = `
    import { registerHooks } from 'node:module';
    registerHooks({ resolve(name, context, next) {
      if (/koffi/.test(name)) throw Object.assign(new Error('Cannot find module ' + name), { code: 'MODULE_NOT_FOUND' });
      return next(name, context);
    } });
    process.dlopen = () => { throw new Error('no addons'); };`;
  const preload = `data:text/javascript,${encodeURIComponent(hook)}`;

  test('what needs none works, and what needs it says what to install', { skip: BUSYBOX.missing }, async () => {
    await using lab = await Lab.open();
    const env = { ...process.env, SHALE_HOME: lab.home, SHALE_RUN: lab.runRoot, NO_COLOR: '1' };
    const shale = (...words: string[]): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, ['--import', preload, join(ROOT, 'bin/shale'), ...words], { env, encoding: 'utf8' });
    assert.equal(shale('import', BUSYBOX.path, 'busybox').status, 0);
    const copy = lab.context({ Dockerfile: 'FROM busybox\nCOPY Dockerfile /\n' });
    const built = shale('build', '-q', copy);
    assert.equal(built.status, 0, String(built.stderr));
    const run = lab.context({ Dockerfile: 'FROM busybox\nRUN true\n' });
    const failed = shale('build', '--network', 'none', run);
    assert.notEqual(failed.status, 0);
    assert.match(String(failed.stderr), /koffi/);
    assert.match(String(failed.stderr), /npm/);
    assert.doesNotMatch(String(failed.stderr), /at .*\.ts:\d+/);
  });
});

describe('F-298: the packages that shale is made with', () => {
  interface Lock {
    readonly packages: Readonly<
      Record<
        string,
        {
          version?: string;
          integrity?: string;
          resolved?: string;
          dev?: boolean;
          optional?: boolean;
          hasInstallScript?: boolean;
        }
      >
    >;
  }
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock; // npm's format.
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '');

  test('hold no reader of archives but our own', () => {
    const names = packages.map(([path]) => path.replace(/^.*node_modules\//, ''));
    assert.deepEqual(
      names.filter((name) => /^(tar|tar-fs|tar-stream|node-tar|decompress.*|unzipper|adm-zip|extract-zip)$/.test(name)),
      [],
    );
  });

  test('are pinned by their digests', () => {
    for (const [path, { integrity }] of packages) assert.match(integrity ?? '', /^sha512-/, path);
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >;
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
      assert.match(version, /^\d+\.\d+\.\d+$/, name);
  });

  test('need no script at their installation', () => {
    const scripts = packages.filter(([, entry]) => entry.hasInstallScript === true && entry.dev !== true);
    // koffi has one, for machines that it has no addon for; it is never run here.
    assert.deepEqual(
      scripts.map(([path]) => path),
      ['node_modules/koffi'],
    );
    assert.match(readFileSync(join(ROOT, '.npmrc'), 'utf8'), /ignore-scripts *= *true/);
  });
});
