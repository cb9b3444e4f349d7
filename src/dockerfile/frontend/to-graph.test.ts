import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShaleError } from '../../base/index.ts';
import { baseConfig, execsOf, PATH, planOf, PLATFORM, refusalOf, verticesOf } from './planning.fixture.ts';

const EPOCH = 'SOURCE_DATE_EPOCH=315532800';

async function historyOf(text: string, extra: Parameters<typeof planOf>[1] = {}): Promise<(string | undefined)[]> {
  const plan = await planOf(text, extra);
  return plan.history.map(({ createdBy }) => createdBy);
}

async function envOfLastRun(text: string, extra: Parameters<typeof planOf>[1] = {}): Promise<readonly string[]> {
  const env = execsOf(await planOf(text, extra)).at(-1)?.env ?? [];
  return env.filter((entry) => entry !== PATH && entry !== EPOCH);
}

test('toGraph() writes history as BuildKit does', async () => {
  const text = [
    'FROM busybox',
    'ARG A=1 B',
    'ENV X=$A Y="a b"',
    'RUN echo $X',
    'RUN ["a", "b c"]',
    'WORKDIR app',
    'COPY --chown=1:2 --chmod=644 --link $X "b" ./',
    'LABEL l="v w"',
    'EXPOSE 90-91/UDP 80',
    'VOLUME /v /w',
    'USER u:g',
    'STOPSIGNAL SIGTERM',
    'SHELL ["/bin/bash", "-c"]',
    'HEALTHCHECK --interval=1m30s --retries=3 CMD curl x',
    'ENTRYPOINT run "me"',
    'CMD ["x", "y\\"z"]',
    'MAINTAINER me',
    'ONBUILD RUN x',
  ].join('\n');
  assert.deepEqual(await historyOf(text), [
    'imported',
    'ARG A=1 B',
    'ENV X=1 Y=a b',
    'RUN |2 A=1 B= /bin/sh -c echo $X # buildkit',
    'RUN |2 A=1 B= a b c # buildkit',
    'WORKDIR /app',
    'COPY --chown=1:2 --chmod=644 1 b ./ # buildkit',
    'LABEL l=v w',
    'EXPOSE [80/tcp 90/udp 91/udp]',
    'VOLUME [/v /w]',
    'USER u:g',
    'STOPSIGNAL SIGTERM',
    'SHELL [/bin/bash -c]',
    'HEALTHCHECK {Test:[CMD-SHELL curl x] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:3}',
    'ENTRYPOINT ["/bin/bash" "-c" "run \\"me\\""]',
    'CMD ["x" "y\\"z"]',
    'MAINTAINER me',
  ]);
});

test('toGraph() names steps as progress shows them', async () => {
  const plan = await planOf(
    'FROM busybox AS Base\nRUN a\nFROM base\nARG V=1\nCOPY --from=BASE /x-$V /y\nWORKDIR /w\nRUN <<EOF\necho hi\nmore\nEOF\n',
    { resolveImageConfig: () => Promise.resolve({ config: baseConfig(), digest: `sha256:${'1'.repeat(64)}` }) },
  );
  assert.deepEqual(
    verticesOf(plan).map(({ name }) => name),
    [
      `[base 1/2] FROM docker.io/library/busybox:latest@sha256:${'1'.repeat(64)}`,
      '[base 2/2] RUN a',
      '[stage-1 1/3] COPY --from=BASE /x-1 /y',
      '[stage-1 2/3] WORKDIR /w',
      '[stage-1 3/3] RUN <<EOF (echo hi...)',
    ],
  );
  assert.deepEqual(
    verticesOf(plan).map(({ slot }) => slot),
    ['base/from/1', 'base/run/1', '1/copy/1', '1/workdir/1', '1/run/1'],
  );
});

test('toGraph() gives RUN the hostname of BUILDKIT_SANDBOX_HOSTNAME', async () => {
  const hostnames = async (buildArgs: Record<string, string>): Promise<(string | undefined)[]> =>
    execsOf(await planOf('FROM a\nRUN x', { hostname: 'given', buildArgs })).map(({ hostname }) => hostname);
  assert.deepEqual(await hostnames({}), ['given']);
  assert.deepEqual(await hostnames({ BUILDKIT_SANDBOX_HOSTNAME: 'own' }), ['own']);
  assert.deepEqual(await hostnames({ BUILDKIT_SANDBOX_HOSTNAME: '' }), ['given']);
});

