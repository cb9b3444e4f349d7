import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BuildLogChunk, BuildReport, BuildSummary, Engine } from '../../engine/index.ts';
import { runFake } from '../fake-context.fixture.ts';

const NOW = Date.UTC(2026, 0, 2);
const imageId = `sha256:${'a'.repeat(64)}`;

const builds: readonly BuildSummary[] = [
  {
    id: 'baaaaaaaaaa',
    name: 'web:latest',
    status: 'done',
    startedMs: NOW - 60_000,
    endedMs: NOW - 58_500,
    imageId,
    dockerfile: 'Dockerfile',
    context: '/src/web',
    target: 'prod',
    platform: 'linux/amd64',
    steps: { total: 5, cached: 3, ran: 2, failed: 0, canceled: 0 },
    logBytes: 1500,
  },
  {
    id: 'bbbbbbbbbbb',
    name: '/src/api',
    status: 'error',
    startedMs: NOW - 3 * 86_400_000,
    endedMs: NOW - 3 * 86_400_000 + 250,
    dockerfile: 'Dockerfile',
    platform: 'linux/amd64',
    steps: { total: 2, cached: 1, ran: 1, failed: 1, canceled: 0 },
    logBytes: 0,
  },
];

const log: readonly BuildLogChunk[] = [
  { step: 1, name: '[1/2] FROM x', outcome: 'cached', bytes: new Uint8Array() },
  { step: 2, name: '[2/2] RUN make', outcome: 'failed', bytes: Buffer.from('cc a.c\nWarn') },
  { step: 2, name: '[2/2] RUN make', outcome: 'failed', bytes: Buffer.from('ing: b\nno end') },
];

const engine: Partial<Engine> = {
  builds: async () => builds,
  async *buildLog(_build, { step }) {
    yield* log.filter((chunk) => step === undefined || chunk.step === step);
  },
  pruneBuilds: async (request) => [JSON.stringify(request)],
};
const stdoutOf = async (...words: string[]): Promise<string> => (await runFake(words, { engine, nowMs: NOW })).stdout;

