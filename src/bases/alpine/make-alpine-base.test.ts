import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readTar } from '../../archive/index.ts';
import { type ByteStream, collect, ShaleError, streamOf } from '../../base/index.ts';
import { asDiffId, digestFromHex } from '../../oci/index.ts';
import type { BaseHost } from '../host.ts';
import { ALPINE_KEYS } from './alpine-keys.ts';
import { loadAlpineKeys } from './keys.ts';
import { type AlpineBase, makeAlpineBase } from './make-alpine-base.ts';
import type { AlpineBaseOptions } from './options.ts';
import {
  makeSigner,
  packApk,
  packIndex,
  signIndexText,
  TEST_BUILT_AT,
  type TestApk,
  type TestApkFile,
} from './packed-apk.fixture.ts';

const REPOSITORY = 'http://mirror.example/v3.20/main';
const SIGNER = makeSigner();
const OTHER = makeSigner('other-1.rsa.pub');

const PACKAGES: readonly TestApk[] = [
  {
    name: 'app',
    version: '1.0-r0',
    depends: 'so:liba.so.1',
    files: [{ path: 'usr/bin/app', content: 'app', mode: 0o755 }],
  },
  { name: 'liba', version: '1.0-r0', provides: 'so:liba.so.1=1', files: [{ path: 'usr/lib/liba.so.1', content: 'a' }] },
];

class FakeHost implements BaseHost {
  readonly folder: string;
  readonly files = new Map<string, Buffer>();
  readonly requests: string[] = [];
  readonly seen = new Map<string, number>();
  layer: Buffer = Buffer.alloc(0);

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(join(folder, 'keys'));
    writeFileSync(join(folder, 'keys', SIGNER.name), SIGNER.pem);
    mkdirSync(join(folder, 'cache'));
    this.serve(PACKAGES);
  }

  serve(packages: readonly TestApk[], signer = SIGNER, algorithm: 'RSA' | 'RSA256' | 'RSA512' = 'RSA'): void {
    const packed = packages.map((each) => packApk(each, signer));
    this.files.set(`${REPOSITORY}/x86_64/APKINDEX.tar.gz`, packIndex(packed, signer, algorithm));
    for (const { fileName, bytes } of packed) this.files.set(`${REPOSITORY}/x86_64/${fileName}`, bytes);
  }

  now(): Date {
    return new Date();
  }
  aptSources: BaseHost['aptSources'] = async () => [];
  fetcher: BaseHost['fetcher'] = {
    fetch: async (url) => {
      this.requests.push(url);
      const bytes = this.files.get(url);
      if (bytes === undefined) throw new ShaleError('FETCH_NOT_FOUND', `${url} is not there`);
      return streamOf(bytes.subarray(0, 100), bytes.subarray(100));
    },
  };
  cache: BaseHost['cache'] = {
    find: async (name) => (existsSync(join(this.folder, 'cache', name)) ? join(this.folder, 'cache', name) : undefined),
    put: async (name, stream) => {
      writeFileSync(join(this.folder, 'cache', name), await collect(stream, 1e9, 'download'));
      return join(this.folder, 'cache', name);
    },
  };
  seenLists: BaseHost['seenLists'] = {
    find: async (name) => this.seen.get(name),
    record: async (name, madeAt) => void this.seen.set(name, madeAt),
  };
  runner: BaseHost['runner'] = { run: () => assert.fail('nothing is run here') };
  layers: BaseHost['layers'] = {
    tarOf: () => assert.fail('no tar is asked for'),
    write: async (stream: ByteStream) => {
      this.layer = await collect(stream, 1e9, 'layer');
      const hex = createHash('sha256').update(this.layer).digest('hex');
      return { diffId: asDiffId(digestFromHex(hex)), sizeBytes: this.layer.length };
    },
  };
  async makeWorkFolder(): ReturnType<BaseHost['makeWorkFolder']> {
    const path = mkdtempSync(join(this.folder, 'work-'));
    return { path, [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true }) };
  }

  make(options: Partial<AlpineBaseOptions> = {}): Promise<AlpineBase> {
    return makeAlpineBase(
      {
        architecture: 'x86_64',
        branch: 'v3.20',
        mirror: 'http://mirror.example',
        repositories: [REPOSITORY],
        packages: ['app'],
        keyFolder: join(this.folder, 'keys'),
        scripts: 'none',
        tool: 'shale 1',
        ...options,
      },
      this,
    );
  }
}

async function withHost(work: (host: FakeHost) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'shale-alpine-'));
  try {
    await work(new FakeHost(folder));
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('work-')),
      [],
      'work folders are removed',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function contents(layer: Buffer): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { entry, content } of readTar(streamOf(layer)))
    files.set(entry.path, (await collect(content, 1e6, 'content')).toString('latin1'));
  return files;
}

