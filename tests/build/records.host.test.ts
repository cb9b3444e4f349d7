/** Builds as things that one can ask about: their records, their logs, and their steps as root file systems. */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { RunRequest } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';

const skip = cannotRun || BUSYBOX.missing;
const watch = () => ({ signal: AbortSignal.timeout(60_000) });

describe('builds', { skip }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  async function logOf(build: string, step?: number): Promise<string> {
    let text = '';
    for await (const { bytes } of lab.engine.buildLog(build, step === undefined ? {} : { step }, watch()))
      text += Buffer.from(bytes).toString();
    return text;
  }

  /** Runs a command and gives what it printed into a file that it shares with us. */
  async function run(image: string, script: string): Promise<string> {
    const folder = lab.newFolder();
    chmodSync(folder, 0o777);
    const request: RunRequest = {
      image,
      command: ['/bin/sh', '-c', `{ ${script}; } > /out/said`],
      environment: {},
      labels: {},
      volumes: [{ kind: 'bind', source: folder, target: '/out', readOnly: false }],
      ports: [],
      network: 'none',
      readOnly: false,
      removeWhenDone: true,
      interactive: false,
      terminal: false,
      detach: false,
      pull: 'never',
    };
    const started = await lab.engine.run(request, watch());
    assert.equal(await started.exit, 0);
    return readFileSync(`${folder}/said`, 'utf8');
  }

  test('a log is kept whole, megabytes of it, byte for byte', async () => {
    const built = await lab.build({
      dockerfile: 'FROM busybox\nRUN seq 1 400000; printf "\\377 no newline"\n',
    });
    const log = await logOf(built.buildId, 2);
    const expected = Array.from({ length: 400_000 }, (_, i) => `${i + 1}\n`).join('');
    assert.equal(log.length, expected.length + ' no newline'.length + 1);
    assert.equal(log.slice(0, expected.length), expected);
    const report = await lab.engine.buildReport(built.buildId);
    assert.equal(report.logBytes, expected.length + 12);
    assert.equal(report.steps[1]?.logBytes, report.logBytes);
  });

  test('the report of a build says what went in and what came out', async () => {
    const context = lab.context({ Dockerfile: 'FROM busybox AS one\nARG SECRET\nCOPY f /f\nFROM scratch\n', f: 'f' });
    const built = await lab.build(context, { target: 'one', tags: ['report:1'], buildArgs: { SECRET: 'hush' } });
    const report = await lab.engine.buildReport('report:1');
    assert.equal(report.id, built.buildId);
    assert.deepEqual(
      [report.status, report.context, report.target, report.buildArgs, report.imageId],
      ['done', context, 'one', ['SECRET'], built.imageId],
    );
    assert.deepEqual(
      report.bases.map((base) => base.reference),
      ['docker.io/library/busybox:latest'],
    );
    assert.ok(!JSON.stringify(report).includes('hush'));
    const [summary] = await lab.engine.builds();
    assert.deepEqual([summary?.id, summary?.steps.total], [built.buildId, report.steps.length]);
  });

  test('a Dockerfile that cannot be planned leaves a record with its error', async () => {
    await assert.rejects(lab.build({ dockerfile: 'FROM busybox\nCOPY --from=nowhere.invalid/x /a /b\n' }));
    const report = await lab.engine.buildReport('latest');
    assert.equal(report.status, 'error');
    assert.match(report.error ?? '', /nowhere\.invalid/);
    assert.match((await lab.engine.why({ build: 'latest' })).error ?? '', /nowhere\.invalid/);
  });

  test('run enters a build after each of its steps, with the surroundings of that place', async () => {
    const context = lab.context({
      Dockerfile: 'FROM busybox\nENV A=1\nRUN echo one > /one\nENV A=2\nWORKDIR /w\nCOPY f /w/f\nRUN echo two > /two\n',
      f: 'text',
    });
    const { buildId } = await lab.build(context);
    const look = 'echo "$A $PWD"; ls /one /two /w/f 2>/dev/null || true';
    assert.equal(await run(`${buildId}:1`, look), ' /\n');
    assert.equal(await run(`${buildId}:2`, look), '1 /\n/one\n');
    assert.equal(await run(`${buildId}:3`, look), '2 /w\n/one\n');
    assert.equal(await run(`${buildId}:4`, look), '2 /w\n/one\n/w/f\n');
    const again = await lab.build(context);
    assert.ok(again.steps.every((step, i) => i === 0 || step.cached));
    assert.equal(await run('latest:5', look), '2 /w\n/one\n/two\n/w/f\n');
    assert.equal(await run(`${again.buildId.slice(0, 7)}:2`, look), '1 /\n/one\n');
    await assert.rejects(run(`${buildId}:9`, look), { code: 'BUILD_NOT_FOUND' });
  });

  test('run enters the state before a step that failed, also of another stage', async () => {
    const dockerfile =
      'FROM busybox AS tools\nRUN echo t > /tool\nFROM busybox\nCOPY --from=tools /tool /tool\nUSER 7:8\nRUN echo half > /tmp/half; false\n';
    await assert.rejects(lab.build({ dockerfile }), { code: 'EXEC_FAILED' });
    const report = await lab.engine.buildReport('latest');
    const failed = report.steps.find((step) => step.outcome === 'failed');
    assert.ok(failed);
    assert.equal(await run(`latest:${failed.number}`, 'cat /tool; id -u; ls /tmp/half 2>/dev/null || true'), 't\n7\n');
  });

  test('a step whose layers were collected is named as lost', async () => {
    const { buildId } = await lab.build({
      dockerfile: 'FROM busybox AS b\nRUN echo lost > /lost\nFROM scratch\nCOPY --from=b /lost /\n',
    });
    assert.equal(await run(`${buildId}:2`, 'cat /lost'), 'lost\n');
    await lab.engine.prune({ what: ['build-cache'], all: true }, watch());
    await using later = await lab.again();
    await later.store.collect({ maxCacheBytes: 0 });
    await assert.rejects(
      later.engine.run(
        {
          image: `${buildId}:2`,
          command: ['true'],
          environment: {},
          labels: {},
          volumes: [],
          ports: [],
          network: 'none',
          readOnly: false,
          removeWhenDone: true,
          interactive: false,
          terminal: false,
          detach: false,
          pull: 'never',
        },
        watch(),
      ),
      { code: 'STEP_LOST' },
    );
  });

  test('builds are removed one by one, by count and by age, with their logs; images stay', async () => {
    const built = await lab.build({ dockerfile: 'FROM busybox\nRUN echo removed\n' });
    assert.equal(await lab.engine.removeBuild(built.buildId.slice(0, 8)), built.buildId);
    await assert.rejects(lab.engine.buildReport(built.buildId), { code: 'BUILD_NOT_FOUND' });
    assert.ok(await lab.engine.inspect(built.imageId, 'image'));
    await lab.build({ dockerfile: 'FROM busybox\nRUN echo a\n' });
    const last = await lab.build({ dockerfile: 'FROM busybox\nRUN echo b\n' });
    assert.deepEqual(await lab.engine.pruneBuilds({ startedBeforeMs: 1 }), []);
    const dropped = await lab.engine.pruneBuilds({ keep: 1 });
    assert.ok(dropped.length >= 1 && !dropped.includes(last.buildId));
    assert.deepEqual(
      (await lab.engine.builds()).map(({ id }) => id),
      [last.buildId],
    );
    assert.equal(await logOf(last.buildId, 2), 'b\n');
  });

  test('records stay within their limits when nothing runs, and when builds fail', async () => {
    await using few = await lab.again({ builds: { keep: 2, logBytesMax: 1000 } });
    const context = few.context({ Dockerfile: 'FROM busybox\n' });
    for (let i = 0; i < 26; i++) await few.build(context);
    const count = (await few.engine.builds()).length;
    assert.ok(count <= 22, `${count} are there, 2 are kept and 20 may be over`);
    const noisy = few.context({ Dockerfile: 'FROM busybox\nRUN seq 1 1000; false\n' });
    for (let i = 0; i < 3; i++) await assert.rejects(few.build(noisy), { code: 'EXEC_FAILED' });
    const left = await few.engine.builds();
    assert.deepEqual(
      left.map(({ status }) => status),
      ['error'],
      'one log alone is over the limit, and the newest stays',
    );
  });
});
