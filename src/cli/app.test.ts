import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ShaleError } from '../base/index.ts';
import { allFlags } from './common-flags.ts';
import type { AttachedStreams, BuildRequest, ExecRequest, RunRequest } from '../engine/index.ts';
import { runCommandLine } from './app.ts';
import { fakeContext, runFake } from './fake-context.fixture.ts';
import { formatCommandHelp } from './help.ts';
import { textWidth } from './output/text-width.ts';
import { PLAIN_COMMANDS } from './plain-commands.ts';
import { COMMANDS } from './table.ts';
import { SHALE_VERSION } from '../base/index.ts';

const outcome = { imageId: `sha256:${'a'.repeat(64)}`, buildId: 'b123', tags: [], metadata: {} };

test('of a failure behind which giving up failed too the failure itself is told, and both with --debug', async () => {
  const first = new ShaleError('IMAGE_NOT_FOUND', 'there is no image web', { hint: 'build it' });
  const images = (): Promise<never> => Promise.reject(new SuppressedError(new Error('cannot unmount'), first));
  // With a store that is named, so that no other one of this machine is spoken of.
  const env = { SHALE_HOME: '/store' };
  const told = await runFake(['images'], { engine: { images }, env });
  assert.equal(told.stderr, 'shale: there is no image web\ntry: build it\n');
  assert.equal(told.status, (await runFake(['images'], { engine: { images: () => Promise.reject(first) } })).status);
  const debug = await runFake(['-D', 'images'], { engine: { images } });
  assert.match(debug.stderr, /code: IMAGE_NOT_FOUND[^]*and then:\nError: cannot unmount/);
});

describe('the command table', () => {
  test('every command loads, and its flags have distinct names and letters', async () => {
    for (const row of COMMANDS) {
      const { command } = await row.load();
      const flags = allFlags(command);
      const names = [...flags, ...(command.refused ?? [])].map((flag) => flag.name);
      const letters = [...flags, ...(command.refused ?? [])].flatMap((flag) => flag.short ?? []);
      assert.equal(new Set(names).size, names.length, `${row.name}: names`);
      assert.equal(new Set(letters).size, letters.length, `${row.name}: letters`);
      assert.ok(command.examples.length > 0, `${row.name} has an example`);
      for (const flag of flags) assert.match(flag.summary, /^[^A-Z].*[^.]$/, `${row.name} --${flag.name}`);
    }
  });

  test('no two commands or aliases have one name', () => {
    const names = COMMANDS.flatMap((row) => [row.name, ...row.aliases.map((alias) => alias.name)]);
    assert.equal(new Set(names).size, names.length);
  });

  test('plain commands are commands, and a command that is not plain enters the namespace before it runs', async () => {
    const names = new Set(COMMANDS.map((row) => row.name));
    assert.deepEqual(
      [...PLAIN_COMMANDS].filter((name) => !names.has(name)),
      [],
    );
    const entered: string[] = [];
    for (const words of [['images'], ['ps'], ['ps', '--help'], ['ps', '--nosuch']]) {
      const { context } = fakeContext();
      const enterNamespace = async (): Promise<void> => void entered.push(words.join(' '));
      await runCommandLine(words, { ...context, enterNamespace });
    }
    assert.deepEqual(entered, ['ps']);
  });

  test('every example is a command line that its command accepts', async () => {
    const { parseCommand } = await import('./app.ts');
    for (const row of COMMANDS) {
      const { command } = await row.load();
      for (const { command: line } of command.examples) {
        const [, tail] = line.split(`shale ${row.name}`);
        assert.notEqual(tail, undefined, `${row.name}: ${line}`);
        const words = shellWords(tail ?? '');
        assert.doesNotThrow(() => parseCommand(row, command, words), `${row.name}: ${line}`);
      }
    }
  });

  test('help fits 60 columns, and loses nothing at 15', async () => {
    for (const row of COMMANDS) {
      const { command } = await row.load();
      const help = formatCommandHelp(row, command, 60);
      const wide = help.split('\n').filter((line) => textWidth(line) > 60 && !/^(  |usage:|Also:)/.test(line));
      assert.deepEqual(wide, [], row.name);
      assert.ok(formatCommandHelp(row, command, 15).length > 0);
    }
  });
});

