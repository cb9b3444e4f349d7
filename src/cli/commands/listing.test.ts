import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerSummary, Engine, ImageSummary } from '../../engine/index.ts';
import { runFake } from '../fake-context.fixture.ts';
import { formatChange } from './diff.ts';
import { formatWhy, parseBuildStep } from './why.ts';

const NOW = Date.UTC(2026, 0, 2);
const HOUR = 3_600_000;
const id = (digit: string): string => `sha256:${digit.repeat(64)}`;

const images: readonly ImageSummary[] = [
  {
    id: id('a'),
    tag: { repository: 'debian', tag: 'trixie-slim' },
    digest: id('d'),
    taggedMs: NOW - 2 * HOUR,
    sizeBytes: 78_612_345,
    labels: { team: 'web' },
  },
  { id: id('b'), taggedMs: NOW - 21 * 24 * HOUR, sizeBytes: 4_096, labels: {} },
];

const NOTHING_ELSE = { exposedPorts: [], volumes: [], volumeNames: [], network: 'bridge' } as const;

const containers: readonly ContainerSummary[] = [
  {
    id: 'c'.repeat(64),
    name: 'web',
    image: 'nginx',
    imageId: id('a'),
    command: ['/docker-entrypoint.sh', 'nginx', '-g', 'daemon off;'],
    createdMs: NOW - HOUR,
    state: { kind: 'running', startedMs: NOW - 3 * 60_000 },
    ports: [
      { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
      { containerPort: 443, protocol: 'tcp' },
    ],
    labels: { a: '1' },
    ...NOTHING_ELSE,
  },
  {
    id: 'd'.repeat(64),
    name: 'job',
    image: 'debian:trixie-slim',
    imageId: id('b'),
    command: ['true'],
    createdMs: NOW - 2 * HOUR,
    state: { kind: 'exited', exitCode: 3, finishedMs: NOW - 2 * HOUR },
    ports: [],
    labels: {},
    ...NOTHING_ELSE,
  },
];

const engine: Partial<Engine> = {
  images: async () => images,
  containers: async ({ all }) => containers.filter((one) => all || one.state.kind === 'running'),
};
const stdoutOf = async (line: string): Promise<string> =>
  (await runFake(line.split(' '), { engine, nowMs: NOW })).stdout;

describe('lists as docker prints them', () => {
  test('images prints docker’s columns', async () => {
    assert.equal(
      await stdoutOf('images'),
      'REPOSITORY   TAG           IMAGE ID       CREATED       SIZE\n' +
        'debian       trixie-slim   aaaaaaaaaaaa   2 hours ago   78.6MB\n' +
        '<none>       <none>        bbbbbbbbbbbb   3 weeks ago   4.1kB\n',
    );
    assert.match(await stdoutOf('image ls --digests --no-trunc'), new RegExp(`${id('d')} +${id('a')}`));
  });

  test('images filters by name, pattern, label and dangling', async () => {
    assert.equal(await stdoutOf('images -q debian'), 'aaaaaaaaaaaa\n');
    assert.equal(await stdoutOf('images -q docker.io/library/debian:trixie-slim'), 'aaaaaaaaaaaa\n');
    assert.equal(await stdoutOf('images -q debian:bookworm'), '');
    assert.equal(await stdoutOf('images -q --filter reference=deb*:*-slim'), 'aaaaaaaaaaaa\n');
    assert.equal(await stdoutOf('images -q --filter dangling=true'), 'bbbbbbbbbbbb\n');
    assert.equal(await stdoutOf('images -q --filter label=team=web --filter dangling=false'), 'aaaaaaaaaaaa\n');
    assert.equal(await stdoutOf('images --format {{.Repository}}:{{.Tag}} debian'), 'debian:trixie-slim\n');
  });

  test('ps prints docker’s columns, running ones only unless -a or a filter says otherwise', async () => {
    assert.equal(
      await stdoutOf('ps'),
      'CONTAINER ID   IMAGE     COMMAND                  CREATED             STATUS         PORTS                           NAMES\n' +
        'cccccccccccc   nginx     "/docker-entrypoint.…"   About an hour ago   Up 3 minutes   0.0.0.0:8080->80/tcp, 443/tcp   web\n',
    );
    assert.equal(await stdoutOf('ps -aq'), 'cccccccccccc\ndddddddddddd\n');
    assert.equal(
      await stdoutOf('ps --filter status=exited --format {{.Names}}|{{.Status}}'),
      'job|Exited (3) 2 hours ago\n',
    );
    assert.equal(await stdoutOf('container ls -aq --filter name=jo'), 'dddddddddddd\n');
    assert.equal(await stdoutOf('ps -aq --filter ancestor=nginx --filter label=a'), 'cccccccccccc\n');
    assert.match(await stdoutOf('ps --no-trunc'), /"\/docker-entrypoint\.sh nginx -g daemon off;"/);
  });

  test('ps --format json prints an object a line', async () => {
    const [line = ''] = (await stdoutOf('ps --format json')).split('\n');
    assert.equal((JSON.parse(line) as { Names: string }).Names, 'web');
  });

  test('history prints docker’s columns, on one line each', async () => {
    const steps: Partial<Engine> = {
      history: async () => [
        {
          imageId: id('a'),
          createdMs: NOW - HOUR,
          createdBy: 'RUN /bin/sh -c set -e;\n  make all && make install && clean',
          sizeBytes: 1_500,
          comment: 'x',
        },
        { createdBy: 'COPY . /', sizeBytes: 0, comment: '' },
      ],
    };
    const { stdout } = await runFake(['history', 'web'], { engine: steps, nowMs: NOW });
    assert.equal(
      stdout,
      'IMAGE          CREATED             CREATED BY                                      SIZE      COMMENT\n' +
        'aaaaaaaaaaaa   About an hour ago   RUN /bin/sh -c set -e; make all && make inst…   1.5kB     x\n' +
        '<missing>      N/A                 COPY . /                                        0B\n',
    );
  });

  test('system df -v has a line for each, with what only it takes', async () => {
    const engine: Partial<Engine> = {
      usageItems: async () => ({
        images: images.map((image, i) => ({ ...image, sharedBytes: i * 100, uniqueBytes: 4_096, containers: 1 - i })),
        containers: containers.map((one) => ({ ...one, size: { writableBytes: 1_500, totalBytes: 9_000 } })),
        volumes: [{ name: 'data', sizeBytes: 2_000_000, containers: 3 }],
        buildCache: [],
      }),
    };
    const { stdout } = await runFake(['system', 'df', '-v'], { engine });
    const lines = stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, '|'));
    assert.deepEqual(
      lines.filter((line) => /space usage|Build cache/.test(line)),
      ['Images space usage:', 'Containers space usage:', 'Local Volumes space usage:', 'Build cache usage: 0B'],
    );
    assert.ok(lines.includes('debian|trixie-slim|aaaaaaaaaaaa|2 hours ago|78.6MB|0B|4.1kB|1'), stdout);
    assert.ok(lines.includes('<none>|<none>|bbbbbbbbbbbb|3 weeks ago|4.1kB|100B|4.1kB|0'), stdout);
    assert.ok(lines.includes('data|3|2MB'), stdout);
    const json = await runFake(['system', 'df', '-v', '--format', 'json'], { engine });
    const parsed = JSON.parse(json.stdout) as Record<string, Record<string, string>[]>;
    assert.deepEqual(Object.keys(parsed), ['Images', 'Containers', 'Volumes', 'BuildCache']);
    assert.equal(parsed['Containers']?.[0]?.['Size'], '1.5kB');
    const template = await runFake(['system', 'df', '-v', '--format', '{{.Images}}'], { engine });
    assert.equal(template.status, 125);
  });

  test('system df counts and says what can be had back', async () => {
    const usage: Partial<Engine> = {
      usage: async () => [
        { type: 'Images', total: 3, active: 1, sizeBytes: 1_234_567_890, reclaimableBytes: 617_283_945 },
      ],
    };
    const { stdout } = await runFake(['system', 'df'], { engine: usage });
    assert.equal(
      stdout,
      'TYPE      TOTAL     ACTIVE    SIZE      RECLAIMABLE\nImages    3         1         1.235GB   617.3MB (50%)\n',
    );
  });

  test('inspect prints a list, a template for each, and what it found when a name is wrong', async () => {
    const found: Partial<Engine> = {
      inspect: async (name, type) => {
        if (name === 'bad') throw new Error('nothing is called bad');
        return { Id: name, Type: type ?? 'any', Config: { Env: ['A=1'] } };
      },
    };
    const list = await runFake(['image', 'inspect', 'a', 'bad'], { engine: found });
    assert.equal(list.status, 1);
    assert.deepEqual(JSON.parse(list.stdout), [{ Id: 'a', Type: 'image', Config: { Env: ['A=1'] } }]);
    assert.equal(list.stderr, 'shale: nothing is called bad\n');
    const one = await runFake(['inspect', '-f', '{{json .Config.Env}} {{.Type}}', 'a', 'b'], { engine: found });
    assert.equal(one.stdout, '["A=1"] any\n["A=1"] any\n');
  });

  test('logs sends each stream to its own, and asks for times', async () => {
    const logs: Partial<Engine> = {
      logs: async function* (_container, { timestamps }) {
        yield { stream: 'stdout', bytes: Buffer.from(timestamps ? 'time out\n' : 'out\n') };
        yield { stream: 'stderr', bytes: Buffer.from('err\n') };
      },
    };
    const plain = await runFake(['logs', 'web'], { engine: logs });
    assert.deepEqual([plain.stdout, plain.stderr], ['out\n', 'err\n']);
    const stamped = await runFake(['logs', '-t', 'web'], { engine: logs });
    assert.equal(stamped.stdout, 'time out\n');
  });

  test('diff prints names as bytes into a pipe, and nothing harmful onto a terminal', () => {
    const change = { kind: 'added', path: '/caf\u00E9\u001B[2J' } as const;
    assert.equal(formatChange(change, false), 'A /caf\u00E9\u001B[2J\n');
    assert.doesNotMatch(formatChange(change, true), /\u001B/);
  });
});

