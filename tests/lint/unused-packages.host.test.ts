/** Packages that a container has not used: a trace of the files that it opened, and what lint makes of it. */
import assert from 'node:assert/strict';
import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError, messageOf } from '../../src/base/index.ts';
import { makeSigner, packApk, type TestApk } from '../../src/bases/alpine/packed-apk.fixture.ts';
import type { RunRequest } from '../../src/engine/index.ts';
import { openFanotify } from '../../src/sys/index.ts';
import { ContainerLab, watch } from '../containers/container-lab.ts';
import { ALPINE, cannotRun } from '../support/lab.ts';
import { containerRequest } from '../support/requests.ts';

const LOADER = '/lib/ld-musl-x86_64.so.1';

const PACKAGES: readonly TestApk[] = [
  {
    name: 'greeter',
    version: '1.0-r0',
    depends: 'greeter-words',
    files: [{ path: 'usr/bin/greet', mode: 0o755, content: '#!/bin/sh\n. /usr/share/greeter/setup\necho hello\n' }],
  },
  { name: 'greeter-words', version: '1.0-r0', files: [{ path: 'usr/share/greeter-words/all', content: 'hello' }] },
  { name: 'greeter-setup', version: '1.0-r0', files: [{ path: 'usr/share/greeter/setup', content: ':' }] },
  {
    name: 'compiler',
    version: '2.0-r0',
    depends: 'assembler',
    files: [{ path: 'usr/bin/compile', mode: 0o755, content: Buffer.alloc(2_000_000, 'compiler') }],
  },
  { name: 'assembler', version: '2.0-r0', files: [{ path: 'usr/bin/assemble', content: 'x'.repeat(5000) }] },
];

const DOCKERFILE = `FROM alpine:3
COPY packages /packages
RUN apk add --no-network --allow-untrusted --force-non-repository --repositories-file /dev/null /packages/*.apk
USER 1000
CMD ["greet"]
`;

const skip = cannotRun || ALPINE.missing || cannotTrace();

describe('a trace of opened files', { skip }, () => {
  let lab: ContainerLab;
  let folder: string;
  before(async () => {
    lab = await ContainerLab.open();
    await lab.lab.importRootfs(ALPINE.path, 'alpine:3', ['CMD ["sh"]']);
    const signer = makeSigner();
    const files = PACKAGES.map((each) => [`packages/${each.name}.apk`, packApk(each, signer).bytes] as const);
    folder = lab.lab.context({ Dockerfile: DOCKERFILE, ...Object.fromEntries(files) });
    await lab.lab.build(folder, { tags: ['greeter:1'] });
  });
  after(() => lab[Symbol.asyncDispose]());

  const inAlpine = (script: string, more: Partial<RunRequest> = {}): RunRequest =>
    containerRequest('alpine:3', ['sh', '-c', script], { network: 'none', ...more });

  /** Runs to the end, and gives what was opened. */
  async function opened(request: RunRequest): Promise<readonly string[]> {
    const started = await lab.lab.engine.run(request, watch(), { traceFiles: true });
    if (started.attached !== undefined) for await (const _ of started.attached.output);
    assert.equal(await started.exit, 0);
    return started.openedFiles?.() ?? assert.fail('there is a trace');
  }

  test('run --trace-files names what was opened from the first program on, and lint the packages of which nothing was', () => {
    const trace = join(folder, 'opened.txt');
    const ran = lab.shale(['run', '--rm', '--network', 'none', '--trace-files', trace, 'greeter:1']);
    assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, 'hello\n', '']);
    const paths = readFileSync(trace, 'latin1').split('\n');
    // The runtime looks up users before it starts the program.
    assert.deepEqual(
      paths.filter((path) => !path.startsWith('/etc/')),
      ['/bin/busybox', LOADER, '/usr/bin/greet', '/usr/share/greeter/setup', ''],
    );
    const linted = lab.shale(['lint', '--format', 'json', '--trace', trace, join(folder, 'Dockerfile')]);
    assert.equal(linted.stderr, '');
    assert.deepEqual(linted.stdout.match(/no file of [^"]*/g), [
      'no file of 2 packages of 2.0 MB (compiler (2.0 MB), assembler (5 kB)), which came along, was opened in the trace',
    ]);
  });

  test('a container that stays is traced like one that ends with its command, and only its image is', async () => {
    const script = [
      'cat /etc/alpine-release /etc/hostname',
      'echo new > /new && cat /new',
      'echo more >> /etc/issue && rm /etc/issue',
      'cat /etc/profile.d/../profile > /dev/null && mv /etc/shells /etc/moved',
      'test -e /etc/motd && ls /etc/apk > /dev/null && stat /etc/fstab > /dev/null',
    ].join(' && ');
    const looked = ['/etc/group', '/etc/passwd'];
    const expected = ['/bin/busybox', '/etc/alpine-release', '/etc/issue', '/etc/profile', LOADER];
    for (const removeWhenDone of [true, false]) {
      const paths = await opened(inAlpine(`{ ${script}; } > /dev/null`, { removeWhenDone }));
      assert.deepEqual(
        paths.filter((path) => !looked.includes(path)),
        expected,
      );
    }
    assert.deepEqual(groups(), []);
  });

  test('a run that fails leaves nothing that listens', async () => {
    for (const removeWhenDone of [true, false]) {
      for (const request of [
        containerRequest('none:1', ['true'], { removeWhenDone }),
        containerRequest('alpine:3', ['/nothing'], { removeWhenDone, network: 'none' }),
      ])
        await assert.rejects(opened(request));
    }
    assert.deepEqual(groups(), []);
  });

  test('what this command does not wait for cannot be traced', async () => {
    for (const more of [{ detach: true }, { restart: { kind: 'always' } }] as const)
      await assert.rejects(opened(inAlpine('true', more)), (error) => isShaleError(error, 'OPTIONS_CONFLICT'));
  });
});

/** Root in a container may lack the right. */
function cannotTrace(): string | false {
  try {
    closeSync(openFanotify());
    return false;
  } catch (error) {
    return messageOf(error);
  }
}

/** The descriptors of this process that listen. */
function groups(): readonly string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('fanotify');
    } catch {
      return false; // That of the folder itself.
    }
  });
}