test('makeAlpineBase() writes files, database and settings, and the same bytes each time', () =>
  withHost(async (host) => {
    const first = await host.make();
    const files = await contents(host.layer);
    assert.equal(files.get('usr/bin/app'), 'app');
    assert.equal(files.get('etc/apk/world'), 'app\n');
    assert.equal(files.get('etc/apk/repositories'), `${REPOSITORY}\n`);
    assert.equal(files.get('etc/apk/arch'), 'x86_64\n');
    assert.equal(files.get(`etc/apk/keys/${SIGNER.name}`), SIGNER.pem);
    assert.match(
      files.get('lib/apk/db/installed') ?? '',
      /^C:Q1.*\nP:app\nV:1\.0-r0\n[^]*F:usr\/bin\nR:app\na:0:0:755\nZ:Q1/,
    );
    assert.equal(first.epochSeconds, TEST_BUILT_AT);
    assert.equal(first.config.config.Cmd, undefined, 'without a shell there is nothing to start');
    const requests = host.requests.length;
    assert.equal((await host.make()).layer.diffId, first.layer.diffId);
    assert.equal(host.requests.length, requests + 1, 'packages are in the cache');
  }));

test('makeAlpineBase() takes signatures with SHA-1, SHA-256 and SHA-512, and pins keys by fingerprint', () =>
  withHost(async (host) => {
    for (const algorithm of ['RSA', 'RSA256', 'RSA512'] as const) {
      host.serve(PACKAGES, SIGNER, algorithm);
      await host.make();
    }
    const [key] = [...(await loadAlpineKeys({ folder: join(host.folder, 'keys'), architecture: 'x86_64' })).values()];
    await host.make({ keyFingerprints: [key?.fingerprint ?? ''] });
    await assert.rejects(host.make({ keyFingerprints: ['0'.repeat(64)] }), { code: 'KEYRING_UNREADABLE' });
    host.serve(PACKAGES, OTHER);
    await assert.rejects(host.make(), {
      code: 'SIGNATURE_INVALID',
      message: /signed by no key that is trusted.*other-1/,
    });
  }));

test('the keys that are carried for Alpine have the fingerprints that stand beside them', async () => {
  for (const { name, architectures, fingerprint } of ALPINE_KEYS) {
    const keys = await loadAlpineKeys({ architecture: architectures[0] ?? '' });
    assert.equal(keys.get(name)?.fingerprint, fingerprint);
  }
});

test('a flipped byte of an index or a package is refused by name, and never kept', () =>
  withHost(async (host) => {
    for (const [url, bytes] of new Map(host.files)) {
      const file = url.slice(url.lastIndexOf('/') + 1);
      // Headers of gzip members have bytes without a meaning (the time), which only the signature is about.
      for (const at of [40, 200, 500, bytes.length - 9, bytes.length - 20]) {
        const flipped = Buffer.from(bytes);
        flipped.writeUInt8((flipped[at] ?? 0) ^ 0x10, at);
        host.files.set(url, flipped);
        const isUnsignedPart = file.endsWith('.apk') && at < 200;
        const problem = await host.make().then(
          () => undefined,
          (error: unknown) => error,
        );
        if (problem === undefined) assert.equal(isUnsignedPart, true, `${file} at ${at}`);
        else {
          assert.ok(problem instanceof ShaleError);
          assert.match(problem.code, /^(SIGNATURE_INVALID|HASH_MISMATCH|APK_MALFORMED|TAR_\w+|COMPRESS_\w+)$/);
          assert.ok(problem.message.includes(file), problem.message);
        }
        host.files.set(url, bytes);
        rmSync(join(host.folder, 'cache'), { recursive: true });
        mkdirSync(join(host.folder, 'cache'));
      }
    }
    await host.make();
  }));

test('makeAlpineBase() refuses a package that is longer or another one than the index says', () =>
  withHost(async (host) => {
    const url = `${REPOSITORY}/x86_64/app-1.0-r0.apk`;
    const bytes = host.files.get(url) ?? assert.fail();
    host.files.set(url, Buffer.concat([bytes, gzipSync('more')]));
    await assert.rejects(host.make(), { code: 'HASH_MISMATCH', message: /app-1\.0-r0\.apk/ });
    host.files.set(url, host.files.get(`${REPOSITORY}/x86_64/liba-1.0-r0.apk`) ?? assert.fail());
    await assert.rejects(host.make(), { code: 'HASH_MISMATCH' });
    host.files.delete(url);
    await assert.rejects(host.make(), { code: 'FETCH_NOT_FOUND' });
  }));

test('an index that is older than the last one seen is refused, unless that is meant', () =>
  withHost(async (host) => {
    await host.make();
    host.serve(PACKAGES.map((each) => ({ ...each, builtAt: TEST_BUILT_AT - 1000 })));
    await assert.rejects(host.make(), { code: 'LIST_OUTDATED', hint: /--allow-outdated/ });
    await host.make({ checkAge: false });
    host.serve(PACKAGES.map((each) => ({ ...each, builtAt: TEST_BUILT_AT + 1000 })));
    await host.make();
    assert.deepEqual([...host.seen.values()], [TEST_BUILT_AT + 1000]);
  }));

test('files of apk-tools 3 are refused with their name', () =>
  withHost(async (host) => {
    host.files.set(`${REPOSITORY}/x86_64/APKINDEX.tar.gz`, Buffer.from('ADBd\0\0\0\0'));
    await assert.rejects(host.make(), { code: 'APK_VERSION_3', message: /APKINDEX\.tar\.gz/ });
  }));

