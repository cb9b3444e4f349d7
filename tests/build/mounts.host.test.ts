/** What RUN --mount shows a step, what the key of the step knows of it, and what of it stays behind: nothing. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError } from '../../src/base/index.ts';
import { BUSYBOX, cannotRun, Lab, type Built } from '../support/lab.ts';
import { ran, topLayerOf } from '../support/steps.ts';

const skip = cannotRun || BUSYBOX.missing;
const sshKeygenMissing = spawnSync('ssh-keygen', ['-?']).error === undefined ? false : 'ssh-keygen is not installed';

describe('RUN --mount', { skip }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  const topLayer = (imageId: string): Promise<string[]> => topLayerOf(lab, imageId);

  describe('type=bind', () => {
    test('shows the context with root as owner, what is ignored left out, and nothing can be written', async () => {
      const folder = lab.context({
        'sub/a': 'hello',
        ignored: 'x',
        '.dockerignore': 'ignored',
        Dockerfile: `FROM busybox
RUN --mount=type=bind,target=/ctx --mount=source=sub/a,target=/file --mount=type=bind,source=/sub,dst=/sub,readonly \\
  stat -c '%n %u:%g' /ctx /ctx/sub /ctx/sub/a /file /sub/a && ls -A /ctx && cat /file && ! touch /ctx/x && ! touch /file /sub/b
`,
      });
      const { log, imageId } = await lab.build(folder);
      assert.match(
        log,
        /\/ctx 0:0\n\/ctx\/sub 0:0\n\/ctx\/sub\/a 0:0\n\/file 0:0\n\/sub\/a 0:0\n\.dockerignore\nDockerfile\nsub\n/,
      );
      assert.match(log, /hello/);
      assert.match(log, /touch: \/ctx\/x: Read-only file system/);
      assert.deepEqual(await topLayer(imageId), []);
    });

    test('F-220: what is written to a mount is thrown away, and context and stage stay as they are', async () => {
      const folder = lab.context({
        a: 'context',
        Dockerfile: `FROM busybox AS stage
RUN echo stage > /a
FROM busybox
RUN --mount=target=/ctx,rw --mount=from=stage,target=/stage,readwrite=true \\
  echo new > /ctx/a && rm /stage/a && echo b > /ctx/b && touch /stage/b && cat /ctx/a /ctx/b && ls /stage/b
RUN --mount=target=/ctx,rw --mount=from=stage,target=/stage cat /ctx/a /stage/a && ls /ctx
RUN --mount=target=/ctx ! echo new > /ctx/a
`,
      });
      const { log, imageId } = await lab.build(folder);
      assert.match(log, /new\nb\n\/stage\/b\n/);
      assert.match(log, /contextstage\nDockerfile\na\n/);
      assert.match(log, /Read-only/);
      assert.deepEqual(readdirSync(folder).toSorted(), ['Dockerfile', 'a']);
      assert.equal(readFileSync(join(folder, 'a'), 'utf8'), 'context');
      assert.deepEqual(await topLayer(imageId), []);
    });

    test('F-216: a source of an image or stage stays in it, whatever links say', async () => {
      await assert.rejects(
        lab.build({
          dockerfile: `FROM busybox AS evil
RUN ln -s / /root-link && ln -s ../../../../../../${lab.folder.slice(1)} /climb && ln -s /proc/self/fd /fds
FROM busybox
RUN --mount=from=evil,source=/climb,target=/host ls /host
`,
        }),
        (error) => isShaleError(error, 'COPY_SOURCE_NOT_FOUND', 'MOUNT_SOURCE_MISSING'),
      );
      writeFileSync(join(lab.folder, 'host-file'), 'of the host');
      const { log } = await lab.build({
        dockerfile: `FROM busybox AS evil
RUN ln -s / /root-link && touch /mark
FROM busybox
RUN --mount=from=evil,source=/root-link,target=/a --mount=from=evil,source=/../../..,target=/b --mount=from=evil,target=/c \\
  ls /a/mark /b/mark /c/mark && test ! -e /a${lab.folder}/host-file -a ! -e /b${lab.folder}/host-file
`,
      });
      assert.match(log, /\/a\/mark\n\/b\/mark\n\/c\/mark\n/);
    });

    test('F-207: a source of the context that is a link out of it is not followed there', async () => {
      const folder = lab.context({ Dockerfile: 'FROM busybox\nRUN --mount=source=link,target=/x cat /x\n' });
      writeFileSync(join(lab.folder, 'host-file'), 'of the host');
      symlinkSync(join(lab.folder, 'host-file'), join(folder, 'link'));
      await assert.rejects(lab.build(folder), (error) => isShaleError(error, 'COPY_SOURCE_NOT_FOUND'));
    });

    test('a source that is not there is refused with the line, and says so when it is ignored', async () => {
      const folder = lab.context({
        there: '',
        '.dockerignore': 'there',
        Dockerfile: 'FROM busybox\nRUN --mount=source=there,target=/x true\n',
      });
      await assert.rejects(lab.build(folder), (error) => {
        assert.ok(isShaleError(error, 'COPY_SOURCE_NOT_FOUND'));
        assert.match(error.hint ?? '', /\.dockerignore leaves there out/);
        assert.equal((error.data['excerpt'] as { firstLine: number }).firstLine, 2);
        return true;
      });
    });

    test('F-225: the files that are shown are part of the key, times and other files are not', async () => {
      const folder = lab.context({
        'src/a': 'a',
        other: 'x',
        Dockerfile: 'FROM busybox\nRUN --mount=source=src,target=/src cat /src/a > /out\n',
      });
      assert.ok(ran(await lab.build(folder)));
      assert.ok(!ran(await lab.build(folder)));
      utimesSync(join(folder, 'src/a'), 1, 1);
      writeFileSync(join(folder, 'other'), 'y');
      assert.ok(!ran(await lab.build(folder)), 'a time or a file beside it');
      writeFileSync(join(folder, 'src/a'), 'b');
      const changed = await lab.build(folder);
      assert.ok(ran(changed));
      const why = await lab.engine.why({ build: changed.buildId });
      assert.match(why.steps.map((step) => step.reason).join('\n'), /src\/a has other content/);
      assert.equal((await lab.read(changed.imageId, 'out')).toString(), 'b');
    });

    test('F-225: a stage that ran again and shows the same files leaves the step cached', async () => {
      const dockerfile = (extra: string): string => `FROM busybox AS stage
RUN mkdir /d && echo same > /d/f && echo ${extra} > /beside
FROM busybox
RUN --mount=from=stage,source=/d,target=/d cat /d/f > /out
`;
      await lab.build({ dockerfile: dockerfile('1') });
      const second = await lab.build({ dockerfile: dockerfile('2') });
      assert.deepEqual(
        second.steps.filter(({ name }) => name.includes('RUN')).map(({ cached }) => cached),
        [false, true],
      );
    });

    test('what changed in a whole stage that is mounted is told in one sentence', async () => {
      const dockerfile = (text: string): string =>
        `FROM busybox AS stage\nRUN echo ${text} > /f\nFROM busybox\nRUN --mount=from=stage,target=/s cat /s/f > /out\n`;
      const folder = lab.context({ Dockerfile: dockerfile('1') });
      await lab.build(folder);
      writeFileSync(join(folder, 'Dockerfile'), dockerfile('2'));
      const { buildId } = await lab.build(folder);
      const { steps } = await lab.engine.why({ build: buildId });
      assert.equal(steps.at(-1)?.reason, 'what its mount 1 shows changed');
    });
  });

  describe('type=tmpfs', () => {
    test('gives an empty directory in memory with its size, and leaves nothing', async () => {
      const { log, imageId } = await lab.build({
        dockerfile: `FROM busybox
RUN mkdir /full && touch /full/x
RUN --mount=type=tmpfs,target=/full --mount=type=tmpfs,target=/new/deep,size=64k --mount=type=tmpfs,target=/ro,ro \\
  ls -A /full && touch /full/y && ! dd if=/dev/zero of=/new/deep/x bs=1k count=100 && ! touch /ro/x && mount | grep ' /full \\| /ro ' && \\
  printf '#!/bin/sh\\necho executed\\n' > /full/run && chmod 755 /full/run && /full/run
`,
      });
      assert.match(log, /No space left on device/);
      assert.match(log, /on \/full type tmpfs \(rw,nosuid,relatime/);
      assert.match(log, /on \/ro type tmpfs \(ro,nosuid,relatime/);
      assert.match(log, /executed/);
      assert.deepEqual(await topLayer(imageId), []);
    });
  });

  describe('type=secret', () => {
    test('F-221: a secret is a private file or variable of its step and stands nowhere afterwards', async () => {
      const value = 'hunter2-8d1c0d5b';
      const file = join(lab.newFolder(), 'secret');
      writeFileSync(file, value);
      const { log, imageId, events, buildId } = await lab.build(
        {
          dockerfile: `FROM busybox
RUN --mount=type=secret,id=one --mount=type=secret,id=one,target=/x/two,mode=0440,uid=5,gid=6 --mount=type=secret,id=three,env=THREE \\
  stat -c '%n %a %u:%g' /run/secrets/one /x/two && cat /run/secrets/one && echo " $THREE" && \\
  test "$(cat /x/two)" = "$THREE" && mount | grep secrets/one && ! sh -c 'echo x > /run/secrets/one'
RUN --mount=type=secret,id=one,target=/run/secrets/one sha256sum /run/secrets/one > /sum
RUN test ! -e /run/secrets && test -z "$THREE" && ! grep -r hunter2 /proc/1/environ /proc/1/mountinfo
`,
        },
        {
          secrets: [
            { kind: 'file', id: 'one', path: file },
            { kind: 'env', id: 'three', name: 'NOT_SET' },
            { kind: 'file', id: 'three', path: file },
          ],
        },
      );
      assert.match(log, /\/run\/secrets\/one 400 0:0\n\/x\/two 440 5:6\n/);
      assert.match(log, /\*\*\*\* \*\*\*\*\n/);
      assert.match(log, /type tmpfs \(ro,nosuid,nodev,noexec/);
      assert.ok((await lab.read(imageId, 'sum')).toString().includes('/run/secrets/one'));
      assert.ok(![...(await lab.tree(imageId)).keys()].some((path) => path.startsWith('run')));
      const told = JSON.stringify(events, (_, part: unknown) =>
        part instanceof Uint8Array ? Buffer.from(part).toString() : part,
      );
      assert.ok(!told.includes(value), 'the events of the build');
      assert.ok(!JSON.stringify(await lab.engine.why({ build: buildId })).includes(value), 'the explanation');
      assert.deepEqual(
        filesWith(lab.folder, value).filter((path) => path !== file),
        [],
      );
    });

    test('F-221: a secret is on no disk while its step runs, whether it is a file or a variable', async () => {
      const value = 'hunter2-on-no-disk';
      const file = join(lab.newFolder(), 'secret');
      writeFileSync(file, value);
      let found: string[] | undefined;
      const { log } = await lab.build(
        {
          dockerfile: `FROM busybox
ENV PLAIN=first S=second
RUN --mount=type=secret,id=s --mount=type=secret,id=s,env=S test "$(cat /run/secrets/s)" = "$S" && echo "$PLAIN ready" && sleep 1
`,
        },
        {
          secrets: [{ kind: 'file', id: 's', path: file }],
          progress: (event) => {
            if (event.kind === 'vertex-log') found ??= filesWith(lab.folder, value).filter((path) => path !== file);
          },
        },
      );
      assert.equal(log, 'first ready\n');
      assert.deepEqual(found, []);
    });

    test('its content is no part of the key, its id is', async () => {
      const file = join(lab.newFolder(), 'secret');
      const build = async (value: string, id: string): Promise<Built> => {
        writeFileSync(file, value);
        const dockerfile = `FROM busybox\nRUN --mount=type=secret,id=${id} true\n`;
        return lab.build({ dockerfile }, { secrets: [{ kind: 'file', id, path: file }] });
      };
      assert.ok(ran(await build('one', 'key')));
      assert.ok(!ran(await build('two', 'key')));
      assert.ok(ran(await build('two', 'other')));
    });

    test('one that was not given is left out, or refused where it is required', async () => {
      const { log } = await lab.build({
        dockerfile:
          'FROM busybox\nRUN --mount=type=secret,id=no,env=NO --mount=type=secret,id=no2 test ! -e /run/secrets; echo "$? [$NO]"\n',
      });
      assert.equal(log, '0 []\n');
      await assert.rejects(
        lab.build({ dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=no,required true\n' }),
        (error) => isShaleError(error, 'SECRET_NOT_GIVEN') && /--secret id=no,src=FILE/.test(error.hint ?? ''),
      );
    });

    test('a file that cannot be read, is no file or is too long is refused by its path', async () => {
      const folder = lab.newFolder();
      writeFileSync(join(folder, 'long'), Buffer.alloc(500 * 1024 + 1));
      for (const [name, why] of [
        ['none', /ENOENT|no such file/],
        ['', /not a regular file/],
        ['long', /longer than/],
      ] as const) {
        await assert.rejects(
          lab.build(
            { dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=s true\n' },
            { secrets: [{ kind: 'file', id: 's', path: join(folder, name) }], noCache: true },
          ),
          (error) => isShaleError(error, 'SECRET_UNREADABLE') && why.test(error.message),
        );
      }
    });
  });

  describe('type=ssh', () => {
    test('gives a step the sockets that it asks for', { skip: sshKeygenMissing }, async () => {
      const folder = lab.newFolder();
      for (const [type, name] of [
        ['ed25519', 'a'],
        ['ecdsa', 'b'],
      ] as const)
        assert.equal(
          spawnSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', `me@${name}`, '-f', join(folder, name)]).status,
          0,
        );
      const paths = ['a', 'b'].map((name) => join(folder, name));
      const { log, imageId } = await lab.build(
        {
          dockerfile: `FROM busybox
RUN --mount=type=ssh,id=keys,mode=0660,gid=7 --mount=type=ssh,id=keys,target=/other.sock --mount=type=ssh,id=none,target=/none \\
  stat -c '%n %F %a %u:%g' $SSH_AUTH_SOCK /other.sock && ls /none || true
RUN test -z "$SSH_AUTH_SOCK" && test ! -e /run
`,
        },
        { ssh: [{ id: 'keys', paths }] },
      );
      assert.match(log, /\/run\/buildkit\/ssh_agent.0 socket 660 0:7\n\/other.sock socket 600 0:0\n/);
      assert.match(log, /\/none: No such file/);
      assert.deepEqual(await topLayer(imageId), []);
    });

    test('one that was not given is refused where it is required', async () => {
      await assert.rejects(
        lab.build({ dockerfile: 'FROM busybox\nRUN --mount=type=ssh,required true\n' }),
        (error) => isShaleError(error, 'SSH_NOT_GIVEN') && /--ssh default/.test(error.hint ?? ''),
      );
    });

    test('a key that cannot be used is known before anything is built', async () => {
      const folder = lab.context({ bad: 'no key', Dockerfile: 'FROM busybox\nRUN exit 1\n' });
      for (const paths of [[join(folder, 'bad')], [join(folder, 'none')], [folder]])
        await assert.rejects(lab.build(folder, { ssh: [{ id: 'default', paths }] }), (error) =>
          isShaleError(error, 'SSH_KEY_INVALID'),
        );
    });
  });

  test('F-218: options that are not of the documented set are refused, however they are written', async () => {
    for (const mount of [
      'type=bind,bind-propagation=shared,target=/x',
      'type=bind,src=/,exec,target=/x',
      'type=bind,z,target=/x',
      'type=bind,source=a,target=/x,suid',
      "'type=bind,target=\"/x'",
      'type=none,target=/x',
      'type=tmpfs,target=/x,size=1m\\,exec',
      'type=tmpfs,target=/x,size=1m:suid',
      'type=tmpfs,target=/x,mode=4777',
    ]) {
      await assert.rejects(
        lab.build({ dockerfile: `FROM busybox\nRUN --mount=${mount} true\n` }),
        (error) => isShaleError(error, 'DOCKERFILE_INVALID') && error.message.startsWith('Dockerfile:2: '),
        mount,
      );
    }
    // What a variable holds belongs to the value: it adds no option to the mount.
    const { log } = await lab.build({
      dockerfile: `FROM busybox\nARG T=/b,suid,dev\nRUN --mount=type=tmpfs,target=$T mount | grep /b\n`,
    });
    assert.match(log, /on \/b,suid,dev type tmpfs \(rw,nosuid,relatime/);
  });

  test('F-217: nothing can be mounted over /proc, /sys, /dev or the root', async () => {
    for (const target of ['/proc', '/proc/self', '/sys', '/sys/kernel', '/dev', '/', '/x/../..', '/../proc']) {
      await assert.rejects(
        lab.build({ dockerfile: `FROM busybox\nRUN --mount=type=tmpfs,target=${target} true\n` }),
        (error) => isShaleError(error, 'MOUNT_TARGET_INVALID', 'DOCKERFILE_INVALID'),
        target,
      );
    }
    await assert.rejects(
      lab.build({ dockerfile: 'FROM busybox\nRUN ln -s /proc /p\nRUN --mount=type=tmpfs,target=/p/self true\n' }),
      (error) => isShaleError(error, 'MOUNT_TARGET_INVALID'),
    );
  });
});

/** Files below a folder that hold a text. */
function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}
