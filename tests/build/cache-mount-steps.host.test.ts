/** What steps find in their cache mounts, and whom they wait for. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError } from '../../src/base/index.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { ran, topLayerOf } from '../support/steps.ts';

describe('RUN --mount=type=cache', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  test('keeps a directory from one step and one build to the next, and out of every layer', async () => {
    const step = (script: string): string =>
      `RUN --mount=type=cache,target=/c --mount=type=cache,id=/c,target=/again,ro ${script}\n`;
    const first = await lab.build({
      dockerfile: `FROM busybox\n${step('echo 1 > /c/a && cat /again/a && ! touch /again/x')}${step('cat /c/a')}`,
    });
    assert.deepEqual(await topLayerOf(lab, first.imageId), []);
    const { log } = await lab.build({ dockerfile: `FROM busybox\n${step('ls /c')}` });
    assert.equal(log, 'a\n');
  });

  test('its content is no part of the key', async () => {
    const dockerfile = 'FROM busybox\nRUN --mount=type=cache,target=/key date +%N > /key/n\n';
    assert.ok(ran(await lab.build({ dockerfile })));
    assert.ok(!ran(await lab.build({ dockerfile })));
  });

  test('is another one with another id, owner, mode or beginning', async () => {
    const mounts = ['', ',uid=7', ',uid=7,gid=8', ',mode=0700', ',id=other', ',from=stage', ',from=stage,source=/d'];
    const dockerfile = `FROM busybox AS stage
RUN mkdir /d && echo begun > /d/f && chown 3:4 /d/f
FROM busybox
${mounts.map((options, i) => `RUN --mount=type=cache,target=/i${options} echo "$(ls /i) $(stat -c '%a %u:%g' /i)" && touch /i/${i}`).join('\n')}
RUN --mount=type=cache,target=/i,from=stage,source=/d stat -c '%n %u:%g' /i/f && cat /i/f && rm /i/f
RUN --mount=type=cache,target=/i,from=stage,source=/d test ! -e /i/f
`;
    const { log } = await lab.build({ dockerfile });
    const lines = log.split('\n');
    assert.deepEqual(lines.slice(0, 5), [' 755 0:0', ' 755 7:0', ' 755 7:8', ' 700 0:0', ' 755 0:0']);
    assert.match(log, /f 755 0:0\n\/i\/f 3:4\nbegun\n/);
  });

  test('belongs to the user of the step when nothing is said, and $HOME is theirs', async () => {
    const { log } = await lab.build({
      dockerfile: `FROM busybox
RUN echo 'app:x:1000:1001::/home/app:/bin/sh' >> /etc/passwd && mkdir -p /home/app
RUN --mount=type=cache,target=$HOME/.cache stat -c '%n %u:%g' /root/.cache && touch /root/.cache/of-root
USER app
RUN --mount=type=cache,target=$HOME/.cache --mount=type=cache,target=/own --mount=type=tmpfs,target=\${HOME}/t \\
  stat -c '%n %u:%g' /home/app/.cache /own /home/app/t && touch /home/app/.cache/mine /own/mine && ls /home/app/.cache
ENV HOME=/elsewhere
RUN --mount=type=cache,target=$HOME/.cache ls -d /elsewhere/.cache
USER root
RUN --mount=type=cache,target=/own stat -c '%n %u:%g' /own && touch /own/roots
USER app
RUN --mount=type=cache,target=/own touch /own/more && ls /own
`,
    });
    assert.match(log, /\/root\/.cache 0:0\n/);
    assert.match(
      log,
      /\/home\/app\/.cache 1000:1001\n\/own 1000:1001\n\/home\/app\/t 0:0\nmine\n\/elsewhere\/.cache\n/,
    );
    assert.match(log, /\/own 1000:1001\nmine\nmore\nroots\n/);
  });

  test('survives being wiped, from inside and from outside', async () => {
    const dockerfile = (n: number): string =>
      `FROM busybox\nRUN --mount=type=cache,target=/wipe echo ${n} && ls /wipe && touch /wipe/x && rm -rf /wipe /wipe/..?* ; test -d /wipe && touch /wipe/y\n`;
    await lab.build({ dockerfile: dockerfile(1) });
    for (const { name, path } of await lab.store.cacheMounts.list())
      if (name === '/wipe') rmSync(path, { recursive: true });
    assert.doesNotMatch((await lab.build({ dockerfile: dockerfile(2) })).log, /^[xy]$/m);
    assert.match((await lab.build({ dockerfile: dockerfile(3) })).log, /^y$/m);
  });

  test('F-217: its id is a name and no path, and its source stays inside', async () => {
    writeFileSync(join(lab.folder, 'host-file'), 'of the host');
    const { log } = await lab.build({
      dockerfile: `FROM busybox
RUN --mount=type=cache,id=../../../x,target=/a touch /a/marked && ln -s / /a/root && ln -s /proc/self/root /a/magic && \\
  ln -s ../../../../../../../.. /a/up && mkdir /a/real && touch /a/real/in
RUN --mount=type=cache,id=../../../x,target=/a,source=root --mount=type=cache,id=../../../x,target=/b,source=up/real \\
  --mount=type=cache,id=../../../x,target=/c,source=../.. ls /a/marked /b/in /c/marked
`,
    });
    assert.equal(log, '/a/marked\n/b/in\n/c/marked\n');
    for (const source of ['magic', `up${lab.folder}`, `${lab.folder}/host-file`])
      await assert.rejects(
        lab.build({
          dockerfile: `FROM busybox\nRUN --mount=type=cache,id=../../../x,target=/m,source=${source} ls /m\n`,
        }),
        (error) => isShaleError(error, 'MOUNT_SOURCE_MISSING'),
      );
    const names = readdirSync(join(lab.home, 'cache-mounts'));
    assert.ok(
      names.every((name) => /^[0-9a-f]{32}$/.test(name)),
      names.join(),
    );
  });

  test(
    'sharing=locked lets one step in at a time, of all builds; shared and private let them go on',
    { timeout: 60_000 },
    async () => {
      const run = (sharing: string, i: number): string =>
        `FROM busybox AS s${i}\nRUN --mount=type=cache,id=${sharing},target=/l,sharing=${sharing} echo ${i}; \\
  mkdir /l/here && echo alone || echo together; ls /l | wc -l; touch /l/${i}; sleep 0.4; rmdir /l/here; true\n`;
      const all = async (sharing: string): Promise<string> => {
        const second = await lab.again();
        try {
          const both = [
            lab.build({
              dockerfile: `${run(sharing, 1)}${run(sharing, 2)}FROM busybox\nCOPY --from=s1 / /a/\nCOPY --from=s2 / /b/\n`,
            }),
            second.build({ dockerfile: run(sharing, 3) }),
          ];
          return (await Promise.all(both)).map(({ log }) => log).join('');
        } finally {
          await second[Symbol.asyncDispose]();
        }
      };
      const locked = await all('locked');
      assert.equal(locked.match(/alone/g)?.length, 3);
      assert.ok(!locked.includes('together'));
      assert.match(locked, /waiting for the cache mount locked/);
      const privately = await all('private');
      assert.equal(privately.match(/alone/g)?.length, 3);
      const instances = (await lab.store.cacheMounts.list()).filter(({ name }) => name === 'private');
      assert.ok(instances.length >= 1 && instances.length <= 3);
      assert.ok(instances.every(({ inUse }) => !inUse));
      assert.ok(!(await all('shared')).includes('waiting'));
    },
  );

  test(
    'two steps that want the same two in another order do not wait for each other for ever',
    { timeout: 60_000 },
    async () => {
      const mount = (id: string): string => `--mount=type=cache,id=${id},target=/${id},sharing=locked`;
      await lab.build({
        dockerfile: `FROM busybox AS a
RUN ${mount('x')} ${mount('y')} sleep 0.1
RUN ${mount('x')} ${mount('y')} sleep 0.1
FROM busybox AS b
RUN ${mount('y')} ${mount('x')} sleep 0.1
RUN ${mount('y')} ${mount('x')} sleep 0.1
FROM busybox
COPY --from=a / /a/
COPY --from=b / /b/
`,
      });
    },
  );
});