/** Words as a shell would split the simple lines of examples: quotes, and the first command only. */
function shellWords(line: string): string[] {
  const [first = ''] = line.split(/ [|>] |\)$/);
  return [...first.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) => word.replaceAll(/["']/g, ''));
}

describe('runCommandLine()', () => {
  test('runCommandLine() prints the overview for no words, help, --help and -h', async () => {
    const outputs = await Promise.all([[], ['help'], ['--help'], ['-h']].map((words) => runFake(words)));
    for (const { status, stdout } of outputs) {
      assert.equal(status, 0);
      assert.match(stdout, /^shale: container images without a daemon\n/);
      assert.equal(stdout, outputs[0]?.stdout);
    }
  });

  test('runCommandLine() prints a command’s help in three ways, and a noun’s', async () => {
    const { stdout } = await runFake(['help', 'build']);
    assert.match(stdout, /^usage: shale build /);
    assert.equal((await runFake(['build', '--help'])).stdout, stdout);
    assert.equal((await runFake(['build', '-t', 'x', '-h'])).stdout, stdout);
    assert.equal((await runFake(['image', 'build', '--help'])).stdout, stdout);
    assert.match((await runFake(['system'])).stdout, /^usage: shale system COMMAND\n[^]*system df/);
    assert.equal((await runFake(['system', '--help'])).status, 0);
    assert.match((await runFake(['help', 'system', 'df'])).stdout, /^usage: shale system df/);
  });

  test('run -h is the host name, and run --help is help', async () => {
    assert.match((await runFake(['run', '--help'])).stdout, /^usage: shale run/);
    const { status, stderr } = await runFake(['run', '-h', 'UPPER_', 'image']);
    assert.equal(status, 125);
    assert.match(stderr, /--hostname "UPPER_"/);
  });

  test('runCommandLine() says the version, which is that of the package', async () => {
    const { stdout } = await runFake(['--version']);
    assert.match(stdout, new RegExp(`^shale ${SHALE_VERSION} \\(Node `));
    assert.equal((await runFake(['-v'])).stdout, stdout);
    const pack = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    }; // npm's own file.
    assert.equal(pack.version, SHALE_VERSION);
  });

  const refusals: readonly (readonly [words: readonly string[], stderr: RegExp])[] = [
    [['biuld', '.'], /^shale: unknown command: biuld\ntry: shale build\n$/],
    [['frobnicate'], /^shale: unknown command: frobnicate\ntry: shale help\n$/],
    [['image', 'lst'], /^shale: unknown command: image lst\ntry: shale image ls\n$/],
    [['trust', 'x'], /^shale: trust: shale does not sign images/],
    [['image', 'trust', 'x'], /^shale: trust: shale does not sign images/],
    [['compose', 'up'], /^shale: compose: shale runs containers on this machine only\ntry: shale bake/],
    [['-H', 'tcp://x', 'ps'], /^shale: -H: there is no daemon/],
    [['--host=tcp://x', 'ps'], /^shale: --host: there is no daemon/],
    [['--frob'], /^shale: unknown flag --frob\n/],
    [['build', '--tga', 'x'], /^shale: build: unknown flag --tga\ntry: did you mean --tag\?\n$/],
    [['build', '.', '.'], /^shale: build: it takes at most one argument\ntry: shale build --help\n$/],
    [['ps', 'x'], /^shale: ps: it takes no arguments\n/],
    [['run'], /^shale: run: it needs one argument\n/],
    [['run', '--gpus', 'some', 'x'], /^shale: --gpus "some" is not all/],
    [['run', '-m', '1x', 'x'], /^shale: --memory "1x" is not a size/],
    [['build', '-f', '-', '-'], /cannot both come from standard input/],
    [['run', '-it', 'x'], /-t with -i needs a terminal/],
    [['save', '--format', 'tar', 'x'], /--format is one of docker, oci, not "tar"/],
    [['import', 'https://x/y.tar'], /files, not addresses/],
    [['base', 'debian', '--suite', 'Bad Suite'], /is not a Debian release/],
    [['system', 'prune'], /nobody can be asked[^]*try: add --force/],
    [['completion', 'tcsh'], /there is none for tcsh/],
    [['ps', '--filter', 'nope=1'], /--filter has no key "nope"/],
    [['why', 'b2345:1', '--step', '2'], /name different steps/],
  ];
  for (const [words, stderr] of refusals) {
    test(`runCommandLine() refuses "${words.join(' ')}" with 125 and nothing on stdout`, async () => {
      const result = await runFake(words);
      assert.match(result.stderr, stderr);
      assert.equal(result.status, 125);
      assert.equal(result.stdout, '');
    });
  }

  test('runCommandLine() tells an error in one line with its hint, a stack only with --debug', async () => {
    const engine = {
      tag: async () => {
        throw new ShaleError('NOT_FOUND', 'no image is called web', { hint: 'shale images', data: { name: 'web' } });
      },
    };
    const plain = await runFake(['tag', 'web', 'x'], { engine });
    assert.deepEqual([plain.status, plain.stderr], [1, 'shale: no image is called web\ntry: shale images\n']);
    for (const words of [
      ['--debug', 'tag', 'web', 'x'],
      ['tag', '-D', 'web', 'x'],
    ]) {
      const { stderr } = await runFake(words, { engine });
      assert.match(stderr, /\ncode: NOT_FOUND\ndata: \{"name":"web"\}\nShaleError: /);
      assert.match(stderr, /\n {4}at /);
    }
  });

  test('runCommandLine() gives commands the exit status of what they ran', async () => {
    for (const code of [0, 3, 126, 127, 137]) {
      const engine = { run: async () => ({ containerId: 'c', exit: Promise.resolve(code) }) };
      assert.equal((await runFake(['run', '--rm', 'x'], { engine })).status, code);
    }
  });

  test('runCommandLine() tells failures of shale from those of the command it runs', async () => {
    const statusOf = async (words: readonly string[], code: string, data: Readonly<Record<string, unknown>> = {}) => {
      const throws = () => Promise.reject(new ShaleError(code, 'x', { data }));
      return (await runFake(words, { engine: { run: throws, exec: throws, tag: throws } })).status;
    };
    assert.equal(await statusOf(['run', 'x'], 'START_FAILED', { exitCode: 127 }), 127);
    assert.equal(await statusOf(['exec', 'x', 'y'], 'START_FAILED', { exitCode: 126 }), 126);
    assert.equal(await statusOf(['run', 'x'], 'IMAGE_NOT_FOUND'), 125);
    assert.equal(await statusOf(['exec', 'x', 'y'], 'CONTAINER_NOT_FOUND'), 1);
    assert.equal(await statusOf(['tag', 'x', 'y'], 'IMAGE_NOT_FOUND'), 1);
    assert.equal(await statusOf(['tag', 'x', 'y'], 'SETTINGS_INVALID'), 125);
    assert.equal(await statusOf(['tag', 'x', 'y'], 'OUTPUT_CLOSED'), 141);
  });

  test('run passes output and signals on, kills what ignores three, and ends with its status', async () => {
    const sent: string[] = [];
    const { context, desk, stdout, stderr } = fakeContext({
      engine: {
        run: async () => {
          const ended = Promise.withResolvers<number>();
          return {
            containerId: 'c',
            exit: ended.promise,
            attached: attachedTo(
              (async function* () {
                yield { stream: 'stdout', bytes: Buffer.from('out') } as const;
                yield { stream: 'stderr', bytes: Buffer.from('err') } as const;
                for (const signal of ['SIGINT', 'SIGTERM', 'SIGINT'] as const) desk.receive(signal);
              })(),
            ),
            kill: (signal) => {
              sent.push(signal);
              if (signal === 'SIGKILL') ended.resolve(137);
            },
          };
        },
      },
    });
    assert.equal(await runCommandLine(['run', 'x'], context), 137);
    assert.deepEqual([stdout(), stderr()], ['out', 'err']);
    assert.deepEqual(sent, ['SIGINT', 'SIGTERM', 'SIGKILL']);
    assert.equal(desk.signal.aborted, false);
  });

  test('the detach keys leave a container to itself', async () => {
    const done: string[] = [];
    const never = Promise.withResolvers<number>();
    const { context } = fakeContext({
      stdin: 'ab\x10\x11c',
      terminal: { columns: 80, rows: 24 },
      engine: {
        run: async () => ({
          containerId: 'c',
          exit: never.promise,
          attached: {
            ...attachedTo(
              (async function* () {
                await never.promise;
                yield { stream: 'stdout', bytes: new Uint8Array() } as const;
              })(),
            ),
            terminal: true,
            write: async (bytes) => done.push(Buffer.from(bytes).toString()) > 0,
            detach: async () => void done.push('detached'),
          },
        }),
      },
    });
    assert.equal(await runCommandLine(['run', '-it', 'x'], context), 0);
    assert.deepEqual(done, ['ab', 'detached']);
  });
});

