import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Engine, LockChange, LockOutcome, LockRequest, RebuildReport } from '../../engine/index.ts';
import { runFake } from '../fake-context.fixture.ts';

const changes: readonly LockChange[] = [
  { kind: 'base', name: 'docker.io/library/debian:1 linux/amd64', before: 'aaaa', after: 'bbbb' },
  { kind: 'package', name: 'apt:nginx', step: 'RUN apt-get install nginx\nmore', before: '1.0', after: '1.1' },
  { kind: 'package', name: 'apt:new', step: 'RUN apt-get install nginx\nmore', after: '2.0' },
];
const outcome: LockOutcome = {
  path: '/project/Dockerfile.lock',
  written: true,
  changes,
  bases: 1,
  sources: 0,
  packages: 2,
  answers: 5,
  sizeBytes: 12_900_000,
  redacted: ['http://h/?token=REDACTED'],
  buildId: 'b',
  imageId: 'sha256:1',
};

function fake(found: readonly LockChange[] = changes): {
  readonly engine: Partial<Engine>;
  readonly asked: LockRequest[];
} {
  const asked: LockRequest[] = [];
  const locks: Partial<Engine['locks']> = {
    async lock(request) {
      asked.push(request);
      return { ...outcome, changes: found };
    },
    diffLocks: async () => found,
    fetchLocked: async (path) => ({ path, fetched: ['a'], failed: [{ what: 'apt:x 1', why: 'it answers 404' }] }),
  };
  // Only what the tests call is there.
  return { engine: { locks: locks as Engine['locks'] }, asked };
}

const NOTHING = { varied: [], notVaried: [], differences: [], moreDifferences: 0 } as const;

describe('lock', () => {
  test('writes what it has locked and what is other, and tells of secrets', async () => {
    const { engine, asked } = fake();
    const { status, stdout, stderr } = await runFake(['lock', '-q', '-f', 'x/Dockerfile', '--target', 't', '.'], {
      engine,
    });
    assert.equal(status, 0);
    assert.equal(
      stdout,
      [
        'wrote Dockerfile.lock: 1 base image, 2 packages, 5 answers (12.9MB)',
        'base docker.io/library/debian:1 linux/amd64: aaaa → bbbb',
        'in RUN apt-get install nginx',
        '  apt:nginx: 1.0 → 1.1',
        '',
      ].join('\n'),
    );
    assert.match(stderr, /token=REDACTED holds a secret/);
    assert.deepEqual([asked[0]?.update, asked[0]?.build.target], [false, 't']);
  });

  test('update passes on what alone may change, and a dry run ends with 2 when something would', async () => {
    const { engine, asked } = fake();
    await runFake(['lock', 'update', '-q', '--only', 'apt:nginx*', '--only', 'npm:@types/*'], { engine });
    assert.deepEqual([asked[0]?.update, asked[0]?.only], [true, ['apt:nginx*', 'npm:@types/*']]);
    assert.equal((await runFake(['lock', 'update', '-q', '--dry-run'], { engine })).status, 2);
    assert.equal((await runFake(['lock', 'update', '-q', '--dry-run'], { engine: fake([]).engine })).status, 0);
  });

  test('diff ends with 2 when files differ', async () => {
    const { status, stdout } = await runFake(['lock', 'diff', 'a', 'b'], { engine: fake().engine });
    assert.equal(status, 2);
    assert.match(stdout, /apt:new: new 2\.0/);
    const same = await runFake(['lock', 'diff', '-'], { engine: fake([]).engine, stdin: 'x\n' });
    assert.deepEqual([same.status, same.stdout], [0, '']);
  });

  test('fetch says what could not be had', async () => {
    const { status, stdout, stderr } = await runFake(['lock', 'fetch', '--from', 'v'], { engine: fake().engine });
    assert.deepEqual([status, stdout], [1, 'fetched 1, failed 1\n']);
    assert.match(stderr, /apt:x 1: it answers 404/);
  });

  test('build takes --locked or --no-lock, and not both', async () => {
    const asked: (string | undefined)[] = [];
    const engine: Partial<Engine> = {
      async build({ lock }) {
        asked.push(lock);
        return { imageId: 'sha256:1', buildId: 'b', tags: [], metadata: {} };
      },
    };
    for (const flags of [['--locked'], ['--no-lock'], []]) await runFake(['build', '-q', ...flags, '.'], { engine });
    assert.deepEqual(asked, ['replay', 'ignore', undefined]);
    assert.equal((await runFake(['build', '--locked', '--no-lock', '.'], { engine })).status, 125);
  });

  test('verify says where differences are, what they come from and what would mend them', async () => {
    const report: RebuildReport = {
      image: `sha256:${'a'.repeat(64)}`,
      build: 'b1',
      rebuilt: `sha256:${'c'.repeat(64)}`,
      rebuild: 'b2',
      identical: false,
      varied: [{ what: 'umask', was: '022', is: '077' }],
      notVaried: [{ what: 'host name', why: 'not permitted' }],
      differences: [
        {
          layer: 2,
          madeBy: 'RUN date',
          path: '/at',
          kind: 'changed',
          differs: ['content'],
          cause: 'time stamp',
          mend: 'fix it',
        },
      ],
      moreDifferences: 3,
    };
    const engine: Partial<Engine> = { verifyBuild: async () => report };
    const { status, stdout } = await runFake(['verify', '-q', 'web'], { engine });
    assert.equal(status, 2);
    assert.match(stdout, /layer 2: RUN date\n {2}C \/at \(content\): time stamp\n {6}fix it\nand 3 more\n/);
    assert.match(stdout, /host name +not varied: not permitted/);
    const same = await runFake(['verify', '-q', 'web'], {
      engine: { verifyBuild: async () => ({ ...report, identical: true, differences: [], moreDifferences: 0 }) },
    });
    assert.equal(same.status, 0);
  });

  test('verify takes how far ahead the clock is', async () => {
    const asked: (number | undefined)[] = [];
    const engine: Partial<Engine> = {
      async verifyBuild({ clockAheadSeconds }) {
        asked.push(clockAheadSeconds);
        return { image: 'i', build: 'b', rebuilt: 'i', rebuild: 'c', identical: true, ...NOTHING };
      },
    };
    const given = [[], ['--clock', '400d'], ['--clock', '1d2h'], ['--clock', '90s'], ['--clock', 'off']];
    for (const flags of given) assert.equal((await runFake(['verify', '-q', ...flags, 'x'], { engine })).status, 0);
    assert.deepEqual(asked, [undefined, 34_560_000, 93_600, 90, 0]);
    for (const bad of ['', '0', '1', 'd', '-1d', '1w', '999999d'])
      assert.equal((await runFake(['verify', '--clock', bad, 'x'], { engine })).status, 125, bad);
  });
});