describe('why', () => {
  test('parseBuildStep() splits build ids, not image names', () => {
    assert.deepEqual(parseBuildStep('babcde2345a:7', undefined), { build: 'babcde2345a', step: 7 });
    assert.deepEqual(parseBuildStep('latest:3', undefined), { build: 'latest', step: 3 });
    assert.deepEqual(parseBuildStep('web:7', undefined), { build: 'web:7' });
    assert.deepEqual(parseBuildStep('web', '2'), { build: 'web', step: 2 });
    assert.throws(() => parseBuildStep('web', '0'), { code: 'USAGE' });
  });

  test('formatWhy() says what differs', () => {
    const report = {
      buildId: 'b1',
      steps: [
        { number: 1, name: 'FROM x', outcome: 'cached', reason: 'nothing changed', changes: [] },
        {
          number: 2,
          name: 'COPY . .',
          outcome: 'ran',
          reason: '3 inputs differ from build b0',
          changes: [
            { input: 'a', before: '1', after: '2' },
            { input: 'b', after: '3' },
            { input: 'c', before: '4' },
          ],
        },
      ],
    } as const;
    assert.equal(
      formatWhy(report),
      'build b1\n#1 CACHED FROM x\n   nothing changed\n#2 RAN COPY . .\n   3 inputs differ from build b0\n     a: 1 → 2\n     b: new (3)\n     c: gone (was 4)\n',
    );
  });
});
