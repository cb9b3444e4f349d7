/** `shale bake`: several targets in one run. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { BakeTarget, ProgressEvent } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun, Lab, Told } from '../support/lab.ts';

const skip = cannotRun || BUSYBOX.missing;
const PROGRAM = join(import.meta.dirname, '../../bin/shale');

describe('bake', { skip }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  function target(name: string, dockerfile: string, more: Partial<BakeTarget['request']> = {}): BakeTarget {
    const path = lab.context({ Dockerfile: dockerfile });
    const request = {
      context: { kind: 'directory', path },
      tags: [],
      buildArgs: {},
      labels: {},
      network: 'none',
    } as const;
    return { name, request: { ...request, noCache: false, pull: false, keepNoise: false, ...more } };
  }

  async function bake(
    targets: readonly BakeTarget[],
  ): Promise<Map<string, { imageId: string; buildId: string }> & { told: Told }> {
    const told = new Told();
    const watch = { signal: AbortSignal.timeout(60_000), progress: told.take };
    const outcomes = await lab.engine.bake(targets, watch);
    return Object.assign(new Map(outcomes.map((one) => [one.name, one])), { told });
  }

  const whyOf = async (build: string): Promise<string[]> =>
    (await lab.engine.why({ build })).steps.map((step) => `${step.outcome}: ${step.reason}`);

  test('what several targets need is done once, and what only one needs at the same time', async () => {
    const random = 'RUN cat /proc/sys/kernel/random/uuid > /id\n';
    const common = `FROM busybox\n${random}`;
    const baked = await bake([
      target('a', `${common}RUN echo a > /own\n`, { tags: ['a:1'] }),
      target('b', `${common}RUN echo b > /own\n`, { tags: ['b:1'] }),
      target('again', `FROM busybox\n${random}RUN echo c > /own\n`, { noCache: true }),
    ]);
    const ids = await Promise.all(
      [...baked.values()].map(async ({ imageId }) => (await lab.read(imageId, 'id')).toString()),
    );
    assert.equal(new Set(ids).size, 1, 'one step made the file of all three');
    assert.equal((await lab.read('a:1', 'own')).toString(), 'a\n');
    const reasons = await Promise.all([...baked.values()].map(async ({ buildId }) => (await whyOf(buildId))[1]));
    assert.equal(reasons.filter((reason) => reason === 'cached: another target of the same run made it').length, 2);
    assert.equal(reasons.filter((reason) => reason?.startsWith('ran:')).length, 1);
  });

  test('independent targets run at the same time, and their steps are numbered through', async () => {
    const baked = await bake([
      target('one', 'FROM busybox\nRUN sleep 0.7; echo one\n'),
      target('two', 'FROM busybox\nRUN sleep 0.7; echo two\n'),
    ]);
    const { events } = baked.told;
    const runs = events.filter(
      (event): event is Extract<ProgressEvent, { kind: 'vertex-started' }> =>
        event.kind === 'vertex-started' && event.name.includes('RUN'),
    );
    assert.deepEqual(runs.map(({ name }) => name).toSorted(), [
      '[one 2/2] RUN sleep 0.7; echo one',
      '[two 2/2] RUN sleep 0.7; echo two',
    ]);
    const lastStart = events.findLastIndex((event) => event.kind === 'vertex-started' && event.name.includes('RUN'));
    const firstDone = events.findIndex((event) => event.kind === 'vertex-done' && event.id === runs[0]?.id);
    assert.ok(lastStart < firstDone, 'the second began before the first was done');
    const numbers = events.flatMap((event) => (event.kind === 'vertex-started' ? [event.number] : []));
    assert.deepEqual(
      numbers.toSorted((x, y) => x - y),
      [1, 2, 3, 4],
    );
    assert.equal(events.filter(({ kind }) => kind === 'finished').length, 1);
    const two = runs.find(({ name }) => name.startsWith('[two'));
    let log = '';
    for await (const { bytes } of lab.engine.buildLog(
      baked.get('two')?.buildId ?? '',
      { step: two?.number ?? 0 },
      { signal: AbortSignal.timeout(9000) },
    ))
      log += Buffer.from(bytes).toString();
    assert.equal(log, 'two\n');
  });

  test('a target is the base of another, and a source of its files', async () => {
    const baked = await bake([
      target('top', 'FROM base\nCOPY --from=files /f /g\nRUN cat /made /g > /both\n', {
        buildContexts: { base: { kind: 'target', target: 'low' }, files: { kind: 'target', target: 'files' } },
      }),
      target('files', 'FROM busybox\nRUN echo file > /f\n', { outputs: [] }),
      target('low', 'FROM busybox\nENV A=low\nRUN echo low > /made\n', { outputs: [] }),
    ]);
    const imageId = baked.get('top')?.imageId ?? '';
    assert.equal((await lab.read(imageId, 'both')).toString(), 'low\nfile\n');
    assert.ok(((await lab.config(imageId))['Env'] as string[]).includes('A=low'));
    const alone = baked.told.events.filter((event) => event.kind === 'vertex-started').map((event) => event.name);
    assert.ok(alone.some((name) => name.startsWith('[low 2/2] RUN')));
    const again = await bake([target('low', 'FROM busybox\nENV A=low\nRUN echo low > /made\n', { outputs: [] })]);
    assert.ok(again.told.steps.every(({ cached, name }) => cached || name.includes('FROM')));
    assert.equal(again.told.steps.at(-1)?.name, '[2/2] RUN echo low > /made', 'one alone needs no name in front');
    await assert.rejects(
      bake([
        target('x', 'FROM y\n', { buildContexts: { y: { kind: 'target', target: 'y' } } }),
        target('y', 'FROM x\n', { buildContexts: { x: { kind: 'target', target: 'x' } } }),
      ]),
      { code: 'BAKE_CIRCULAR' },
    );
  });

  test('the first failure ends all, names its target, and every target leaves a record', async () => {
    const before = (await lab.engine.builds()).length;
    const failing = bake([
      target('slow', 'FROM busybox\nRUN sleep 60\n'),
      target('wrong', 'FROM busybox\nRUN sleep 0.5; echo no; exit 4\n'),
    ]);
    await assert.rejects(failing, (error: { code: string; message: string }) => {
      assert.equal(error.code, 'EXEC_FAILED');
      assert.match(error.message, /^target wrong: process .* exit code: 4$/);
      return true;
    });
    const records = (await lab.engine.builds()).slice(0, 2);
    assert.equal((await lab.engine.builds()).length, before + 2);
    assert.deepEqual(records.map(({ status }) => status).toSorted(), ['canceled', 'error']);
  });

  test('the command builds what HCL and compose files say', () => {
    const folder = lab.newFolder();
    mkdirSync(join(folder, 'app'));
    writeFileSync(
      join(folder, 'app/Dockerfile'),
      'FROM busybox AS prod\nARG V\nRUN echo $V > /v\nFROM prod\nLABEL last=1\n',
    );
    writeFileSync(
      join(folder, 'docker-bake.hcl'),
      `
variable "V" { default = "1" }
group "default" { targets = ["app", "inline", "m"] }
target "app" {
  context = "app"
  target = "prod"
  args = { V = "v\${V}" }
  tags = ["baked/app:\${V}"]
  labels = { "l" = "m" }
  network = "none"
}
target "inline" {
  dockerfile-inline = "FROM base\\nCOPY --from=more f /f\\n"
  contexts = { base = "target:app", more = "more" }
  tags = ["baked/inline"]
}
target "m" {
  name = "m-\${n}"
  matrix = { n = ["1", "2"] }
  context = "app"
  args = { V = n }
  tags = ["baked/m:\${n}"]
  network = "none"
}
`,
    );
    mkdirSync(join(folder, 'more'));
    writeFileSync(join(folder, 'more/f'), 'more\n');
    const env = { ...process.env, SHALE_HOME: lab.home, SHALE_RUN: lab.runRoot, V: '7' };
    const shale = (...words: string[]): ReturnType<typeof spawnSync> =>
      spawnSync(PROGRAM, words, { cwd: folder, env, encoding: 'utf8' });
    const done = shale('bake', '--metadata-file', 'meta.json', '--explain');
    assert.equal(done.status, 0, String(done.stderr));
    assert.match(
      String(done.stdout),
      /^app sha256:\w{64}\ninline sha256:\w{64}\nm-1 sha256:\w{64}\nm-2 sha256:\w{64}\n$/,
    );
    assert.match(String(done.stderr), /\[inline 1\/2\] FROM bake-target\.local\//);
    assert.match(String(done.stderr), /target m-2: build b\w{10}\n/);
    const metadata = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8')) as Record<
      string,
      Record<string, unknown>
    >;
    assert.deepEqual(Object.keys(metadata), ['app', 'inline', 'm-1', 'm-2']);
    assert.ok(String(metadata['app']?.['buildx.build.ref']).startsWith('b'));
    const shown = (name: string): string => String(shale('inspect', '-f', '{{json .Config.Labels}}', name).stdout);
    assert.equal(shown('baked/app:7'), '{"l":"m"}\n');
    assert.equal(shown('baked/m:2'), '{"last":"1"}\n');
    assert.equal(shale('run', '--rm', '--network', 'none', 'baked/inline', 'cat', '/v', '/f').stdout, 'v7\nmore\n');
    writeFileSync(
      join(folder, 'compose.yaml'),
      'services:\n  web:\n    image: baked/web\n    build: { context: app, target: prod, args: { V: compose }, network: none }\n',
    );
    const composed = shale('bake', '-f', 'compose.yaml');
    assert.match(String(composed.stdout), /^web sha256:\w{64}\n$/, String(composed.stderr));
    assert.equal(shale('run', '--rm', '--network', 'none', 'baked/web', 'cat', '/v').stdout, 'compose\n');
    const refused = shale('bake', 'app', '--set', 'app.attest=type=sbom,generator=scanner');
    assert.equal(refused.status, 125);
    assert.match(String(refused.stderr), /target app: --attest type=sbom,generator=scanner: /);
    const entitled = shale('bake', 'app', '--set', 'app.entitlements=security.insecure');
    assert.equal(entitled.status, 125);
    assert.match(String(entitled.stderr), /target app: it asks for security\.insecure/);
    const checked = shale('bake', 'app', '--check');
    assert.match(String(checked.stdout), /^app:\nCheck complete/);
  });
});
