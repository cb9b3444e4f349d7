import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const program = join(root, 'src/cli/stand-in-engine.fixture.ts');
const ARGS = ['--disable-warning=ExperimentalWarning', program];
const DEADLINE_MS = 20_000;

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when standard error holds `text`. */
  readonly says: (text: string) => Promise<void>;
}

function launch(words: readonly string[], standIn = '', stdout: 'pipe' | number = 'pipe'): Running {
  const child = spawn(process.execPath, [...ARGS, ...words], {
    stdio: ['ignore', stdout, 'pipe'],
    env: { ...process.env, STAND_IN: standIn, NO_COLOR: '1', HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' },
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout: out, stderr: err }));
  });
  const says = async (text: string): Promise<void> => {
    for (let waited = 0; !err.includes(text) && waited < DEADLINE_MS; waited += 10) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.ok(err.includes(text), `standard error says ${JSON.stringify(text)}: ${err}`);
  };
  return { child, ended, says };
}

describe('signals', () => {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    test(`shale ends with ${status} after ${signal}, having closed its store`, async () => {
      const { child, ended, says } = launch(['build'], 'waiting');
      await says('#1 step');
      const begin = performance.now();
      child.kill(signal);
      const { code, stderr, stdout } = await ended;
      assert.equal(code, status);
      assert.equal(stdout, '');
      assert.equal(stderr, '#1 step\nclosed\n');
      assert.ok(performance.now() - begin < 5000);
    });
  }

  test('F-229: a second Ctrl-C ends shale at once, with 130', async () => {
    const { child, ended, says } = launch(['build'], 'deaf');
    await says('#1 step');
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 100));
    const begin = performance.now();
    child.kill('SIGINT');
    assert.equal((await ended).code, 130);
    assert.ok(performance.now() - begin < 1000);
  });

  test('F-229: shale ends some seconds after one Ctrl-C even when its work does not listen', async () => {
    const { child, ended, says } = launch(['build'], 'deaf');
    await says('#1 step');
    const begin = performance.now();
    child.kill('SIGINT');
    assert.equal((await ended).code, 130);
    assert.ok(performance.now() - begin < 7000);
  });
});

describe('lost outputs', () => {
  test('F-146: shale ends quietly with 141 when nobody reads its output', async () => {
    const { child, ended } = launch(['images']);
    child.stdout?.once('data', () => child.stdout?.destroy());
    const { code, stderr } = await ended;
    assert.equal(stderr, '');
    assert.equal(code, 141);
  });

  test('F-146: shale says in one line that its output cannot be written, and fails', async (context) => {
    if (!existsSync('/dev/full')) return context.skip('there is no /dev/full');
    const { code, stderr } = await launch(['images'], '', openSync('/dev/full', 'w')).ended;
    assert.match(stderr, /^shale: cannot write the output: ENOSPC[^\n]*\n$/);
    assert.equal(code, 1);
  });

  test('a build goes on when nobody reads its progress', async () => {
    const { child, ended } = launch(['build']);
    child.stderr?.destroy();
    const { code, stdout } = await ended;
    assert.deepEqual([code, stdout], [0, `sha256:${'a'.repeat(64)}\n`]);
  });
});

describe('terminals', () => {
  const onTerminal = (command: string, env: Record<string, string>): string => {
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      env: { ...process.env, HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent', ...env },
      timeout: DEADLINE_MS,
    });
    return stdout;
  };
  const quoted = [process.execPath, ...ARGS].map((word) => `'${word}'`).join(' ');
  const skip = spawnSync('script', ['--version']).status === 0 ? false : 'script (bsdutils) is not here';

  test('shale draws progress on a terminal of any width, and leaves it to lines on a dumb one', { skip }, () => {
    const wide = onTerminal(`stty cols 60 rows 20; ${quoted} build`, { TERM: 'xterm' });
    assert.match(wide, /\[\+\] Building \d+\.\ds \(0\/1\) FINISHED/);
    const narrow = onTerminal(`stty cols 12 rows 5; ${quoted} build`, { TERM: 'xterm' });
    assert.match(narrow, /\[\+\] Build/);
    assert.equal(onTerminal(`stty cols 60; ${quoted} build`, { TERM: 'dumb' }).split('\r\n')[0], '#1 step');
  });

  test('shale colours errors on terminals unless NO_COLOR is set', { skip }, () => {
    assert.match(onTerminal(`${quoted} frob`, { TERM: 'xterm', NO_COLOR: '' }), /\u001B\[31mshale:/);
    assert.doesNotMatch(onTerminal(`${quoted} frob`, { TERM: 'xterm', NO_COLOR: '1' }), /\u001B/);
  });

  test('shale refuses to write an archive to a terminal', { skip }, () => {
    assert.match(onTerminal(`${quoted} save web`, { TERM: 'dumb' }), /an archive is not written to a terminal/);
  });
});

describe('bin/shale', () => {
  const shale = join(root, 'bin/shale');

  test('bin/shale starts from any folder and through links', () => {
    for (const [command, args] of [
      [shale, ['version']],
      ['sh', ['-c', `d=$(mktemp -d) && ln -s '${shale}' "$d/shale" && "$d/shale" version; s=$?; rm -r "$d"; exit $s`]],
      [process.execPath, [shale, 'version']],
    ] as const) {
      const { stdout, stderr, status } = spawnSync(command, args, { cwd: '/', encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^shale \d+\.\d+\.\d+ \(Node /);
    }
  });

  test('bin/shale keeps its --env-file from Node, which would take NODE_OPTIONS of a container from it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'shale-bin-'));
    try {
      writeFileSync(join(folder, 'vars'), 'NODE_OPTIONS=--no-such-option\n');
      const env = { ...process.env, SHALE_HOME: join(folder, 'home'), SHALE_RUN: join(folder, 'run') };
      const run = (file: string): readonly [number | null, string] => {
        const words = ['run', '--pull', 'never', '--env-file', join(folder, file), 'nothing.example/here'];
        const { status, stderr } = spawnSync(shale, words, { encoding: 'utf8', env });
        return [status, stderr];
      };
      const [withFile, said] = run('vars');
      assert.deepEqual([withFile, /^shale: there is no image nothing\.example\/here/m.test(said)], [125, true], said);
      const [without, complaint] = run('none');
      assert.deepEqual([without, /^shale: cannot read .*\/none: ENOENT/m.test(complaint)], [125, true], complaint);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('bin/shale tells an old Node which one is needed', () => {
    const script = `Object.defineProperty(process.versions, 'node', { value: '18.20.4' }); require(${JSON.stringify(shale)})`;
    const { stderr, status } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    assert.match(stderr, /^shale: needs Node 24 or newer; this is Node 18\.20\.4 [^\n]*\ntry: [^\n]*\n$/);
    assert.equal(status, 125);
  });

  test('bin/shale says that there is no Node', () => {
    // A copy, so that it does not find the Node of this checkout.
    const folder = mkdtempSync(join(tmpdir(), 'shale-bin-'));
    try {
      copyFileSync(shale, join(folder, 'shale'));
      const env = { PATH: '/nonexistent' };
      const { stderr, status } = spawnSync('/bin/sh', [join(folder, 'shale')], { encoding: 'utf8', env });
      assert.equal(stderr, 'shale: needs Node 24 or newer, and there is no node here\n');
      assert.equal(status, 125);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
