/** An Alpine base image made by shale itself: the same when it is made again, and the real apk in it is content and installs more. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeSigner, type TestApk } from '../../src/bases/alpine/packed-apk.fixture.ts';
import {
  findMinirootfs,
  repackInstalled,
  unpackMinirootfs,
  writeRepository,
} from '../../src/bases/alpine/minirootfs.fixture.ts';
import { isShaleError } from '../../src/base/index.ts';
import { Lab } from '../support/lab.ts';

const minirootfs = findMinirootfs();
const missing =
  process.getuid?.() !== 0
    ? 'needs root'
    : minirootfs === undefined
      ? 'no minirootfs of Alpine in SHALE_SHARED'
      : undefined;

const MORE: TestApk = {
  name: 'more',
  version: '1.0-r0',
  depends: 'so:libz.so.1',
  files: [{ path: 'usr/share/more', content: 'more' }],
};

const CLOCK: TestApk = {
  name: 'clock',
  version: '1.0-r0',
  scripts: { 'post-install': '#!/bin/sh\ndate +%s > /etc/made-at\n' },
};

test(
  'an Alpine base is made in a container, again and the same, and its own apk agrees with it and adds to it',
  { timeout: 200_000 },
  async (t) => {
    if (missing !== undefined || minirootfs === undefined) return t.skip(missing);
    await using lab = await Lab.open();
    const root = join(lab.folder, 'alpine');
    unpackMinirootfs(minirootfs, root);
    const signer = makeSigner();
    const repository = join(lab.folder, 'repository');
    writeRepository(repository, [...repackInstalled(root), MORE, CLOCK], signer);
    const keyFolder = join(lab.folder, 'keys');
    mkdirSync(keyFolder);
    writeFileSync(join(keyFolder, signer.name), signer.pem);
    const request = {
      distribution: 'alpine',
      branch: 'v3.20',
      mirror: 'http://unused.example',
      repositories: [repository],
      packages: [],
      include: [],
      keyFolder,
      keyFingerprints: [],
      scripts: 'container',
      allowOutdated: false,
      tags: ['alpine:t'],
      noCache: false,
    } as const;
    const watch = { signal: AbortSignal.timeout(100_000) };
    const { imageId } = await lab.engine.makeBase(request, watch);
    const again = await lab.engine.verifyBase({ base: request, clockAheadSeconds: 0 }, watch);
    assert.deepEqual(
      [again.identical, again.image, again.rebuilt, again.tags, again.differences],
      [true, imageId, imageId, ['alpine:t'], []],
    );
    for (const what of ['folder', 'umask', 'host name', 'user name', 'time zone', 'locale', 'time'])
      assert.ok(
        again.varied.some((one) => one.what === what),
        what,
      );
    const build = { buildArgs: {}, labels: {} };
    await assert.rejects(
      lab.engine.verifyBuild({ name: 'alpine:t', build }, watch),
      (error) => isShaleError(error, 'BUILD_NOT_FOUND') && error.hint?.includes('base alpine --verify') === true,
    );
    // What a package's script takes from the hour is found, and of the second one nothing is left.
    const withClock = { ...request, include: ['clock'], tags: ['alpine:clock'] };
    const other = await lab.engine.verifyBase({ base: withClock, clockAheadSeconds: 0 }, watch);
    assert.deepEqual(
      other.differences.map(({ path, differs, cause }) => [path, differs, cause]),
      [['/etc/made-at', ['content'], 'time stamp']],
    );
    assert.equal((await lab.engine.makeBase(withClock, watch)).imageId, other.image);

    const context = lab.context({
      Dockerfile: [
        'FROM alpine:t',
        'RUN apk info -v > /info && apk audit --system > /audit',
        'RUN --mount=type=bind,target=/context apk add --no-network -X /context/repository more && apk info -e more',
        '',
      ].join('\n'),
    });
    cpSync(repository, join(context, 'repository'), { recursive: true });
    const built = await lab.build(context);
    const info = (await lab.read(built.imageId, '/info')).toString();
    assert.match(info, /^busybox-1\.36\.1-r29$/m);
    assert.equal(info.trim().split('\n').length, 14);
    // What scripts changed, and nothing else: users that they added.
    assert.match(
      (await lab.read(built.imageId, '/audit')).toString(),
      /^(A [^\n]*\n|U etc\/(group|passwd|shadow)-?\n)*$/,
    );
    assert.equal((await lab.read(built.imageId, '/usr/share/more')).toString(), 'more');
  },
);