test('toGraph() keeps ARG values to their stage, its children and later lines', async () => {
  const text = (last: string): string => `ARG G=g\nFROM a AS one\nARG X=x\nRUN r\nFROM a AS two\nRUN r\n${last}`;
  assert.deepEqual(await envOfLastRun(text('')), []);
  assert.deepEqual(await envOfLastRun(text('ARG G\nRUN s\n')), ['G=g']);
  assert.deepEqual(await envOfLastRun(text('FROM one\nRUN s\n')), ['X=x']);
  assert.deepEqual(await envOfLastRun(text('RUN s\nARG Z=1\n')), []);
  assert.deepEqual(await envOfLastRun('FROM a\nARG A=1 B=${A}2\nRUN x', { buildArgs: { A: '7' } }), ['A=7', 'B=72']);
});

test('toGraph() lets ENV and ARG of one name override each other in their order', async () => {
  assert.deepEqual(await envOfLastRun('FROM a\nARG V=1\nENV V=2\nRUN x'), ['V=2']);
  assert.deepEqual(await envOfLastRun('FROM a\nENV V=2\nARG V=1\nRUN x'), ['V=1']);
  const base = { resolveImageConfig: () => Promise.resolve({ config: baseConfig({ Env: [PATH, 'V=base'] }) }) };
  assert.deepEqual(await envOfLastRun('FROM a\nARG V=1\nRUN x', base), ['V=1']);
});

test('toGraph() expands an instruction with the values from before it', async () => {
  const plan = await planOf('FROM a\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc\n');
  assert.deepEqual(plan.config.config.Env, [PATH, 'abc=bye', 'def=hello', 'ghi=bye']);
});

test('toGraph() gives the platform arguments that the Dockerfile asks for', async () => {
  const options = {
    platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
    buildPlatform: PLATFORM,
    target: 'x',
  };
  const env = await envOfLastRun('FROM a AS x\nARG TARGETPLATFORM BUILDARCH TARGETVARIANT TARGETSTAGE\nRUN x', options);
  assert.deepEqual(env, ['TARGETPLATFORM=linux/arm/v7', 'BUILDARCH=amd64', 'TARGETVARIANT=v7', 'TARGETSTAGE=x']);
  assert.deepEqual(await envOfLastRun('FROM a AS x\nRUN x', options), []);
});

test('F-225: toGraph() keeps undeclared proxies and arguments out of identities and history', async () => {
  const text = 'FROM a\nRUN x\n';
  const bare = await planOf(text);
  const proxied = await planOf(text, { buildArgs: { HTTP_PROXY: 'http://p', other: '1' } });
  assert.equal(proxied.result, bare.result);
  assert.deepEqual(proxied.history, bare.history);
  assert.deepEqual(proxied.graph.vertices.get(proxied.result)?.unkeyedEnv, [
    'HTTP_PROXY=http://p',
    'http_proxy=http://p',
  ]);
  assert.deepEqual(proxied.unusedArgs, ['other']);
  assert.match(proxied.warnings[0]?.message ?? '', /other/);
  const declared = await planOf('FROM a\nARG HTTP_PROXY\nRUN x\n', { buildArgs: { HTTP_PROXY: 'http://p' } });
  assert.notEqual(declared.result, bare.result);
  assert.equal(declared.history.at(-1)?.createdBy, 'RUN |1 HTTP_PROXY=http://p /bin/sh -c x # buildkit');
});

test('F-225: an identity changes with whatever a step does, and with nothing else', async () => {
  const base = 'FROM a\nARG V=1\nENV E=1\nWORKDIR /w\nUSER u\nCOPY a b\nRUN x\n';
  const { result } = await planOf(base);
  const changed = [
    ['V=1', 'V=2'],
    ['E=1', 'E=2'],
    ['/w', '/v'],
    ['USER u', 'USER v'],
    ['COPY a b', 'COPY --chmod=1 a b'],
    ['COPY a b', 'COPY a b/'],
    ['COPY a b', 'COPY <<b b\nb'],
    ['RUN x', 'RUN --network=none x'],
    ['RUN x', 'SHELL ["x"]\nRUN x'],
  ];
  for (const [from = '', to = ''] of changed) {
    assert.notEqual((await planOf(base.replace(from, to))).result, result, to);
  }
  const same = [
    ['COPY', '# comment\n\ncopy'],
    ['FROM a', 'FROM a AS named'],
    ['RUN x', 'LABEL l=1\nCMD x\nRUN x'],
  ];
  for (const [from = '', to = ''] of same) {
    assert.equal((await planOf(base.replace(from, to))).result, result, to);
  }
  assert.notEqual((await planOf(base, { epoch: 5 })).result, result);
});

