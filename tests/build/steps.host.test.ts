/** How the steps of a build are carried out: order, surroundings, failures, what the layers hold. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError, streamOf, toText } from '../../src/base/index.ts';
import type { ViewNode } from '../../src/erofs/index.ts';
import { ALPINE, BUSYBOX, buildWith, cannotRun, Lab, SEARCH_PATH } from '../support/lab.ts';
import { compareLeaks, takeLeakSnapshot } from '../support/leaks.ts';

const skip = cannotRun || BUSYBOX.missing;

describe('a build', { skip }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  async function nodeOf(imageId: string, path: string): Promise<ViewNode> {
    return (await lab.stack(imageId)).view.find(path) ?? assert.fail(`${path} is not in the image`);
  }

  /** `mode uid:gid` */
  async function attributes(imageId: string, path: string): Promise<string> {
    const { mode, uid, gid } = await nodeOf(imageId, path);
    return `${mode.toString(8)} ${uid}:${gid}`;
  }

  /** Names that the top layer of an image has, whiteouts and markers included. */
  async function topLayer(imageId: string): Promise<string[]> {
    const layer = (await lab.stack(imageId)).layers.at(-1) ?? assert.fail('an image without layers');
    const names: string[] = [];
    const visit = (path: string, node: Iterable<readonly [string, { kind: string }]>): void => {
      for (const [name, child] of node) {
        names.push(`${path}${toText(name)} ${child.kind}`);
        if ('children' in child && child.kind === 'directory')
          visit(`${path}${name}/`, (child as unknown as ViewNode).children());
      }
    };
    visit('', layer.index.root.children());
    return names;
  }

  test('F-230: two builds at other times, in other folders and stores give the same image', async () => {
    const files = {
      Dockerfile: [
        'FROM busybox',
        'COPY --chmod=0750 src /src/',
        'WORKDIR /out/deep',
        'RUN date > /dev/null; mkdir -p z/y x && cp -r /src/* x && ln x/a z/y/hard && ln -s ../x z/soft && touch now',
        'RUN rm -r /src && chmod 4755 x/a && date +%Y > year || true; rm year',
        'ADD https.txt .',
        'HEALTHCHECK CMD true',
        '',
      ].join('\n'),
      'src/a': 'a',
      'src/b/c': 'c',
      'https.txt': '',
    };
    const one = lab.context(files);
    const first = await lab.build(one, { noCache: true });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const two = lab.context(files);
    for (const name of ['src/a', 'src/b/c', 'src']) utimesSync(join(two, name), 12_345, 1_234_567);
    const second = await lab.build(two, { noCache: true });
    assert.equal(second.imageId, first.imageId);

    await using other = await Lab.open();
    await other.engine.load(lab.engine.save({ images: ['busybox'], format: 'oci' }, watch()), watch());
    assert.equal((await other.build(other.context(files))).imageId, first.imageId);
  });

  test('SOURCE_DATE_EPOCH dates what the build makes, and is seen by RUN', async () => {
    await using dated = await lab.again({ env: { SOURCE_DATE_EPOCH: '1234567890' } });
    const context = dated.context({
      Dockerfile: 'FROM busybox\nCOPY f /\nRUN echo $SOURCE_DATE_EPOCH > /epoch\n',
      f: '',
    });
    const built = await dated.build(context);
    for (const path of ['f', 'epoch'])
      assert.equal((await nodeOf(built.imageId, path)).mtimeNs, 1_234_567_890n * 1_000_000_000n, path);
    assert.equal((await dated.read(built.imageId, '/epoch')).toString(), '1234567890\n');
    assert.equal((await dated.engine.inspect(built.imageId))['Created'], '2009-02-13T23:31:30Z');
    const { Env } = (await dated.config(built.imageId)) as { Env: string[] };
    assert.deepEqual(Env, [SEARCH_PATH]);
    await using broken = await lab.again({ env: { SOURCE_DATE_EPOCH: 'yesterday' } });
    await assert.rejects(broken.build(context), (error) => isShaleError(error, 'EPOCH_INVALID'));
  });

  test('stages that need nothing of each other run at the same time', async () => {
    const stage = (name: string): string => `FROM busybox AS ${name}\nRUN sleep 0.7; echo ${name} > /${name}\n`;
    const dockerfile = `${['a', 'b', 'c'].map(stage).join('')}FROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\nCOPY --from=c /c /\n`;
    const built = await lab.build({ dockerfile });
    const sleeping = new Set<string>();
    let most = 0;
    for (const event of built.events) {
      if (event.kind === 'vertex-started' && / RUN sleep/.test(event.name)) sleeping.add(event.id);
      if (event.kind === 'vertex-done') sleeping.delete(event.id);
      most = Math.max(most, sleeping.size);
    }
    assert.equal(most, 3);
  });

  test('a stage that the target does not need is not built', async () => {
    const context = lab.context({
      Dockerfile:
        'FROM busybox AS one\nRUN echo 1 > /1\nFROM busybox AS broken\nRUN exit 1\nFROM one AS two\nRUN echo 2 > /2\n',
    });
    const built = await lab.build(context);
    assert.equal(
      built.steps.some(({ name }) => name.includes('exit 1')),
      false,
    );
    const one = await lab.build(context, { target: 'one' });
    assert.equal((await lab.tree(one.imageId)).has('2'), false);
    await assert.rejects(lab.build(context, { target: 'broken' }), (error) => isShaleError(error, 'EXEC_FAILED'));
    await assert.rejects(lab.build(context, { target: 'three' }), /three/);
  });

  test('the error of a heredoc that fails shows its lines as one, as docker does', async () => {
    await assert.rejects(lab.build({ dockerfile: 'FROM busybox\nRUN <<EOF\necho "a"\nexit 3\nEOF\n' }), (error) => {
      assert.ok(isShaleError(error, 'EXEC_FAILED'), String(error));
      assert.equal(
        error.message,
        'process "/bin/sh -c echo \\"a\\"\\nexit 3\\n" did not complete successfully: exit code: 3',
      );
      return true;
    });
  });

  test('a step that fails shows its log and its lines, and leaves nothing', async () => {
    const before = takeLeakSnapshot(lab.folder);
    const images = await lab.engine.images({ all: true });
    const dockerfile =
      'FROM busybox AS other\nRUN sleep 20\nFROM busybox\nRUN echo out; echo err >&2; touch /x; exit 7\nCOPY --from=other / /\n';
    const logs: string[] = [];
    const begin = performance.now();
    await assert.rejects(
      lab.build(
        { dockerfile },
        {
          progress: (event) =>
            event.kind === 'vertex-log' && logs.push(`${event.stream} ${Buffer.from(event.data).toString()}`),
        },
      ),
      (error) => {
        assert.ok(isShaleError(error, 'EXEC_FAILED'), String(error));
        assert.match(error.message, /did not complete successfully: exit code: 7$/);
        assert.equal(error.data['exitCode'], 7);
        assert.deepEqual(error.data['excerpt'], { file: 'Dockerfile', text: dockerfile, firstLine: 4, lastLine: 4 });
        return true;
      },
    );
    assert.ok(performance.now() - begin < 10_000, 'the step beside it was told to end');
    assert.deepEqual(logs.toSorted(), ['stderr err\n', 'stdout out\n']);
    assert.deepEqual(await lab.engine.images({ all: true }), images);
    assert.deepEqual(leftovers(), []);
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(lab.folder)), []);
  });

  /** Folders of work in progress. */
  function leftovers(): string[] {
    return ['sources', 'ingest', '../run/mounts', '../run/containers'].flatMap((folder) => {
      try {
        const names = readdirSync(join(lab.home, folder)).filter((name) => !name.startsWith('stat-'));
        return names.map((name) => `${folder}/${name}`);
      } catch {
        return [];
      }
    });
  }

  test('F-228: a step that is cancelled ends with what it started in the background', async () => {
    const before = takeLeakSnapshot(lab.folder);
    const controller = new AbortController();
    const dockerfile = 'FROM busybox\nRUN (sleep 333 & sleep 334 &); echo started; sleep 335\n';
    const building = lab.build(
      { dockerfile },
      {
        signal: controller.signal,
        progress: (event) => event.kind === 'vertex-log' && controller.abort(new Error('enough')),
      },
    );
    await assert.rejects(building, /enough/);
    assert.deepEqual(sleepers(), []);
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(lab.folder)), []);
    assert.deepEqual(leftovers(), []);
    const { steps } = await lab.engine.why({ build: 'latest' });
    assert.equal(steps.at(-1)?.outcome, 'canceled');
  });

  test('F-228: what a step leaves in the background ends with it', async () => {
    await lab.build({ dockerfile: 'FROM busybox\nRUN sleep 333 & sleep 334 & echo fine\n' });
    assert.deepEqual(sleepers(), []);
  });

  function sleepers(): string[] {
    return readdirSync('/proc').filter((pid) => {
      try {
        return /^\d+$/.test(pid) && /^sleep\x0033[345]\x00$/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
      } catch {
        return false;
      }
    });
  }

  test('heredocs are scripts and files', async () => {
    const dockerfile = [
      'FROM busybox',
      'RUN <<EOF',
      'echo one > /one',
      'echo two > /two',
      'EOF',
      'RUN <<-"EOF" cat > /literal',
      '\t$HOME',
      '\tEOF',
      'RUN <<EOF',
      '#!/bin/awk -f',
      'BEGIN { print "script" > "/script" }',
      'EOF',
      'ARG NAME=world',
      'COPY <<a.txt <<"b.txt" --chmod=600 /files/',
      'hello $NAME',
      'a.txt',
      'hello $NAME',
      'b.txt',
      '',
    ]
      .join('\n')
      .replace('<<a.txt <<"b.txt" --chmod=600', '--chmod=600 <<a.txt <<"b.txt"');
    const { imageId } = await lab.build({ dockerfile });
    const text = async (path: string): Promise<string> => (await lab.read(imageId, path)).toString();
    assert.equal(await text('/one'), 'one\n');
    assert.equal(await text('/two'), 'two\n');
    assert.equal(await text('/literal'), '$HOME\n');
    assert.equal(await text('/script'), 'script\n');
    assert.equal((await lab.tree(imageId)).has('dev/pipes'), false);
    assert.equal(await text('/files/a.txt'), 'hello world\n');
    assert.equal(await text('/files/b.txt'), 'hello $NAME\n');
    assert.equal(await attributes(imageId, 'files/a.txt'), '600 0:0');
  });

  test('ONBUILD triggers run in the build that uses the image, once', async () => {
    const base = lab.context({ Dockerfile: 'FROM busybox\nONBUILD COPY app /app\nONBUILD RUN echo built >> /log\n' });
    await lab.build(base, { tags: ['onbuild:1'] });
    const child = lab.context({ Dockerfile: 'FROM onbuild:1\nRUN echo child >> /log\n', app: 'app' });
    const { imageId } = await lab.build(child, { tags: ['child:1'] });
    assert.equal((await lab.read(imageId, '/app')).toString(), 'app');
    assert.equal((await lab.read(imageId, '/log')).toString(), 'built\nchild\n');
    const grandchild = await lab.build({ dockerfile: 'FROM child:1\nRUN cat /log\n' });
    assert.equal(grandchild.log, 'built\nchild\n');
  });

  test('SHELL is what RUN uses from there on', async () => {
    const dockerfile = 'FROM busybox\nSHELL ["/bin/sh", "-euc"]\nRUN echo "$-" > /flags; echo $0\nCMD echo hi\n';
    const built = await lab.build({ dockerfile });
    assert.match((await lab.read(built.imageId, '/flags')).toString(), /(?=.*e)(?=.*u)/);
    assert.deepEqual((await lab.config(built.imageId))['Cmd'], ['/bin/sh', '-euc', 'echo hi']);
    await assert.rejects(lab.build({ dockerfile: dockerfile.replace('echo $0', 'echo $unset') }), (error) =>
      isShaleError(error, 'EXEC_FAILED'),
    );
  });

  test('WORKDIR makes its folder for the user that is set, and RUN is that user', async () => {
    const dockerfile = [
      'FROM busybox',
      'RUN echo "app:x:1000:1001::/:/bin/sh" >> /etc/passwd; echo "app:x:1001:" >> /etc/group; echo "extra:x:50:app" >> /etc/group',
      'WORKDIR /by-root/below',
      'USER app',
      'WORKDIR /by-app/below',
      'RUN id -u; id -g; id -G; pwd; umask; touch mine',
      'WORKDIR relative',
      'WORKDIR /by-root/below',
      '',
    ].join('\n');
    const built = await lab.build({ dockerfile });
    assert.equal(built.log, '1000\n1001\n1001 50\n/by-app/below\n0022\n');
    assert.equal(await attributes(built.imageId, 'by-root/below'), '755 0:0');
    assert.equal(await attributes(built.imageId, 'by-app/below/mine'), '644 1000:1001');
    assert.equal((await lab.config(built.imageId))['WorkingDir'], '/by-root/below');
  });

  test('F-222: RUN sees three descriptors, no variable of ours, and surroundings that are always the same', async () => {
    process.env['SHALE_TEST_CANARY'] = 'canary';
    const dockerfile =
      'FROM busybox\nRUN ls /proc/self/fd | wc -l; env | sort; hostname; cat /proc/self/oom_score_adj; tty; cat | wc -c\n';
    const built = await lab.build({ dockerfile });
    delete process.env['SHALE_TEST_CANARY'];
    const lines = built.log.trimEnd().split('\n');
    // ls has the folder itself open too.
    assert.equal(lines[0], '4');
    assert.equal(built.log.includes('canary'), false);
    const names = lines.filter((line) => /^\w+=/.test(line)).map((line) => line.split('=')[0]);
    assert.deepEqual(
      names,
      ['HOME', 'HOSTNAME', 'PATH', 'PWD', 'SHLVL', 'SOURCE_DATE_EPOCH'].filter((name) => names.includes(name)),
    );
    assert.deepEqual(lines.slice(-2), ['not a tty', '0']);
  });

  test('a RUN that removes files hides them, and what is made again is what shows', async () => {
    const context = lab.context({
      Dockerfile: [
        'FROM busybox',
        'RUN mkdir -p /d/sub /e && touch /d/keep /d/gone /d/sub/x /e/old',
        'RUN rm -r /d/gone /d/sub /e && mkdir /e && touch /e/new && rm /bin/vi && mkdir /bin/vi',
        'RUN rmdir /bin/vi && echo file > /bin/vi && rm -r /d && echo now a file > /d',
        '',
      ].join('\n'),
    });
    const built = await lab.build(context);
    const tree = await lab.tree(built.imageId);
    const shown = [...tree.keys()].filter((path) => /^(d|e|etc|bin\/vi)(\/|$)/.test(path));
    assert.deepEqual(shown, ['bin/vi', 'd', 'e', 'e/new', 'etc', 'etc/group', 'etc/passwd']);
    assert.equal((await lab.read(built.imageId, '/d')).toString(), 'now a file\n');
    assert.equal((await lab.read(built.imageId, '/bin/vi')).toString(), 'file\n');
    // What the kernel shows of the same layers.
    await lab.engine.tag(built.imageId, 'whiteouts:1');
    const listed = await lab.build({
      dockerfile: 'FROM whiteouts:1\nRUN find /bin/vi /d /e /etc | grep -v -e host -e resolv | sort\n',
    });
    assert.deepEqual(
      listed.log.trim().split('\n'),
      shown.map((path) => `/${path}`),
    );
  });

  test('F-064: a folder that becomes a file, a link or a folder again is exactly that', async () => {
    const turns = [
      'rm -rf /t && mkdir -p /t/a/b && echo 1 > /t/a/b/c',
      'rm -rf /t/a && echo file > /t/a',
      'rm -rf /t/a && ln -s b /t/a && mkdir /t/b && echo 2 > /t/b/c',
      'rm -rf /t/a && mkdir /t/a && echo 3 > /t/a/other',
      'mv /t/b /t/a/b && rm -rf /t/a/b/c',
      'cp -r /t/a /t/z && rm -rf /t/a',
    ];
    let dockerfile = 'FROM busybox\n';
    for (const [i, turn] of turns.entries()) {
      dockerfile += `RUN ${turn}\nRUN cd / && find t | sort | xargs stat -c "%n %F %a" > /listed-${i}\n`;
    }
    const { imageId } = await lab.build({ dockerfile: `${dockerfile}RUN find /t | sort > /final\n` });
    const onePiece = await lab.build({
      dockerfile: `FROM busybox\nRUN ${turns.join(' && ')} && find /t | sort > /final\n`,
    });
    assert.deepEqual(await lab.read(imageId, '/final'), await lab.read(onePiece.imageId, '/final'));
    for (const [i, turn] of turns.entries()) {
      const alone = await lab.build({
        dockerfile: `FROM busybox\nRUN ${turns.slice(0, i + 1).join(' && ')}\nRUN cd / && find t | sort | xargs stat -c "%n %F %a" > /listed\n`,
      });
      assert.deepEqual(await lab.read(imageId, `/listed-${i}`), await lab.read(alone.imageId, '/listed'), turn);
    }
  });

  test('F-066: a change of mode, owner, time or links alone brings the whole file into the layer', async () => {
    const make = 'FROM busybox\nRUN for n in mode owner time xattr link same; do echo content > /$n; done\n';
    const change: Record<string, string> = {
      mode: 'chmod 600 /mode',
      owner: 'chown 5:6 /owner',
      time: 'touch -d @77 /time',
      link: 'ln /link /link2',
    };
    for (const [name, command] of Object.entries(change)) {
      const { imageId } = await lab.build({ dockerfile: `${make}RUN ${command}\n` });
      const names = await topLayer(imageId);
      assert.deepEqual(
        names.filter((line) => !/^(proc|sys) /.test(line)),
        name === 'link' ? ['link file', 'link2 file'] : [`${name} file`],
      );
      assert.equal((await lab.read(imageId, `/${name}`)).toString(), 'content\n');
    }
    const opened = await lab.build({ dockerfile: `${make}RUN : >> /same; chmod 644 /same; chown 0:0 /same\n` });
    assert.deepEqual(
      (await topLayer(opened.imageId)).filter((line) => !/^(proc|sys) /.test(line)),
      [],
    );
  });

  test('F-046: setuid, setgid and sticky bits survive, chown included', async () => {
    const { imageId } = await lab.build({
      dockerfile:
        'FROM busybox\nRUN cp /bin/busybox /su && chown 3:4 /su && chmod 6755 /su && mkdir -m 1777 /sticky && chmod 2775 /sticky/. && chmod 3775 /sticky\nRUN touch -d @5 /su\nRUN stat -c %a /su /sticky\n',
    });
    assert.equal(await attributes(imageId, 'su'), '6755 3:4');
    assert.equal(await attributes(imageId, 'sticky'), '3775 0:0');
  });

  test('F-050: pipes and device nodes that RUN makes are kept and never opened, sockets are left out', async () => {
    const { imageId } = await lab.build({
      dockerfile:
        'FROM busybox\nRUN mkfifo /pipe && mknod /null c 1 3 && mknod /loop b 7 0 && (nc -lk -p 1 local:/sock 2>/dev/null & true)\nCOPY --from=0 / /all/\n'.replace(
          'COPY --from=0 / /all/\n',
          '',
        ),
    });
    const kinds = Object.fromEntries(
      [...(await lab.tree(imageId))]
        .filter(([path]) => /^(pipe|null|loop|sock)$/.test(path))
        .map(([path, node]) => [path, node.kind]),
    );
    assert.deepEqual(kinds, { pipe: 'fifo', null: 'character', loop: 'block' });
    const { deviceMajor, deviceMinor } = await nodeOf(imageId, 'null');
    assert.deepEqual([deviceMajor, deviceMinor], [1, 3]);
    await lab.engine.tag(imageId, 'nodes:1');
    const copied = await lab.build({
      dockerfile: 'FROM nodes:1 AS s\nFROM scratch\nCOPY --from=s /pipe /null /loop /copy/\n',
    });
    assert.equal((await nodeOf(copied.imageId, 'copy/pipe')).kind, 'fifo');
    assert.equal((await nodeOf(copied.imageId, 'copy/loop')).kind, 'block');
  });

  test('names of 128 layers and of bytes that are no text go through RUN as they are', async () => {
    const name = String.raw`$(printf "f\377\376")`;
    const { imageId } = await lab.build({
      dockerfile: `FROM busybox\nRUN mkdir /n && touch "/n/${name}" && ln -s "${name}" "/n/l"\nRUN touch -d @9 /n/f*\n`,
    });
    const names = [...(await nodeOf(imageId, 'n')).children()].map(([child]) => child);
    assert.deepEqual(names, ['f\xff\xfe', 'l']);
    assert.equal((await nodeOf(imageId, 'n/l')).linkTarget(), 'f\xff\xfe');
  });

  test('F-098: an image of 140 layers builds, runs, is saved and loaded, and the build says who cannot take it', async () => {
    const many = (layers: number): string =>
      lab.context({
        Dockerfile: `FROM busybox\n${Array.from({ length: layers }, (_, i) => `COPY f /f${i}\n`).join('')}RUN ls / | grep -c ^f > /count\n`,
        f: '',
      });
    const built = await lab.build(many(139), { tags: ['many:1'] });
    assert.equal((await lab.read(built.imageId, '/count')).toString(), '139\n');
    const warnings = built.events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
    assert.deepEqual(warnings, ['the image has 141 layers; docker and others take at most 127']);
    for (const format of ['docker', 'oci'] as const) {
      await using other = await Lab.open();
      await other.engine.load(lab.engine.save({ images: ['many:1'], format }, watch()), watch());
      assert.equal((await other.read(built.imageId, '/count')).toString(), '139\n');
    }
    const below = await lab.build(many(125));
    assert.equal(
      below.events.some((event) => event.kind === 'warning'),
      false,
    );
    await assert.rejects(lab.build(many(520)), (error) => {
      assert.ok(isShaleError(error), String(error));
      assert.match(error.message, /52\d layers/);
      return true;
    });
  });

  test('F-290: an image of 60 layers is built and run with 256 descriptors', async () => {
    const context = lab.context({
      Dockerfile: `FROM busybox\n${Array.from({ length: 60 }, (_, i) => `COPY f /f${i}\n`).join('')}RUN ls / | grep -c ^f\n`,
      f: '',
    });
    const program = join(import.meta.dirname, '../../bin/shale');
    const script = 'ulimit -n 256 && exec "$0" "$@"';
    const words = [process.execPath, program, 'build', '-q', '--no-cache', '--network', 'none', context];
    const result = spawnSync('sh', ['-c', script, ...words], {
      env: { ...process.env, SHALE_HOME: lab.home, SHALE_RUN: lab.runRoot },
      encoding: 'utf8',
    });
    assert.equal(result.status, 0, result.stderr);
  });

  test('a Dockerfile from standard input needs no context', async () => {
    const bytes = streamOf(Buffer.from('FROM busybox\nRUN echo stdin > /x\n'));
    const told = await lab.engine.build(
      {
        context: { kind: 'stream', bytes },
        tags: [],
        buildArgs: {},
        labels: { a: 'b' },
        network: 'none',
        noCache: false,
        pull: false,
        keepNoise: false,
      },
      watch(),
    );
    assert.equal((await lab.read(told.imageId, '/x')).toString(), 'stdin\n');
    assert.deepEqual((await lab.config(told.imageId))['Labels'], { a: 'b' });
  });

  test('noise of package managers stays as the layer below has it, unless it is wanted', async () => {
    const dockerfile =
      'FROM busybox\nRUN mkdir -p /var/log/apt /var/cache/ldconfig && date > /var/log/dpkg.log && echo x > /var/log/other && date > /var/cache/ldconfig/aux-cache\n';
    const quiet = await lab.tree((await lab.build({ dockerfile })).imageId);
    assert.deepEqual(
      ['var/log/dpkg.log', 'var/log/other', 'var/cache/ldconfig/aux-cache'].map((path) => quiet.has(path)),
      [false, true, false],
    );
    const kept = await lab.build({ dockerfile }, { keepNoise: true });
    assert.equal((await lab.tree(kept.imageId)).has('var/log/dpkg.log'), true);
  });

  test('F-206: COPY that climbs out stays in its root', async () => {
    const outside = lab.newFolder();
    writeFileSync(join(outside, 'secret'), 'host');
    const context = lab.context({
      'inner/Dockerfile': 'FROM scratch\nCOPY ../secret /a\nCOPY /../../secret /b\n',
      'inner/secret': 'context',
    });
    const { imageId } = await lab.build(join(context, 'inner'));
    for (const path of ['/a', '/b']) assert.equal((await lab.read(imageId, path)).toString(), 'context');
    const stage = await lab.build({
      dockerfile: 'FROM busybox AS s\nRUN echo stage > /secret\nFROM scratch\nCOPY --from=s ../../secret /c\n',
    });
    assert.equal((await lab.read(stage.imageId, '/c')).toString(), 'stage\n');
    await assert.rejects(lab.build({ dockerfile: 'FROM scratch\nCOPY ../../etc/passwd /\n' }), (error) =>
      isShaleError(error, 'COPY_SOURCE_NOT_FOUND'),
    );
  });

  test('F-223: WORKDIR through descriptors, links and ".." stays in the image', async () => {
    for (const path of ['/proc/self/fd/7', '/proc/self/fd/7/x', '../../..', '/out/../..']) {
      const dockerfile = `FROM busybox\nWORKDIR ${path}\nRUN pwd; ls -a . | head -1\n`;
      try {
        const built = await lab.build({ dockerfile });
        assert.doesNotMatch(built.log, new RegExp(lab.folder));
      } catch (error) {
        assert.ok(isShaleError(error), String(error));
      }
    }
    const link = await lab.build({ dockerfile: 'FROM busybox\nRUN ln -s /tmp /link\nWORKDIR /link/w\nRUN pwd -P\n' });
    assert.equal(link.log, '/tmp/w\n');
  });

  test('F-237: what a step may not have is refused', async () => {
    await assert.rejects(
      lab.build({ dockerfile: 'FROM busybox\nRUN --security=insecure true\n' }),
      /security|insecure/,
    );
    await assert.rejects(
      lab.build({ dockerfile: 'FROM busybox\nRUN --security=nonsense true\n' }),
      /nonsense|security/,
    );
    await assert.rejects(lab.build({ dockerfile: 'FROM busybox\nRUN --device=vendor.com/x=y true\n' }), /device/);
    await assert.rejects(lab.build({ dockerfile: 'FROM busybox\nRUN --network=nonsense true\n' }), /nonsense|network/);
  });

  test('F-209: a Dockerfile or ignore file that is no regular file is refused', { timeout: 20_000 }, async () => {
    const fifo = lab.newFolder();
    spawnSync('mkfifo', [join(fifo, 'Dockerfile')]);
    await assert.rejects(lab.build(fifo), (error) => isShaleError(error));
    const folder = lab.newFolder();
    mkdirSync(join(folder, 'Dockerfile'));
    await assert.rejects(lab.build(folder), (error) => isShaleError(error, 'CONTEXT_FILE_INVALID'));
    const zero = lab.newFolder();
    await assert.rejects(buildWith(lab.engine, zero, { dockerfile: { kind: 'file', path: '/dev/zero' } }), (error) =>
      isShaleError(error),
    );
    const ignoring = lab.context({ Dockerfile: 'FROM scratch\nCOPY . /\n' });
    spawnSync('mkfifo', [join(ignoring, '.dockerignore')]);
    await assert.rejects(lab.build(ignoring), (error) => isShaleError(error, 'CONTEXT_FILE_INVALID'));
    const large = lab.context({ Dockerfile: `FROM scratch\n#${'x'.repeat(64 * 1024 * 1024)}` });
    await assert.rejects(lab.build(large), (error) => isShaleError(error));
  });

  test(
    'a real distribution builds: Alpine with links, users and packages tools',
    { skip: ALPINE.missing },
    async () => {
      await lab.importRootfs(ALPINE.path, 'alpine:latest', [`ENV ${SEARCH_PATH}`, 'CMD ["/bin/sh"]']);
      const built = await lab.build({
        dockerfile:
          'FROM alpine\nRUN adduser -D -u 1234 app && apk info | wc -l > /count\nUSER app\nWORKDIR /home/app\nRUN echo $HOME && id -un && touch mine\n',
      });
      assert.match(built.log, /\/home\/app\napp\n$/);
      assert.equal(await attributes(built.imageId, 'home/app/mine'), '644 1234:1234');
    },
  );
});

function watch(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(60_000) };
}
