/**
 * Small things that BuildKit does and that people rely on: each a Dockerfile and what must be in the image or the log.
 * The facts are those of BuildKit's own integration tests.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import { BUSYBOX, type BuildHow, cannotRun, Lab } from '../support/lab.ts';

const skip = cannotRun || BUSYBOX.missing;
const ACCOUNTS =
  'RUN echo "user:x:1000:1000::/home/user:/bin/sh" >> /etc/passwd; echo "user:x:1000:" >> /etc/group; echo "daemon:x:1:" >> /etc/group; echo "daemon:x:1:1::/:/bin/sh" >> /etc/passwd; echo "wheel:x:10:root" >> /etc/group; echo "nobody:x:65534:" >> /etc/group';

describe('as BuildKit does', { skip, concurrency: 2 }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
    await lab.build({ dockerfile: `FROM busybox\n${ACCOUNTS}\n` }, { tags: ['accounts:1'] });
  });
  after(() => lab[Symbol.asyncDispose]());

  interface Expected {
    readonly files?: Readonly<Record<string, string | Uint8Array>>;
    readonly dockerfile: readonly string[];
    readonly how?: BuildHow;
    /** Further set-up of the context. */
    readonly prepare?: (context: string) => void;
    /** What RUN printed, all steps together. */
    readonly log?: string;
    /** Contents of files of the image; undefined: absent. */
    readonly content?: Readonly<Record<string, string | undefined>>;
  }

  async function check({ files = {}, dockerfile, how = {}, prepare, log, content = {} }: Expected): Promise<void> {
    const context = lab.context({ ...files, Dockerfile: dockerfile.join('\n') + '\n' });
    prepare?.(context);
    const built = await lab.build(context, how);
    if (log !== undefined) assert.equal(built.log, log);
    const tree = await lab.tree(built.imageId);
    for (const [path, text] of Object.entries(content)) {
      if (text === undefined) assert.equal(tree.has(path), false, `${path} is absent`);
      else assert.equal((await lab.read(built.imageId, path)).toString(), text, path);
    }
  }

  const cases: Record<string, Expected> = {
    'ADD of a wildcard unpacks every archive': {
      files: { 't.tar': tar(member({ name: 'one' }, '1')), 'b.tar': tar(member({ name: 'two' }, '2')) },
      dockerfile: ['FROM scratch', 'ADD *.tar /dest'],
      content: { 'dest/one': '1', 'dest/two': '2' },
    },
    'ADD goes through an absolute link of an earlier archive, hard links too': {
      files: {
        'rootfs.tar': tar(member({ name: 'run/', type: '5' }), member({ name: 'var/run', type: '2', link: '/run' })),
        'payload.tar': tar(
          member({ name: 'var/run/act/', type: '5' }),
          member({ name: 'var/run/act/HEAD' }, 'ref'),
          member({ name: 'var/run/act/HEAD.link', type: '1', link: 'var/run/act/HEAD' }),
        ),
      },
      dockerfile: ['FROM scratch', 'ADD rootfs.tar /', 'ADD payload.tar /'],
      content: { 'run/act/HEAD': 'ref', 'run/act/HEAD.link': 'ref' },
    },
    'COPY to a link of the image that leads nowhere makes what it leads to': {
      files: { foo: 'foo', 't.tar': tar(member({ name: 'symlink', type: '2', link: '../tmp/symlink-target' })) },
      dockerfile: ['FROM scratch', 'ADD t.tar /', 'COPY foo /symlink/'],
      content: { 'tmp/symlink-target/foo': 'foo' },
    },
    'COPY --link to "." and to an empty variable goes to the working directory': {
      files: { f: 'f', g: 'g' },
      dockerfile: [
        'FROM busybox',
        'WORKDIR /var/www',
        'ENV empty=""',
        'COPY --link f .',
        'COPY --link g $empty',
        'RUN cat f g',
      ],
      log: 'fg',
    },
    'COPY of folders: a new one is root’s, an existing one stays, what is in it keeps its owner': {
      dockerfile: [
        'FROM busybox AS source',
        'RUN mkdir -p /dir/subdir && touch /file /dir/subdir/nested && chown 100:200 /file /dir && chown 101:201 /dir/subdir && chown 102:202 /dir/subdir/nested',
        'FROM busybox',
        'RUN mkdir -p /there/sub && touch /there/file && chown 500:600 /there && chown 501:601 /there/sub /there/file',
        'COPY --from=source /file .',
        'COPY --from=source /dir /dir',
        'COPY --from=source /dir/. /there',
        'RUN stat -c "%u:%g %n" /file /dir /dir/subdir /dir/subdir/nested /there /there/sub /there/file /there/subdir /there/subdir/nested',
        'COPY --from=source --chown=300:400 /dir /owned',
        'COPY --from=source --chown=300:400 /dir/. /there',
        'RUN stat -c "%u:%g %n" /owned /owned/subdir /there /there/sub /there/subdir /there/subdir/nested',
      ],
      log: [
        '100:200 /file',
        '0:0 /dir',
        '101:201 /dir/subdir',
        '102:202 /dir/subdir/nested',
        '500:600 /there',
        '501:601 /there/sub',
        '501:601 /there/file',
        '101:201 /there/subdir',
        '102:202 /there/subdir/nested',
        '300:400 /owned',
        '300:400 /owned/subdir',
        '500:600 /there',
        '501:601 /there/sub',
        '300:400 /there/subdir',
        '300:400 /there/subdir/nested',
        '',
      ].join('\n'),
    },
    'COPY --chown of names and variables': {
      files: { foo: '', 'bar/sub': '' },
      dockerfile: [
        'FROM accounts:1',
        'ENV owner=1000',
        'ARG group=nobody',
        'COPY --chown=daemon foo /foo',
        'COPY --chown=1000:nobody bar /baz',
        'COPY --chown=${owner}:${group} foo /foobis',
        'COPY --chown=user foo /home-of/one/',
        'RUN stat -c "%u:%g" /foo /baz/sub /foobis /home-of/one /home-of/one/foo',
      ],
      log: '1:1\n1000:65534\n1000:65534\n1000:1000\n1000:1000\n',
    },
    'COPY --chmod of octal modes, for folders on the way too, and of none': {
      files: { foo: '', bar: '' },
      dockerfile: [
        'FROM busybox',
        'ARG mode=755',
        'COPY --chmod=0644 foo /foo',
        'COPY --chmod=777 bar /baz',
        'COPY --chmod=0 foo /none',
        'COPY --chmod=777 foo /parent/foo',
        'COPY --chmod=770 foo /parent/sub/foo',
        'COPY --chmod=${mode} foo /variable',
        'RUN stat -c %a /foo /baz /none /parent /parent/sub /variable',
      ],
      log: '644\n777\n0\n755\n750\n755\n',
    },
    'COPY over what an earlier COPY brought': {
      files: { 'sub/dir1/dir2/foo': 'foo', 'files/foo.go': 'go' },
      dockerfile: [
        'FROM scratch',
        'COPY sub sub',
        'COPY sub sub',
        'COPY files/foo.go dest/foo.go',
        'COPY files/foo.go dest/foo.go',
        'COPY files dest',
      ],
      content: { 'sub/dir1/dir2/foo': 'foo', 'dest/foo.go': 'go' },
    },
    'COPY of patterns': {
      files: { 'foo.go': 'foo', 'bar.go': 'bar', 'sub/dir1/dir2/foo': 'deep' },
      dockerfile: [
        'FROM scratch',
        'COPY *.go /gofiles/',
        'COPY f*.go foo2.go',
        'COPY sub/* /subdest/',
        'COPY sub/*/dir2/foo /subdest2/',
        'COPY sub/*/dir2/foo /subdest3/bar',
        'COPY . all/',
        'COPY sub/dir1/ subdest4',
        'COPY sub/dir1/. subdest5',
        'COPY sub/dir1 subdest6',
      ],
      content: {
        'gofiles/foo.go': 'foo',
        'gofiles/bar.go': 'bar',
        'foo2.go': 'foo',
        'subdest/dir2/foo': 'deep',
        'subdest2/foo': 'deep',
        'subdest3/bar': 'deep',
        'all/foo.go': 'foo',
        'subdest4/dir2/foo': 'deep',
        'subdest5/dir2/foo': 'deep',
        'subdest6/dir2/foo': 'deep',
      },
    },
    'COPY and ADD to relative places, WORKDIR by WORKDIR': {
      files: { foo: 'hello' },
      dockerfile: [
        'FROM scratch',
        'WORKDIR /test1',
        'WORKDIR test2',
        'COPY foo ./',
        'ADD foo ./bar/baz',
        'WORKDIR ..',
        'COPY foo ./',
        'COPY foo /test3/',
        'WORKDIR /test4',
        'COPY . .',
        'WORKDIR /test5/test6',
        'COPY foo ../',
      ],
      content: {
        'test1/test2/foo': 'hello',
        'test1/test2/bar/baz': 'hello',
        'test1/foo': 'hello',
        'test3/foo': 'hello',
        'test4/foo': 'hello',
        'test5/foo': 'hello',
      },
    },
    'COPY follows links in what it names, of the context and of stages, relative and absolute': {
      files: { 'sub/foo': 'contents', bar: 'bar', 'all/lfile': 'lfile', 'all/target': 'target' },
      prepare: (context) => {
        symlinkSync('sub', join(context, 'link'));
        symlinkSync('bar', join(context, 'alias'));
        symlinkSync('target', join(context, 'all/l0'));
        symlinkSync('second', join(context, 'all/l1'));
        symlinkSync('lfile', join(context, 'all/second'));
      },
      dockerfile: [
        'FROM busybox AS build',
        'RUN mkdir -p /out/sub && ln -s /out/sub /sub && ln -s out/sub /sub2 && echo -n data > /sub/foo',
        'FROM scratch',
        'COPY link/foo /from-context',
        'COPY alias /alias',
        'COPY all/l* /links/',
        'COPY --from=build /sub/foo /absolute',
        'COPY --from=build sub2/foo relative',
      ],
      content: {
        'from-context': 'contents',
        alias: 'bar',
        'links/l0': 'target',
        'links/l1': 'lfile',
        'links/lfile': 'lfile',
        absolute: 'data',
        relative: 'data',
      },
    },
    'COPY --from=STAGE of a relative path starts at the root': {
      files: { f: 'f' },
      dockerfile: ['FROM scratch AS base', 'WORKDIR /foo', 'COPY f /', 'FROM scratch', 'COPY --from=base f .'],
      content: { f: 'f' },
    },
    'heredocs take quotes and backslashes as the shell does': {
      dockerfile: [
        'FROM scratch',
        'COPY <<EOF quotes',
        '"quotes in file"',
        'EOF',
        'COPY <<EOF one',
        '\\',
        'EOF',
        'COPY <<EOF two',
        '\\\\',
        'EOF',
        'COPY <<EOF dollar',
        '\\$',
        'EOF',
        'COPY <<"EOF" raw-one',
        '\\',
        'EOF',
        'COPY <<"EOF" raw-two',
        '\\\\',
        'EOF',
        'COPY <<"EOF" raw-dollar',
        '\\$',
        'EOF',
      ],
      content: {
        quotes: '"quotes in file"\n',
        one: '\n',
        two: '\\\n',
        dollar: '$\n',
        'raw-one': '\\\n',
        'raw-two': '\\\\\n',
        'raw-dollar': '\\$\n',
      },
    },
    'RUN heredocs: several in one command, by number, with another interpreter': {
      dockerfile: [
        'FROM busybox',
        'WORKDIR /dest',
        "RUN cat <<EOF1 | tr '[:upper:]' '[:lower:]' > ./out1; \\",
        "\tcat <<EOF2 | tr '[:lower:]' '[:upper:]' > ./out2",
        'hello WORLD',
        'EOF1',
        'HELLO world',
        'EOF2',
        'RUN <<EOF 3<<IN1 4<<IN2 awk -f -',
        'BEGIN {',
        '\twhile ((getline line < "/proc/self/fd/3") > 0)',
        '\t\tprint tolower(line) > "./fd3"',
        '\twhile ((getline line < "/proc/self/fd/4") > 0)',
        '\t\tprint toupper(line) > "./fd4"',
        '}',
        'EOF',
        'hello WORLD',
        'IN1',
        'HELLO world',
        'IN2',
        'RUN <<EOF',
        '#!/bin/awk -f',
        'BEGIN { print "made by awk" > "./awk" }',
        'EOF',
      ],
      content: {
        'dest/out1': 'hello world\n',
        'dest/out2': 'HELLO WORLD\n',
        'dest/fd3': 'hello world\n',
        'dest/fd4': 'HELLO WORLD\n',
        'dest/awk': 'made by awk\n',
      },
    },
    'WORKDIR makes folders for the user, and leaves those that are there alone': {
      dockerfile: [
        'FROM accounts:1',
        'RUN mkdir /mine && chown 1:1 /mine',
        'WORKDIR /mine',
        'USER user',
        'WORKDIR /made',
        'RUN stat -c "%u:%g" /mine /made',
      ],
      log: '1:1\n1000:1000\n',
    },
    'USER brings the groups of its account': {
      dockerfile: [
        'FROM accounts:1',
        'RUN id -G',
        'USER 1234',
        'RUN id -u; id -g; id -G',
        'USER 1234:1234',
        'RUN id -G',
        'USER daemon',
        'RUN id -u; id -g; id -G',
      ],
      log: '0 10\n1234\n0\n0\n1234\n1\n1\n1\n',
    },
    'an ARG with an empty value is set, one without a value is not': {
      dockerfile: ['FROM busybox', 'ARG FOO', 'ARG BAR=', 'RUN env | grep -E "^(FOO|BAR)=" | sort'],
      log: 'BAR=\n',
    },
    'ARG in FROM, with defaults and cutting': {
      dockerfile: [
        'ARG image=idlebox',
        'FROM busy${image#idle} AS build',
        'ARG my_arg',
        'ENV my_arg="my_arg=${my_arg:-def_val}"',
        'ENV trimmed="${my_arg%%e*}"',
        'RUN echo $my_arg $trimmed',
      ],
      log: 'my_arg=def_val my_arg=d\n',
    },
    'ONBUILD of a stage runs in the stage that builds on it': {
      dockerfile: [
        'FROM busybox AS base',
        'ONBUILD RUN mkdir -p /out && echo -n 11 >> /out/foo',
        'FROM base AS mid',
        'RUN cp /out/foo /out/bar',
        'FROM scratch',
        'COPY --from=mid /out/bar /',
      ],
      content: { bar: '11' },
    },
    'a Dockerfile may be a link within the context': {
      files: { 'Dockerfile.web': 'FROM busybox\nRUN echo web\n' },
      dockerfile: ['FROM scratch'],
      prepare: (context) => {
        mkdirSync(join(context, 'inner'));
        symlinkSync('../Dockerfile.web', join(context, 'inner/Dockerfile'));
      },
      content: {},
    },
    'the ignore file can leave out the Dockerfile and itself': {
      files: { foo: 'foo', bar: '', baz: '', bay: 'bay', '.dockerignore': 'ba*\nDockerfile\n!bay\n.dockerignore\n' },
      dockerfile: ['FROM scratch', 'COPY . .'],
      content: {
        foo: 'foo',
        bay: 'bay',
        bar: undefined,
        baz: undefined,
        Dockerfile: undefined,
        '.dockerignore': undefined,
      },
    },
  };
  for (const [name, expected] of Object.entries(cases)) test(name, () => check(expected));

  test('COPY --chmod with symbols is what chmod does', async () => {
    const modes = ['go-w', 'u=rw,g=r,o=r', 'a+X', 'u+rw,g+r,o-x,o+w', 'u+s,g+s', '+t', 'u=g', 'g=u-w', 'a=,u+r'];
    const context = lab.context({ file: '', 'dirs/dir/f': '' });
    chmodSync(join(context, 'file'), 0o777);
    chmodSync(join(context, 'dirs/dir'), 0o2775);
    const lines = ['FROM busybox', 'COPY file dirs /start/'];
    for (const [i, mode] of modes.entries()) {
      lines.push(`RUN cp -a /start/file /e${i} && cp -a /start/dir /ed${i} && chmod ${mode} /e${i} /ed${i}`);
      lines.push(`COPY --chmod=${mode} file /a${i}`, `COPY --chmod=${mode} dirs /ad${i}/`);
      lines.push(
        `RUN stat -c "${i} %a" /e${i} /ed${i} > /expected; stat -c "${i} %a" /a${i} /ad${i}/dir > /got; cmp /expected /got || cat /expected /got`,
      );
    }
    writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
    const built = await lab.build(context);
    assert.equal(built.log, '');
  });

  test('a socket of the context becomes an empty file', async () => {
    const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY . /\nCOPY s.sock /named\n' });
    const server = createServer().listen(join(context, 's.sock'));
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      const { imageId } = await lab.build(context);
      for (const path of ['s.sock', 'named']) assert.equal((await lab.read(imageId, path)).length, 0);
    } finally {
      server.close();
    }
  });
});