test('toGraph() resolves only the images that the target needs, each once', async () => {
  const asked: string[] = [];
  const resolveImageConfig = (reference: string) => {
    asked.push(reference);
    return Promise.resolve({ config: baseConfig() });
  };
  const text = 'FROM a AS x\nFROM b AS y\nFROM a AS z\nCOPY --from=c /1 /2\nCOPY --from=x /1 /3\nRUN q\nFROM d\n';
  const plan = await planOf(text, { resolveImageConfig, target: 'Z' });
  assert.deepEqual(asked.toSorted(), ['docker.io/library/a:latest', 'docker.io/library/c:latest']);
  assert.deepEqual(
    plan.stages.map(({ name, rootfs }) => [name, rootfs !== undefined]),
    [
      ['x', true],
      ['y', false],
      ['z', true],
      ['', false],
    ],
  );
  assert.equal(plan.target.index, 2);
  assert.deepEqual(plan.baseImages.map(({ reference }) => reference).toSorted(), asked.toSorted());
});

test('toGraph() runs ONBUILD triggers of the base once, in the child, and clears them', async () => {
  const trigger = { ...baseConfig({ Env: [PATH], OnBuild: ['COPY --from=tool /t /t', 'ENV X=1'] }) };
  const resolveImageConfig = (reference: string) =>
    Promise.resolve({ config: reference.includes('/a:') ? trigger : baseConfig() });
  const plan = await planOf('FROM b AS tool\nRUN make\nFROM a AS mid\nRUN m\nFROM mid\nRUN n\n', {
    resolveImageConfig,
  });
  assert.deepEqual(
    plan.history.map(({ createdBy }) => createdBy),
    ['imported', 'COPY /t /t # buildkit', 'ENV X=1', 'RUN /bin/sh -c m # buildkit', 'RUN /bin/sh -c n # buildkit'],
  );
  assert.equal(plan.config.config.OnBuild, undefined);
  assert.ok(verticesOf(plan).some(({ name }) => name === '[mid 2/4] ONBUILD COPY --from=tool /t /t'));
  const own = await planOf('FROM a AS p\nONBUILD RUN late\nFROM p AS c\nFROM c\n');
  assert.deepEqual(
    own.history.map(({ createdBy }) => createdBy),
    ['imported', 'RUN /bin/sh -c late # buildkit'],
  );
  const kept = await planOf('FROM a\nONBUILD RUN late\n');
  assert.deepEqual(kept.config.config.OnBuild, ['RUN late']);
});

test('toGraph() refuses a broken trigger or config of a base with the place of its FROM', async () => {
  for (const trigger of ['', 'FROM x', 'RUN a\nRUN b', 'BOGUS', 'COPY x', 'RUN <<EOF\nx']) {
    const config = baseConfig({ OnBuild: [trigger] });
    const refusal = await refusalOf('# x\nFROM a\n', { resolveImageConfig: () => Promise.resolve({ config }) });
    assert.deepEqual([refusal.code, refusal.start.line], ['ONBUILD_TRIGGER', 2], trigger);
  }
});

test('toGraph() resets an inherited CMD with ENTRYPOINT, unless the stage has its own', async () => {
  const config = async (text: string): Promise<unknown> => (await planOf(text)).config.config.Cmd;
  assert.deepEqual(await config('FROM a\n'), ['sh']);
  assert.equal(await config('FROM a\nENTRYPOINT ["x"]\n'), undefined);
  assert.deepEqual(await config('FROM a\nCMD ["c"]\nENTRYPOINT ["x"]\n'), ['c']);
  assert.equal(await config('FROM a AS s\nCMD ["c"]\nFROM s\nENTRYPOINT ["x"]\n'), undefined);
});

test('toGraph() follows WORKDIR, and makes no layer for the root', async () => {
  const plan = await planOf('FROM a\nWORKDIR /\nWORKDIR a\nWORKDIR ../b/./c\nWORKDIR $X/d/\nRUN x\n');
  assert.equal(plan.config.config.WorkingDir, '/d/');
  assert.equal(execsOf(plan)[0]?.cwd, '/d');
  const layers = plan.history.map(({ vertex }) => vertex !== undefined);
  assert.deepEqual(layers, [false, false, true, true, true, true]);
});