describe('builds', () => {
  test('ls prints a row for each build, and docker’s word for it works', async () => {
    const table =
      'BUILD ID      NAME         STATUS    CREATED              DURATION   STEPS     IMAGE ID\n' +
      'baaaaaaaaaa   web:latest   done      About a minute ago   1.5s       3/5       aaaaaaaaaaaa\n' +
      'bbbbbbbbbbb   /src/api     error     3 days ago           0.3s       1/2\n';
    assert.equal(await stdoutOf('builds', 'ls'), table);
    assert.equal(await stdoutOf('buildx', 'history', 'ls'), table);
  });

  test('ls filters by status, name, image, target and time', async () => {
    const ids = async (...filters: string[]): Promise<string> =>
      (await stdoutOf('builds', 'ls', '-q', ...filters.flatMap((one) => ['--filter', one]))).trim();
    assert.equal(await ids('status=error'), 'bbbbbbbbbbb');
    assert.equal(await ids('status=completed'), 'baaaaaaaaaa');
    assert.equal(await ids('name=api'), 'bbbbbbbbbbb');
    assert.equal(await ids('image=aaaa'), 'baaaaaaaaaa');
    assert.equal(await ids('target=prod', 'since=1h'), 'baaaaaaaaaa');
    assert.equal(await ids('until=24h'), 'bbbbbbbbbbb');
    assert.equal((await runFake(['builds', 'ls', '--filter', 'stats=done'], { engine })).status, 125);
  });

  test('ls takes templates and JSON', async () => {
    const format = '{{.ID}} {{.CachedSteps}}/{{.TotalSteps}} {{.LogSize}}';
    assert.equal(await stdoutOf('builds', 'ls', '--format', format), 'baaaaaaaaaa 3/5 1.5kB\nbbbbbbbbbbb 1/2 0B\n');
    const [line = ''] = (await stdoutOf('builds', 'ls', '--format', 'json')).split('\n');
    assert.equal((JSON.parse(line) as { Target: string }).Target, 'prod');
  });

  test('show prints the facts and the steps', async () => {
    const report: BuildReport = {
      ...(builds[0] as BuildSummary), // It is there.
      noCache: false,
      buildArgs: ['VERSION'],
      bases: [{ reference: 'docker.io/library/debian:12', digest: imageId }],
      warnings: ['careful'],
      steps: [
        { number: 1, name: '[1/2] FROM debian', outcome: 'cached', logBytes: 0 },
        { number: 2, name: '[2/2] RUN make', outcome: 'ran', startedMs: NOW, endedMs: NOW + 1200, logBytes: 1500 },
      ],
    };
    const shown = await runFake(['builds', 'show'], { engine: { buildReport: async () => report } });
    assert.match(shown.stdout, /^Build: {7}baaaaaaaaaa\nName: {8}web:latest\nStatus: {6}done\n/);
    assert.match(shown.stdout, /\nBuild args: {2}VERSION\n/);
    assert.match(shown.stdout, /\nBase: {8}docker\.io\/library\/debian:12 \(sha256:a+\)\n/);
    assert.match(shown.stdout, /\n#2 {8}ran {7}1\.2s {6}1\.5kB {5}\[2\/2\] RUN make\n$/);
    const words = ['builds', 'inspect', 'web', '--format', '{{range .steps}}{{.number}} {{end}}'];
    assert.equal((await runFake(words, { engine: { buildReport: async () => report } })).stdout, '1 2 \n');
  });

  test('logs prints every line with its step, and one step byte for byte', async () => {
    assert.equal(
      await stdoutOf('builds', 'logs'),
      '#1 [1/2] FROM x\n#2 [2/2] RUN make\n#2 cc a.c\n#2 Warning: b\n#2 no end\n',
    );
    assert.equal(await stdoutOf('builds', 'logs', 'latest:2'), 'cc a.c\nWarning: b\nno end');
    assert.equal(await stdoutOf('builds', 'logs', '--step', '2', '--grep', 'b$'), 'Warning: b\n');
  });

  test('logs --grep finds lines over the borders of pieces, and says by its status whether there were any', async () => {
    assert.equal(await stdoutOf('builds', 'logs', '--grep', 'Warning'), '#2 [2/2] RUN make\n#2 Warning: b\n');
    const found = await runFake(['builds', 'logs', '-ig', 'warning'], { engine });
    assert.deepEqual([found.status, found.stdout], [0, '#2 [2/2] RUN make\n#2 Warning: b\n']);
    const none = await runFake(['builds', 'logs', '--grep', 'warning'], { engine });
    assert.deepEqual([none.status, none.stdout], [1, '']);
    const all = await stdoutOf('builds', 'logs', '--all', '--grep', 'end');
    assert.equal(all.split('\n').filter((line) => line.endsWith('#2 no end')).length, 2);
    assert.match(all, /^baaaaaaaaaa #2 \[2\/2\] RUN make\nbaaaaaaaaaa #2 no end\nbbbbbbbbbbb #2/);
    const bad = await runFake(['builds', 'logs', '--grep', '('], { engine });
    assert.equal(bad.status, 125);
    assert.match(bad.stderr, /--grep "\("/);
  });

  test('rm and prune want to be told what', async () => {
    assert.equal((await runFake(['builds', 'rm'], { engine })).status, 125);
    assert.equal((await runFake(['builds', 'rm', '--all', 'x'], { engine })).status, 125);
    assert.equal((await runFake(['builds', 'prune', '-f'], { engine })).status, 125);
    assert.equal(await stdoutOf('builds', 'prune', '-f', '--keep', '3'), '{"keep":3}\n');
    assert.equal(await stdoutOf('builds', 'prune', '-f', '--until', '1h'), `{"startedBeforeMs":${NOW - 3_600_000}}\n`);
    assert.equal((await runFake(['builds', 'prune', '--keep', '3'], { engine })).status, 125);
  });
});
