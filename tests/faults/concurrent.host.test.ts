/** Several at once on one store: commits of what still runs, collection beside builds, two engines. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { RunRequest } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { containerRequest } from '../support/requests.ts';
import { close, listen } from '../support/scripted-registry.ts';

const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(60_000) });
const PROGRAM = join(import.meta.dirname, '../../bin/shale');

describe('at the same time', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(async () => {
    for (const { id } of await lab.engine.containers({ all: true }))
      await lab.engine.removeContainer(id, { force: true, volumes: true });
    await lab[Symbol.asyncDispose]();
  });

  /** Another process on the same store. */
  function command(...words: string[]): Promise<number | null> {
    const env = { ...process.env, SHALE_HOME: lab.home, SHALE_RUN: lab.runRoot };
    return new Promise((resolve) => {
      spawn(process.execPath, [PROGRAM, ...words], { env, stdio: 'ignore' }).on('close', resolve);
    });
  }

  const request = (command: readonly string[], more: Partial<RunRequest> = {}): RunRequest =>
    containerRequest('busybox', command, { network: 'none', detach: true, ...more });

  test('F-155: a container that writes all the time is committed again and again, and every image is whole', async () => {
    const script =
      'i=0; while true; do i=$((i+1)); printf "%08d" $i > /n; mv /n /a; cp /a /m; mv /m /b; mkdir -p /d/$((i%9)); head -c $((i%5000)) /bin/busybox > /d/$((i%9))/f; rm -rf /d/$(((i+4)%9)); done';
    const { containerId } = await lab.engine.run(request(['sh', '-c', script]), watch());
    const first = join(lab.store.containers.folder(containerId), 'upper/b');
    while (!existsSync(first)) await new Promise((resolve) => setTimeout(resolve, 10));
    for (let round = 0; round < 6; round++) {
      const tag = `committed:${round}`;
      await new Promise((resolve) => setTimeout(resolve, 60));
      const { imageId } = await lab.engine.commit({ container: containerId, tag, changes: [], pause: true }, watch());
      // Both are put in their place by rename, so a moment that is kept shows a whole number in each, /b the one of /a or the last.
      const [a, b] = [(await lab.read(imageId, '/a')).toString(), (await lab.read(imageId, '/b')).toString()];
      assert.match(a + b, /^\d{16}$/);
      assert.ok(Number(a) === Number(b) || Number(a) === Number(b) + 1, `/a says ${a}, /b says ${b}`);
    }
    assert.equal((await lab.engine.containers({ all: false })).length, 1, 'it goes on after each commit');
    await lab.engine.removeContainer(containerId, { force: true, volumes: true });
    assert.deepEqual((await lab.engine.check({ full: true, repair: false }, watch())).findings, []);
    const built = await lab.build({ dockerfile: 'FROM committed:5\nRUN cat /b; ls /d > /dev/null\n' });
    assert.match(built.log, /^\d{8}$/);
  });

  test('F-149: prune beside builds takes nothing that they need', async () => {
    let pruning = true;
    let prunes = 0;
    const pruner = (async () => {
      while (pruning) {
        assert.equal(await command('system', 'prune', '--force'), 0);
        prunes++;
      }
    })();
    try {
      await Promise.all(
        [1, 2].map(async (lane) => {
          await using own = await lab.again();
          for (let round = 0; round < 4; round++) {
            const built = await own.build(
              {
                dockerfile: `FROM busybox\nRUN echo ${lane}-${round} > /one\nCOPY <<EOF /two\n${lane}\nEOF\nRUN cat /one /two > /three\n`,
              },
              { tags: [`pruned:${lane}`] },
            );
            assert.equal((await own.read(built.imageId, '/three')).toString(), `${lane}-${round}\n${lane}\n`);
          }
        }),
      );
    } finally {
      pruning = false;
      await pruner;
    }
    assert.ok(prunes > 0);
    assert.deepEqual((await lab.engine.check({ full: true, repair: false }, watch())).findings, []);
    for (const lane of [1, 2]) assert.equal((await lab.read(`pruned:${lane}`, '/two')).toString(), `${lane}\n`);
  });

  test('F-156: commands and an engine work on one store together', async () => {
    const context = lab.context({ Dockerfile: 'FROM busybox\nARG N\nRUN echo $N > /n\n' });
    const building = (n: number): Promise<number | null> =>
      command('build', '-q', '--network', 'none', '--build-arg', `N=${n}`, '-t', `both:${n}`, context);
    const engine = async (n: number): Promise<number> => {
      await lab.build(context, { buildArgs: { N: String(n) }, tags: [`both:${n}`] });
      return 0;
    };
    assert.deepEqual(await Promise.all([building(1), engine(2), building(3), engine(4)]), [0, 0, 0, 0]);
    for (const n of [1, 2, 3, 4]) assert.equal((await lab.read(`both:${n}`, '/n')).toString(), `${n}\n`);
  });
});

test('F-147: an image that others remove and prune while it is saved is saved whole', async () => {
  await using lab = await Lab.open();
  const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY a b /\n', a: 'a'.repeat(300_000), b: 'b' });
  const { imageId } = await lab.build(context, { tags: ['saved:1'] });
  const save = (): AsyncIterator<Uint8Array> =>
    lab.engine.save({ images: ['saved:1'], format: 'docker' }, watch())[Symbol.asyncIterator]();
  const before = await rest(save());
  // What this process knows of the layer stays in its memory; what it held is let go.
  await lab.engine.prune({ what: ['images', 'build-cache'], all: false }, watch());
  const again = save();
  const first = await again.next();
  const other = await lab.again();
  try {
    await other.engine.removeImage(imageId, { force: true });
    await other.engine.prune({ what: ['images', 'build-cache'], all: true }, watch());
  } finally {
    await other[Symbol.asyncDispose]();
  }
  assert.deepEqual(Buffer.concat([first.done === true ? Buffer.of() : first.value, await rest(again)]), before);
});

test('F-147: a base image that others remove and prune while a build fetches something else is there for its steps', async () => {
  await using lab = await Lab.open();
  const base = await lab.build(lab.context({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: 'a'.repeat(9000) }), {
    tags: ['base:1'],
  });
  // What this process made it holds no longer.
  await lab.engine.prune({ what: ['images', 'build-cache'], all: false }, watch());
  const other = await lab.again();
  const server = createServer((_request, response) => {
    const removed = other.engine
      .removeImage(base.imageId, { force: true })
      .then(() => other.engine.prune({ what: ['images', 'build-cache'], all: true }, watch()));
    void removed.then(
      () => response.end('fetched'),
      () => response.destroy(),
    );
  });
  try {
    const url = `http://${await listen(server)}/b`;
    const { imageId } = await lab.build(lab.context({ Dockerfile: `FROM base:1\nADD ${url} /b\n` }));
    assert.deepEqual(
      [(await lab.read(imageId, '/a')).length, (await lab.read(imageId, '/b')).toString()],
      [9000, 'fetched'],
    );
  } finally {
    await close(server);
    await other[Symbol.asyncDispose]();
  }
});

async function rest(stream: AsyncIterator<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let next = await stream.next(); next.done !== true; next = await stream.next()) chunks.push(next.value);
  return Buffer.concat(chunks);
}