test('toGraph() reads RUN heredocs as scripts, programs or shell input', async () => {
  const args = async (run: string): Promise<readonly string[] | undefined> =>
    execsOf(await planOf(`FROM a\n${run}\n`))[0]?.args;
  assert.deepEqual(await args('RUN <<-EOF\n\techo $x\nEOF'), ['/bin/sh', '-c', 'echo $x\n']);
  assert.deepEqual(await args('RUN cat <<A <<B\n1\nA\n2\nB'), ['/bin/sh', '-c', 'cat <<A <<B\n1\nA\n2\nB']);
  const plan = await planOf('FROM a\nRUN <<X\n#!/usr/bin/env python\nprint()\nX\n');
  const [exec] = execsOf(plan);
  assert.deepEqual(exec?.args, ['/bin/sh', '-c', '/dev/pipes/X']);
  assert.deepEqual(exec?.mounts, [
    {
      kind: 'inline',
      target: '/dev/pipes/',
      files: [{ name: 'X', content: '#!/usr/bin/env python\nprint()\n', mode: 0o755 }],
    },
  ]);
});

test('toGraph() expands unquoted COPY heredocs and keeps their quotes', async () => {
  const plan = await planOf("FROM a\nENV V=1\nCOPY <<A <<'B' /d/\n\"$V\" \\$V '${V}'\nA\n$V\nB\n");
  const op = verticesOf(plan).at(-1)?.op;
  assert.ok(op?.kind === 'copy');
  assert.deepEqual(
    op.sources.map((source) => source.kind === 'inline' && [source.file.name, source.file.content, source.file.mode]),
    [
      ['A', '"1" $V \'1\'\n', 0o644],
      ['B', '$V\n', 0o644],
    ],
  );
});

test('F-206: toGraph() holds COPY inside its source and its destination clean', async () => {
  const plan = await planOf(
    'FROM a AS s\nFROM a\nWORKDIR /w\nCOPY ../x a/../b* /../c/ d/\nCOPY --from=s ../../etc/shadow /y/.\nADD --unpack=false z .\n',
  );
  const copies = verticesOf(plan).flatMap(({ op }) => (op.kind === 'copy' ? [op] : []));
  assert.deepEqual(
    copies.map(({ sources, destination }) => [destination, ...sources.map((s) => (s.kind === 'tree' ? s.path : ''))]),
    [
      ['/w/d/', '/x', '/b*', '/c'],
      ['/y/', '/etc/shadow'],
      ['/w/', '/z'],
    ],
  );
  const unpack = (await planOf('FROM a\nADD a b\nCOPY a c\n')).graph.vertices;
  const sources = Array.from(unpack.values()).flatMap(({ op }) => (op.kind === 'copy' ? op.sources : []));
  assert.deepEqual(
    sources.map((source) => 'unpack' in source && source.unpack),
    [true, false],
  );
});

test('toGraph() carries --parents with its pivot and --exclude', async () => {
  const plan = await planOf('FROM a\nCOPY --parents --exclude=*.log --exclude=!k a/./b/c x/*/y /d/\n');
  const op = verticesOf(plan).at(-1)?.op;
  assert.ok(op?.kind === 'copy');
  assert.deepEqual(op.excludes, ['*.log', '!k']);
  assert.deepEqual(op.sources, [
    { kind: 'parents', input: 1, root: '/a', pattern: 'b/c', required: '/a/b/c', unpack: false },
    { kind: 'parents', input: 1, root: '/', pattern: 'x/*/y', unpack: false },
  ]);
});

test('toGraph() puts named contexts in the place of images and stages', async () => {
  const text = 'FROM alpine AS base\nRUN x\nFROM busybox\nCOPY --from=base /a /a\nCOPY --from=extra /b /b\n';
  const plan = await planOf(text, {
    namedContexts: new Map([
      ['docker.io/library/busybox:latest', { kind: 'image', reference: 'other:1' }],
      ['base', { kind: 'files' }],
      ['extra', { kind: 'files' }],
    ]),
  });
  const kinds = verticesOf(plan).map(({ op }) =>
    op.kind === 'image' ? op.reference : op.kind === 'context' ? `context ${op.name}` : op.kind,
  );
  // The files of `base` are copied onto nothing, so that they are a root filesystem.
  assert.deepEqual(kinds.toSorted(), [
    'context base',
    'context extra',
    'copy',
    'copy',
    'copy',
    'docker.io/library/other:1',
    'scratch',
  ]);
});