function attachedTo(output: AttachedStreams['output']): AttachedStreams {
  const nothing = (): void => undefined;
  return {
    output,
    terminal: false,
    write: async () => true,
    endInput: nothing,
    resize: nothing,
    close: nothing,
    detach: async () => undefined,
  };
}

describe('command lines become requests', () => {
  test('build takes what docker build takes', async () => {
    let request: BuildRequest | undefined;
    const engine = {
      build: async (given: BuildRequest) => {
        request = given;
        return outcome;
      },
    };
    const line =
      'build -t a -t b:1 -f sub/Dockerfile --build-arg V=1 --build-arg=HOME --build-arg UNSET --target t --no-cache --pull --network none --label k=v --platform linux/amd64 --load --rm --provenance=false ctx';
    const { status, stdout } = await runFake(line.split(' '), { engine });
    assert.deepEqual([status, stdout], [0, '']);
    assert.deepEqual(request, {
      context: { kind: 'directory', path: '/project/ctx' },
      dockerfile: { kind: 'file', path: '/project/sub/Dockerfile' },
      tags: ['a', 'b:1'],
      buildArgs: { V: '1', HOME: '/home/me' },
      labels: { k: 'v' },
      target: 't',
      platforms: ['linux/amd64'],
      network: 'none',
      noCache: true,
      pull: true,
      keepNoise: false,
    });
  });

  test('build takes what its steps are given', async () => {
    let request: BuildRequest | undefined;
    const engine = {
      build: async (given: BuildRequest) => {
        request = given;
        return outcome;
      },
    };
    const line =
      'build -q --secret id=a,src=f --secret id=b,env=B --ssh k=key --allow network.host --add-host db=10.0.0.3 --ulimit nofile=1:2 --shm-size 1m -m 512m --memory-swap -1 --cpus 1.5 -c 512 --cpuset-cpus 0-1 --cgroup-parent /ci';
    await runFake(line.split(' '), { engine });
    assert.deepEqual(request?.secrets, [
      { kind: 'file', id: 'a', path: '/project/f' },
      { kind: 'env', id: 'b', name: 'B' },
    ]);
    assert.deepEqual(request.ssh, [{ id: 'k', paths: ['/project/key'] }]);
    assert.deepEqual([request.allow, request.cgroupParent], [['network.host'], '/ci']);
    assert.deepEqual(request.stepConfig, {
      Memory: 512 * 1024 ** 2,
      MemorySwap: -1,
      NanoCpus: 1_500_000_000,
      CpuShares: 512,
      CpusetCpus: '0-1',
      ShmSize: 1024 ** 2,
      ExtraHosts: ['db:10.0.0.3'],
      Ulimits: [{ Name: 'nofile', Hard: 2, Soft: 1 }],
    });
  });

  test('build without words builds "." and prints the id, as it does with -q', async () => {
    const engine = { build: async () => outcome };
    assert.equal((await runFake(['build'], { engine })).stdout, `${outcome.imageId}\n`);
    assert.equal((await runFake(['build', '-q', '-t', 'x'], { engine })).stdout, `${outcome.imageId}\n`);
  });

  test('build --network default is the setting', async () => {
    let request: BuildRequest | undefined;
    const engine = { build: async (given: BuildRequest) => ((request = given), outcome) };
    await runFake(['build', '--network=default'], { engine, env: { SHALE_NETWORK_DEFAULT: 'host' } });
    assert.equal(request?.network, 'host');
  });

  test('run takes what docker run takes, and leaves the command’s options alone', async () => {
    let request: RunRequest | undefined;
    const engine = {
      run: async (given: RunRequest) => {
        request = given;
        return { containerId: 'c0ffee', exit: Promise.resolve(0) };
      },
    };
    const line =
      'run --rm -d -eA=1 -e HOME -w /src -u 1:2 --entrypoint= --name web -v .:/src:ro -p8080:80 --read-only -l x --hostname h img cmd --rm -x';
    const { stdout } = await runFake(line.split(' '), { engine });
    assert.equal(stdout, 'c0ffee\n');
    assert.deepEqual(request, {
      image: 'img',
      command: ['cmd', '--rm', '-x'],
      entrypoint: [],
      name: 'web',
      environment: { A: '1', HOME: '/home/me' },
      workingDirectory: '/src',
      user: '1:2',
      hostname: 'h',
      hostConfig: {},
      labels: { x: '' },
      volumes: [{ kind: 'bind', source: '/project', target: '/src', readOnly: true, mode: 'ro' }],
      ports: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
      network: 'bridge',
      readOnly: true,
      removeWhenDone: true,
      interactive: false,
      terminal: false,
      detach: true,
      pull: 'missing',
    });
  });

  test('exec -it works on a terminal and keeps the command’s options', async () => {
    let request: ExecRequest | undefined;
    const engine = {
      exec: async (given: ExecRequest) => {
        request = given;
        return { containerId: 'c', exit: Promise.resolve(7) };
      },
    };
    const options = { engine, terminal: { columns: 80, rows: 24 } };
    assert.equal((await runFake(['exec', '-it', 'web', 'ls', '-l'], options)).status, 7);
    assert.deepEqual(request?.command, ['ls', '-l']);
    assert.equal(request?.interactive && request.terminal, true);
  });

  test('rm goes on after a failure and ends with 1', async () => {
    const engine = {
      removeContainer: async (name: string) => {
        if (name === 'b') throw new ShaleError('NOT_FOUND', 'no container is called b');
      },
    };
    assert.deepEqual(await runFake(['rm', 'a', 'b', 'c'], { engine }), {
      status: 1,
      stdout: 'a\nc\n',
      stderr: 'shale: no container is called b\n',
    });
  });

  test('system reset asks on a terminal, and does nothing without a yes', async () => {
    let resets = 0;
    const engine = { reset: async () => void resets++ };
    const terminal = { columns: 80, rows: 24 };
    const no = await runFake(['system', 'reset'], { engine, terminal, stdin: 'n\n' });
    assert.equal(no.status, 1);
    assert.match(
      no.stderr,
      /^Remove everything in \/home\/me\/\.local\/share\/shale\? \[y\/N\] shale: nothing was removed\n$/,
    );
    assert.equal((await runFake(['system', 'reset'], { engine, terminal, stdin: '' })).status, 1);
    assert.equal(resets, 0);
    assert.equal((await runFake(['system', 'reset'], { engine, terminal, stdin: 'y\n' })).status, 0);
    assert.equal((await runFake(['system', 'reset', '-f'], { engine })).status, 0);
    assert.equal(resets, 2);
  });

  test('system check ends with 2 when something stays damaged', async () => {
    const report = (repaired: boolean) => ({
      checkedBlobs: 3,
      checkedBytes: 1000,
      findings: [{ subject: 'sha256:x', problem: 'one bit differs', repaired }],
    });
    const damaged = await runFake(['system', 'check', '--full'], { engine: { check: async () => report(false) } });
    assert.equal(damaged.status, 2);
    assert.match(damaged.stdout, /^damaged {3}sha256:x: one bit differs\nchecked 3 blobs, 1kB: 1 damaged/);
    assert.equal(
      (await runFake(['system', 'check', '--repair'], { engine: { check: async () => report(true) } })).status,
      0,
    );
  });
});