const HOSTILE: readonly (readonly [why: string, file: TestApkFile | readonly TestApkFile[], code: RegExp])[] = [
  ['a name that climbs out', { path: '../../etc/passwd', content: 'x' }, /^TAR_PATH$/],
  ['a name with control characters', { path: 'etc/a\nb', content: 'x' }, /^APK_MALFORMED$/],
  ['a file without a checksum', { path: 'etc/a', content: 'x', checksum: null }, /^APK_MALFORMED$/],
  ['a file with a wrong checksum', { path: 'etc/a', content: 'x', checksum: '0'.repeat(40) }, /^APK_MALFORMED$/],
  ['a hard link to a file of others', { path: 'etc/a', hardlink: 'etc/passwd' }, /^APK_MALFORMED$/],
  ['a file in place of a folder', [{ path: 'etc/' }, { path: 'etc', content: 'x' }], /^APK_MALFORMED$/],
];

for (const [why, file, code] of HOSTILE) {
  test(`a package with ${why} is refused`, () =>
    withHost(async (host) => {
      host.serve([{ name: 'app', version: '1-r0', files: Array.isArray(file) ? file : [file] }]);
      await assert.rejects(host.make(), (error: ShaleError) => code.test(error.code) || assert.fail(error));
    }));
}

test('a link in a package leads nowhere but into the image', () =>
  withHost(async (host) => {
    host.serve([
      { name: 'app', version: '1-r0', depends: 'evil', files: [{ path: 'etc/link/x', content: 'inside' }] },
      { name: 'evil', version: '1-r0', files: [{ path: 'etc/link', symlink: '../../../tmp/outside' }] },
    ]);
    await host.make();
    assert.equal((await contents(host.layer)).get('tmp/outside/x'), 'inside');
    assert.equal(existsSync('/tmp/outside/x'), false);
  }));

test('two packages that ship the same file are refused, unless one replaces the other', () =>
  withHost(async (host) => {
    const two = (more: Partial<TestApk>): readonly TestApk[] => [
      { name: 'app', version: '1-r0', depends: 'b', files: [{ path: 'etc/x', content: 'app' }], ...more },
      { name: 'b', version: '1-r0', files: [{ path: 'etc/x', content: 'b' }] },
    ];
    host.serve(two({}));
    await assert.rejects(host.make(), { code: 'FILE_CONFLICT', message: /app.*\/etc\/x|\/etc\/x/ });
    host.serve(two({ replaces: 'b' }));
    await host.make();
    assert.equal((await contents(host.layer)).get('etc/x'), 'app');
  }));

test('an index with malformed lines, versions or checksums is refused', () =>
  withHost(async (host) => {
    for (const text of [
      'P app\n',
      'C:Q1x\nP:app\nV:1\n',
      'C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:../x\nV:1\n',
      `C:Q1${'A'.repeat(27)}=\nP:app\nV:x_y\n`,
    ]) {
      host.files.set(`${REPOSITORY}/x86_64/APKINDEX.tar.gz`, signIndexText(text, SIGNER));
      await assert.rejects(host.make(), { code: 'APK_MALFORMED' }, text);
    }
  }));

test('what cannot be had says who asked for it, and why nothing provides it', () =>
  withHost(async (host) => {
    host.serve([
      { name: 'app', version: '1-r0', depends: 'b>2' },
      { name: 'b', version: '1-r0' },
    ]);
    await assert.rejects(host.make(), {
      code: 'DEPENDENCY_UNSATISFIED',
      message: 'b, asked for by app-1-r0 (b>2), cannot be had: b-1-r0: app-1-r0 asks for b>2',
    });
    await assert.rejects(host.make({ packages: ['missing'] }), {
      message: /missing, asked for by you \(missing\), cannot be had: no package provides it/,
    });
    await assert.rejects(host.make({ packages: ['a b<'] }), { code: 'APK_DEPENDENCY' });
  }));

test('a version that cannot be had is passed over for one that can', () =>
  withHost(async (host) => {
    host.serve([...PACKAGES, { name: 'app', version: '2-r0', depends: 'nowhere' }]);
    assert.deepEqual(
      (await host.make()).packages.map(({ name, version }) => `${name}-${version}`),
      ['liba-1.0-r0', 'app-1.0-r0'],
    );
  }));

test('scripts without a shell are refused before anything runs', () =>
  withHost(async (host) => {
    host.serve([
      {
        name: 'app',
        version: '1-r0',
        scripts: { 'post-install': '#!/bin/sh\n' },
        files: [{ path: 'etc/app', content: 'x' }],
      },
    ]);
    await assert.rejects(host.make({ scripts: 'container' }), {
      code: 'CONFIGURE_FAILED',
      message: /app: there are scripts, and no \/bin\/sh/,
    });
    await host.make();
    assert.equal(readFileSync(join(host.folder, 'keys', SIGNER.name), 'utf8'), SIGNER.pem);
  }));
