/** An Alpine base image made by shale itself, in which the real apk is content and installs more. */
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

test(
  'an Alpine base is made in a container, and its own apk agrees with it and adds to it',
  { timeout: 200_000 },
  async (t) => {
    if (missing !== undefined || minirootfs === undefined) return t.skip(missing);
    await using lab = await Lab.open();
    const root = join(lab.folder, 'alpine');
    unpackMinirootfs(minirootfs, root);
    const signer = makeSigner();
    const repository = join(lab.folder, 'repository');
    writeRepository(repository, [...repackInstalled(root), MORE], signer);
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
    assert.equal(
      (await lab.engine.makeBase({ ...request, noCache: true }, watch)).imageId,
      imageId,
      'the same each time',
    );

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