test('toGraph() takes the epoch from its option, an argument, the newest base, or 1980', async () => {
  const created = { ...baseConfig(), created: '2024-01-02T03:04:05Z' };
  const resolveImageConfig = () => Promise.resolve({ config: created });
  assert.equal((await planOf('FROM a\n')).epoch, 315_532_800);
  assert.equal((await planOf('FROM a\n', { resolveImageConfig })).epoch, 1_704_164_645);
  assert.equal((await planOf('ARG SOURCE_DATE_EPOCH=7\nFROM a\n', { resolveImageConfig })).epoch, 7);
  const buildArgs = { SOURCE_DATE_EPOCH: '8' };
  assert.equal((await planOf('ARG SOURCE_DATE_EPOCH=7\nFROM a\n', { buildArgs })).epoch, 8);
  assert.equal((await planOf('FROM a\n', { buildArgs, epoch: 9 })).epoch, 9);
  assert.deepEqual(await envOfLastRun('FROM a\nENV SOURCE_DATE_EPOCH=3\nRUN x'), ['SOURCE_DATE_EPOCH=3']);
  assert.equal((await refusalOf('FROM a\n', { buildArgs: { SOURCE_DATE_EPOCH: 'x' } })).code, 'EPOCH');
});

test('toGraph() gives the requested platform to the image, else that of its base', async () => {
  const arm = { os: 'linux', architecture: 'arm64' };
  assert.equal((await planOf('FROM a\n', { platform: arm })).config.architecture, 'amd64');
  assert.equal((await planOf('FROM a\n', { platform: arm, platformRequested: true })).config.architecture, 'arm64');
  const asked: unknown[] = [];
  await planOf('FROM --platform=$BUILDPLATFORM a\n', {
    platform: arm,
    buildPlatform: PLATFORM,
    resolveImageConfig: (_, platform) => {
      asked.push(platform);
      return Promise.resolve({ config: baseConfig() });
    },
  });
  assert.deepEqual(asked, [PLATFORM]);
});

test('toGraph() refuses with code, line and column', async () => {
  const cases: [string, string, number, number][] = [
    ['ARG A\n', 'STAGE_MISSING', 1, 1],
    ['FROM $A\n', 'BASE_BLANK', 1, 6],
    ['FROM A\n', 'BASE_NAME', 1, 6],
    ['FROM --platform=bogus a\n', 'PLATFORM', 1, 6],
    ['FROM a AS s\nFROM S\n', 'BASE_NAME', 2, 6],
    ['FROM a\nCOPY --from=1 a b\n', 'COPY_FROM', 2, 6],
    ['FROM a\nARG X\nCOPY --from=$X a b\n', 'COPY_FROM', 3, 6],
    ['FROM a AS x\nCOPY --from=y a b\nFROM a AS y\n', 'STAGE_ORDER', 2, 6],
    ['FROM a AS x\nCOPY --from=x a b\n', 'CIRCULAR', 1, 1],
    ['FROM a\nCOPY --chmod=9 a b\n', 'CHMOD', 2, 6],
    ['FROM a\nEXPOSE 80 x\n', 'PORT', 2, 11],
    ['FROM a\nEXPOSE 70000\n', 'PORT', 2, 8],
    ['FROM a\nSTOPSIGNAL NONE\n', 'SIGNAL', 2, 12],
    ['FROM a\nENV A=${B?}\n', 'EXPANSION', 2, 5],
    ['FROM a\nCOPY https://x/y z\n', 'COPY_SOURCE', 2, 6],
    ['FROM a\nADD --checksum=sha256:1 y z\n', 'CHECKSUM', 2, 5],
  ];
  for (const [text, code, line, column] of cases) {
    const {
      phase,
      code: actual,
      start,
    } = await refusalOf(
      text.replaceAll('FROM a AS x\nCOPY --from=y', 'FROM a AS x\nCOPY --from=y'),
      text.includes('AS y') ? { target: 'x' } : {},
    );
    assert.deepEqual([actual, start.line, start.column, phase], [code, line, column, 'plan'], text);
  }
});

test('F-237: toGraph() refuses the network of the host unless it is allowed', async () => {
  const text = 'FROM a\nRUN --network=host x\n';
  assert.equal((await refusalOf(text)).code, 'ENTITLEMENT');
  const plan = await planOf(text, { entitlements: ['network.host'] });
  assert.equal(execsOf(plan)[0]?.network, 'host');
  assert.equal((await refusalOf('FROM a\nRUN --network=bridge x\n')).code, 'FLAG_VALUE');
  assert.equal((await refusalOf('FROM a\nRUN --security=none x\n')).code, 'FLAG_VALUE');
  assert.equal((await refusalOf('FROM a\nRUN x\n', { network: 'host' })).code, 'ENTITLEMENT');
});

test('F-218: RUN --mount takes the documented options only', async () => {
  const refused = [
    'type=bind,bind-propagation=shared,target=/x',
    'type=volume,target=/x',
    'target=/x,exec',
    'target=/x,\\"src=/a',
    'type=tmpfs,target=/x,size=lots',
    'type=bind,target=/x,mode=0755',
    'type=bind,target=/',
    'type=bind,target=/x,required',
    'type=cache,target=/x,sharing=all',
    'type=secret',
    'type=secret,id=a,source=b',
    'type=ssh,source=/x',
    'from=$x,target=/y',
    'type=cache,target=/x,uid=-1',
  ];
  for (const mount of refused) {
    const { code } = await refusalOf(`FROM a\nRUN --mount=${mount} x\n`, { assumeAllowed: true });
    assert.equal(code, 'MOUNT_OPTION', mount);
  }
});

test('toGraph() reads every kind of mount into the op', async () => {
  const text = [
    'FROM a AS s',
    'FROM a',
    'WORKDIR /w',
    'ARG D=cache',
    'RUN --mount=target=in,src=../../p,rw --mount=type=$D,dst=/c/,from=s,id=n,sharing=locked,uid=5,mode=700 \\',
    '  --mount=type=tmpfs,target=/t,size=1m --mount=type=secret,id=k,env=K --mount=type=secret,target=/s/n,required \\',
    '  --mount=type=ssh x',
  ].join('\n');
  const plan = await planOf(text, { assumeAllowed: true });
  const ids = { mode: 0o400, uid: 0, gid: 0 };
  assert.deepEqual(execsOf(plan)[0]?.mounts, [
    { kind: 'bind', input: 1, source: '/p', target: '/w/in', writable: true },
    {
      kind: 'cache',
      id: 'n',
      input: 2,
      source: '/',
      target: '/c',
      sharing: 'locked',
      writable: true,
      owner: { mode: 0o700, uid: 5, gid: 0 },
    },
    { kind: 'tmpfs', target: '/t', writable: true, sizeBytes: 1_048_576 },
    { kind: 'secret', id: 'k', env: 'K', required: false, ...ids },
    { kind: 'secret', id: 'n', target: '/s/n', required: true, ...ids },
    { kind: 'ssh', id: 'default', target: '/run/buildkit/ssh_agent.0', required: false, ...ids, mode: 0o600 },
  ]);
});

test('toGraph() throws one line, with the place as a code frame beside it', async () => {
  await assert.rejects(planOf('FROM a\nRUN x\nCOPY --chmod=9 a b\n'), (error: unknown) => {
    assert.ok(error instanceof ShaleError);
    assert.equal(error.message, 'Dockerfile:3: --chmod: "9" is not a file mode');
    const caretLine = / {3}3 \| >>> COPY --chmod=9 a b\n {5}\| {10}\^{9}\n-+$/;
    assert.match(String(error.data['frame']), caretLine);
    return true;
  });
});

test('toGraph() tells a base that cannot be had with its place, and keeps code and hint', async () => {
  const failure = new ShaleError('PULL_FAILED', 'no such image', { hint: 'log in' });
  await assert.rejects(planOf('ARG x\nFROM nope\n', { resolveImageConfig: () => Promise.reject(failure) }), {
    code: 'PULL_FAILED',
    message: 'Dockerfile:2: base image docker.io/library/nope:latest: no such image',
    hint: 'log in',
  });
});

test('F-231: toGraph() takes ten thousand stages, and hostile names of arguments', async () => {
  const chain = Array.from({ length: 9_999 }, (_, i) => `FROM s${i} AS s${i + 1}\nCOPY --from=s${i} a b\n`).join('');
  const plan = await planOf(`FROM a AS s0\n${chain}`);
  assert.equal(plan.stages.length, 10_000);
  const buildArgs = Object.fromEntries([
    ['__proto__', '1'],
    ['constructor', '2'],
  ]);
  const env = await envOfLastRun('FROM a\nARG constructor toString __proto__\nRUN x', { buildArgs });
  assert.deepEqual(env, ['constructor=2', '__proto__=1']);
});
