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
import type { BaseHost, StepRequest } from '../host.ts';
import { parseKeyring } from '../openpgp/keyring.ts';
import { TestKey } from '../openpgp/test-key.ts';
import { TarFileWriter } from '../rootfs/tar-file.ts';
import { plainInode } from '../rootfs/tree.ts';
import { type BaseImage, makeDebianBase } from './make-debian-base.ts';
import type { DebianBaseOptions } from './options.ts';
import { debFile, type TestDeb } from './test-deb.ts';

const MIRROR = 'http://mirror.example/debian';
const RELEASED = Date.UTC(2026, 8, 12) / 1000;
const KEY = new TestKey({ algorithm: 'ed25519-legacy', createdAt: RELEASED - 1000 });

const DEBS: readonly TestDeb[] = [
  {
    control: 'Package: base-files\nVersion: 13\nArchitecture: amd64\nEssential: yes\nPriority: required',
    scripts: { preinst: '#!/bin/sh\n', conffiles: '/etc/issue\n' },
    files: [
      ['usr/'],
      ['usr/bin/'],
      ['etc/'],
      ['etc/issue', 'Test'],
      ['bin', '-> usr/bin'],
      ['tmp/', '', 0o1777],
      ['var/'],
      ['var/log/'],
    ],
  },
  {
    control: 'Package: dpkg\nVersion: 1.22\nArchitecture: amd64\nEssential: yes\nPriority: required\nPre-Depends: libx',
    files: [['usr/'], ['usr/bin/'], ['usr/bin/dpkg', 'x', 0o755]],
  },
  {
    control: 'Package: libx\nVersion: 2\nArchitecture: amd64\nMulti-Arch: same',
    files: [
      ['usr/'],
      ['usr/share/'],
      ['usr/share/doc/'],
      ['usr/share/doc/libx/'],
      ['usr/share/doc/libx/README', 'r'],
      ['usr/share/doc/libx/copyright', 'c'],
    ],
  },
  {
    control: 'Package: apt\nVersion: 3\nArchitecture: amd64\nPriority: required\nDepends: libx (>= 2)',
    files: [['bin/'], ['bin/apt', 'x', 0o755]],
  },
  { control: 'Package: extra\nVersion: 1\nArchitecture: all', files: [] },
];

interface Repository {
  /** What the mirror serves, by URL. */
  readonly files: Map<string, Buffer>;
  release: string;
  sign(): void;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function repository(): Repository {
  const files = new Map<string, Buffer>();
  const paragraphs = DEBS.map((deb) => {
    const bytes = debFile(deb, '.gz', (plain) => gzipSync(plain));
    const name = /^Package: (.*)$/m.exec(deb.control)?.[1] ?? '';
    const path = `pool/main/${name}_1+1.deb`;
    files.set(`${MIRROR}/${path}`, bytes);
    return `${deb.control}\nFilename: ${path}\nSize: ${bytes.length}\nSHA256: ${sha256(bytes)}\n`;
  });
  const packages = gzipSync(paragraphs.join('\n'));
  files.set(`${MIRROR}/dists/stable/main/binary-amd64/by-hash/SHA256/${sha256(packages)}`, packages);
  const made: Repository = {
    files,
    release:
      `Suite: stable\nCodename: trixie\nVersion: 13.7\nDate: ${new Date(RELEASED * 1000).toUTCString()}\n` +
      `Valid-Until: ${new Date((RELEASED + 7 * 86_400) * 1000).toUTCString()}\nAcquire-By-Hash: yes\nArchitectures: all amd64\n` +
      `SHA256:\n ${sha256(packages)} ${packages.length} main/binary-amd64/Packages.gz`,
    sign: () =>
      void files.set(`${MIRROR}/dists/stable/InRelease`, KEY.clearsign(made.release, { createdAt: RELEASED })),
  };
  made.sign();
  return made;
}

class FakeHost implements BaseHost {
  readonly requests: string[] = [];
  readonly steps: StepRequest[] = [];
  readonly folder: string;
  readonly files: ReadonlyMap<string, Buffer>;
  exitCode = 0;
  script = '';
  now: () => Date = () => new Date((RELEASED + 3600) * 1000);
  /** What stands in for dpkg --configure: every package is installed afterwards. */
  configured: (status: string) => string = (status) =>
    status.replaceAll('install ok unpacked', 'install ok installed').replaceAll(' newconffile', ' 0123');

  constructor(folder: string, files: ReadonlyMap<string, Buffer>) {
    this.folder = folder;
    this.files = files;
    mkdirSync(join(folder, 'cache'), { recursive: true });
    writeFileSync(join(folder, 'keyring.gpg'), KEY.certificate);
  }

  readonly aptSources: BaseHost['aptSources'] = async () => [
    { path: 'sources.list', text: `deb ${MIRROR} trixie main` },
  ];

  readonly fetcher: BaseHost['fetcher'] = {
    fetch: async (url) => {
      this.requests.push(url.slice(MIRROR.length));
      const bytes = this.files.get(url);
      if (bytes === undefined) throw new ShaleError('FETCH_NOT_FOUND', `${url} is not there`);
      return streamOf(bytes.subarray(0, 10), bytes.subarray(10));
    },
  };

  readonly cache: BaseHost['cache'] = {
    find: async (hash) => (existsSync(join(this.folder, 'cache', hash)) ? join(this.folder, 'cache', hash) : undefined),
    put: async (hash, stream) => {
      const bytes = await collect(stream, 1e9, 'download');
      writeFileSync(join(this.folder, 'cache', hash), bytes);
      return join(this.folder, 'cache', hash);
    },
  };

  readonly seen = new Map<string, number>();
  readonly seenLists: BaseHost['seenLists'] = {
    find: async (name) => this.seen.get(name),
    record: async (name, madeAt) => void this.seen.set(name, madeAt),
  };

  readonly runner: BaseHost['runner'] = {
    run: async (request) => {
      this.steps.push(request);
      request.onOutput(Buffer.from('Setting up everything\ndpkg: error\n'));
      const changesTar = `${request.rootfsTar}.changes`;
      using tar = new TarFileWriter(changesTar);
      let status = '';
      for await (const { entry, content } of readTar(streamOf(readFileSync(request.rootfsTar)))) {
        if (entry.path === 'var/lib/dpkg/status') status = (await collect(content, 1e6, 'status')).toString();
        if (`/${entry.path}` === request.args[1]) this.script = (await collect(content, 1e6, 'script')).toString();
      }
      const write = (path: string, text: string): void => {
        tar.startEntry(path, plainInode('file', 0o640, BigInt(Date.now()) * 1_000_000n), text.length);
        tar.writeContent(Buffer.from(text));
        tar.endContent();
      };
      write('var/lib/dpkg/status', this.configured(status));
      write('var/log/dpkg.log', `${Date.now()}`);
      write('etc/machine-id', `${Math.random()}`);
      write('etc/shadow', 'root:*:99999:0:99999:7:::\n');
      write('etc/.wh.issue.dpkg-new', '');
      write('tmp/left', 'over');
      tar.finish();
      return { exitCode: this.exitCode, changesTar };
    },
  };

  layer: Buffer = Buffer.alloc(0);

  readonly layers: BaseHost['layers'] = {
    tarOf: () => assert.fail('no tar is asked for'),
    write: async (stream: ByteStream) => {
      this.layer = await collect(stream, 1e9, 'layer');
      return { diffId: asDiffId(digestFromHex(sha256(this.layer))), sizeBytes: this.layer.length };
    },
  };

  async makeWorkFolder(): ReturnType<BaseHost['makeWorkFolder']> {
    const path = mkdtempSync(join(this.folder, 'work-'));
    return { path, [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true }) };
  }

  make(options: Partial<DebianBaseOptions> = {}): Promise<BaseImage> {
    return makeDebianBase(
      {
        architecture: 'amd64',
        scripts: 'container',
        tool: 'shale 1',
        keyrings: [join(this.folder, 'keyring.gpg')],
        ...options,
      },
      this,
    );
  }
}

async function withHost(work: (host: FakeHost, mirror: Repository) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'shale-base-'));
  try {
    const mirror = repository();
    await work(new FakeHost(folder, mirror.files), mirror);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('work-')),
      [],
      'work folders are removed',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function listLayer(layer: Buffer): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  for await (const { entry, content } of readTar(streamOf(layer))) {
    assert.ok(entry.mtimeNs <= BigInt(RELEASED) * 1_000_000_000n, `${entry.path} is newer than the epoch`);
    entries.set(
      entry.path,
      entry.kind === 'file'
        ? (await collect(content, 1e6, entry.path)).toString()
        : `${entry.kind} ${entry.linkTarget}`,
    );
  }
  return entries;
}

test('makeDebianBase() makes one normalised layer and a config like the official one', async () => {
  await withHost(async (host) => {
    const image = await host.make();
    const entries = await listLayer(host.layer);
    assert.equal(image.codename, 'trixie');
    assert.deepEqual(
      image.packages.map((each) => each.name),
      ['libx', 'apt', 'base-files', 'dpkg'],
    );
    assert.deepEqual(image.config, {
      architecture: 'amd64',
      os: 'linux',
      created: '2026-09-12T00:00:00Z',
      config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['bash'] },
      diffIds: [image.layer.diffId],
      history: [
        {
          created: '2026-09-12T00:00:00Z',
          createdBy: `# debian --suite 'stable' --arch 'amd64' '@${RELEASED}'`,
          comment: 'shale 1',
        },
      ],
    });
    assert.equal(entries.get('usr/bin/apt'), 'x');
    assert.equal(entries.get('etc/issue'), 'Test');
    assert.equal(entries.has('etc/issue.dpkg-new'), false);
    assert.equal(entries.get('etc/machine-id'), '');
    assert.equal(entries.get('etc/shadow'), `root:*:${RELEASED / 86_400}:0:99999:7:::\n`);
    assert.equal(entries.has('var/log/dpkg.log'), false);
    assert.equal(entries.has('tmp/left'), false);
    assert.match(
      entries.get('etc/apt/sources.list.d/debian.sources') ?? '',
      /URIs: http:\/\/mirror\.example\/debian\nSuites: stable\n/,
    );
    assert.match(
      entries.get('var/lib/apt/extended_states') ?? '',
      /^Package: apt\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: base-files\n/,
    );
    assert.equal(entries.get('usr/share/doc/libx/README'), 'r');
    assert.equal(entries.has('etc/dpkg/dpkg.cfg.d/docker'), false);
  });
});

test('makeDebianBase() runs preinst scripts, then the essential packages, then the rest', async () => {
  await withHost(async (host) => {
    await host.make();
    const lines = host.script.trim().split('\n');
    assert.match(lines.at(-5) ?? '', /RUNNING_VERSION='1.22'$/);
    assert.match(
      lines.at(-4) ?? '',
      /^DPKG_MAINTSCRIPT_PACKAGE='base-files' .*'\/var\/lib\/dpkg\/info\/base-files.preinst' install$/,
    );
    assert.deepEqual(lines.slice(-2), [
      "dpkg --force-depends --configure 'libx:amd64' 'base-files' 'dpkg'",
      'dpkg --configure -a',
    ]);
    assert.equal(host.steps[0]?.env['SOURCE_DATE_EPOCH'], String(RELEASED));
    assert.equal((await listLayer(host.layer)).has('var/lib/dpkg/shale-configure'), false);
  });
});

test('makeDebianBase() gives the same layer in another folder at another time, and downloads nothing twice', async () => {
  const ids: string[] = [];
  for (const hours of [1, 30]) {
    await withHost(async (host) => {
      host.now = () => new Date((RELEASED + hours * 3600) * 1000);
      ids.push((await host.make()).layer.diffId);
      const before = host.requests.length;
      ids.push((await host.make()).layer.diffId);
      assert.deepEqual(host.requests.slice(before), ['/dists/stable/InRelease']);
    });
  }
  assert.equal(new Set(ids).size, 1);
});

test('makeDebianBase() leaves documentation out of slim images and says so to dpkg; the key tells them apart', async () => {
  await withHost(async (host) => {
    const whole = await host.make();
    const slim = await host.make({ slim: true, include: ['extra'] });
    const entries = await listLayer(host.layer);
    assert.equal(entries.get('usr/share/doc/libx/copyright'), 'c');
    assert.equal(entries.has('usr/share/doc/libx/README'), false);
    assert.match(entries.get('etc/dpkg/dpkg.cfg.d/docker') ?? '', /path-exclude \/usr\/share\/doc\/\*\n/);
    assert.notEqual(whole.key, slim.key);
    assert.ok(slim.packages.some((each) => each.name === 'extra'));
  });
});

test('makeDebianBase() takes a layer that was made before by its key', async () => {
  await withHost(async (host) => {
    const known = new Map<string, BaseImage['layer']>();
    const remembering = {
      ...host.layers,
      find: async (key: string) => known.get(key),
      record: async (key: string, layer: BaseImage['layer']) => void known.set(key, layer),
    };
    Object.defineProperty(host, 'layers', { value: remembering });
    const first = await host.make();
    const second = await host.make();
    assert.deepEqual(second, first);
    assert.equal(host.steps.length, 1);
  });
});

test('makeDebianBase() refuses what the signature does not cover', async () => {
  await withHost(async (host, mirror) => {
    const url = `${MIRROR}/dists/stable/InRelease`;
    const good = mirror.files.get(url) ?? Buffer.alloc(0);
    mirror.files.set(url, Buffer.from(good.toString().replace('13.7', '13.8')));
    await assert.rejects(host.make(), { code: 'SIGNATURE_INVALID' });
    await assert.rejects(host.make({ keyrings: [] }), { code: 'SIGNATURE_INVALID' });
    mirror.files.delete(url);
    await assert.rejects(host.make(), { code: 'SUITE_NOT_FOUND' });
  });
});

test('makeDebianBase() refuses packages and lists with other bytes than the signed lists say, and keeps nothing of them', async () => {
  for (const part of ['by-hash', 'libx']) {
    await withHost(async (host, mirror) => {
      const [url, bytes] = [...mirror.files].find(([each]) => each.includes(part)) ?? ['', Buffer.alloc(0)];
      for (const bad of [
        Buffer.concat([bytes, Buffer.from('x')]),
        bytes.subarray(1),
        Buffer.from(bytes).fill(0, 30, 31),
        Buffer.alloc(0),
      ]) {
        mirror.files.set(url, bad);
        await assert.rejects(
          host.make(),
          (error: { code?: string }) =>
            error.code === 'HASH_MISMATCH' || (part === 'by-hash' && error.code === 'FETCH_NOT_FOUND'),
        );
        assert.equal(existsSync(join(host.folder, 'cache', sha256(bytes))), false);
      }
      mirror.files.set(url, bytes);
      await host.make();
    });
  }
});

test('makeDebianBase() refuses an old suite under the name of another, and a mirror that is frozen', async () => {
  await withHost(async (host, mirror) => {
    host.now = () => new Date((RELEASED + 30 * 86_400) * 1000);
    await assert.rejects(host.make(), { code: 'RELEASE_EXPIRED' });
    await host.make({ isSnapshot: true });
    mirror.release = mirror.release.replace('stable', 'oldstable').replace('trixie', 'bookworm');
    mirror.sign();
    await assert.rejects(host.make({ isSnapshot: true }), { code: 'RELEASE_MALFORMED' });
  });
});

test('makeDebianBase() says which architectures a suite has, and which names are none', async () => {
  await withHost(async (host) => {
    await assert.rejects(host.make({ architecture: 'arm64' }), {
      code: 'ARCHITECTURE_NOT_FOUND',
      hint: 'it has amd64',
    });
    await assert.rejects(host.make({ architecture: 'x86_64' }), { code: 'ARCHITECTURE_NOT_FOUND' });
  });
});

test('makeDebianBase() fails with what the scripts said when configuring fails, or is left half done', async () => {
  await withHost(async (host) => {
    host.exitCode = 1;
    await assert.rejects(host.make(), {
      code: 'CONFIGURE_FAILED',
      message: /exit code 1: Setting up everything \| dpkg: error$/,
    });
    host.exitCode = 0;
    host.configured = (status) => status.replace('install ok unpacked', 'install ok installed');
    await assert.rejects(host.make(), { code: 'CONFIGURE_FAILED', message: /base-files \(install ok unpacked\)/ });
  });
});

test('makeDebianBase() stops when it is told to, and when a download is missing', async () => {
  await withHost(async (host, mirror) => {
    await assert.rejects(host.make({ signal: AbortSignal.abort(new Error('enough')) }), /enough/);
    const controller = new AbortController();
    const stop = host.make({
      signal: controller.signal,
      onProgress: (event) => (event.kind === 'unpacked' ? controller.abort(new Error('enough')) : undefined),
    });
    await assert.rejects(stop, /enough/);
    mirror.files.delete(`${MIRROR}/pool/main/apt_1+1.deb`);
    rmSync(join(host.folder, 'cache'), { recursive: true });
    mkdirSync(join(host.folder, 'cache'));
    await assert.rejects(host.make(), { code: 'FETCH_NOT_FOUND' });
  });
});

test('makeDebianBase() takes newer versions from the security archive, whose date is then the epoch', async () => {
  await withHost(async (host, mirror) => {
    const deb = debFile({
      control: 'Package: libx\nVersion: 2+deb13u1\nArchitecture: amd64\nMulti-Arch: same',
      files: [['fixed', 'yes']],
    });
    const security = 'http://mirror.example/debian-security';
    const packages = gzipSync(
      `Package: libx\nVersion: 2+deb13u1\nArchitecture: amd64\nMulti-Arch: same\nFilename: pool/libx.deb\nSize: ${deb.length}\nSHA256: ${sha256(deb)}\n`,
    );
    const release = mirror.release
      .replace('Suite: stable', 'Suite: stable-security')
      .replace('Codename: trixie', 'Codename: trixie-security');
    const later = release
      .replace(/Date: .*/, `Date: ${new Date((RELEASED + 600) * 1000).toUTCString()}`)
      .replace(/ [0-9a-f]{64} .*/, ` ${sha256(packages)} ${packages.length} main/binary-amd64/Packages.gz`)
      .replace('Acquire-By-Hash: yes\n', '');
    mirror.files.set(`${security}/dists/trixie-security/InRelease`, KEY.clearsign(later, { createdAt: RELEASED }));
    mirror.files.set(`${security}/dists/trixie-security/main/binary-amd64/Packages.gz`, packages);
    mirror.files.set(`${security}/pool/libx.deb`, deb);
    const image = await host.make({ securityMirror: `${security}/` });
    assert.equal(image.packages.find((each) => each.name === 'libx')?.version, '2+deb13u1');
    assert.equal(image.epochSeconds, RELEASED + 600);
    assert.match(
      host.layer.toString('latin1'),
      /URIs: http:\/\/mirror\.example\/debian-security\nSuites: trixie-security\n/,
    );
  });
});

test('makeDebianBase() takes SOURCE_DATE_EPOCH for the date, and refuses what is none', async () => {
  await withHost(async (host) => {
    const image = await host.make({ epochSeconds: RELEASED - 86_400 });
    assert.equal(image.config.created, '2026-09-11T00:00:00Z');
    await assert.rejects(host.make({ epochSeconds: Number.NaN }), { code: 'EPOCH_INVALID' });
  });
});

test('makeDebianBase() makes an image of nothing but some packages, with their records for scanners', async () => {
  await withHost(async (host) => {
    const image = await host.make({ packages: ['libx'] });
    assert.deepEqual(
      image.packages.map(({ name }) => name),
      ['libx'],
    );
    assert.deepEqual(host.steps, [], 'nothing is run');
    const files = await listLayer(host.layer);
    assert.ok(files.has('usr/share/doc/libx/README'));
    assert.ok(files.has('var/lib/dpkg/status.d/libx'));
    for (const path of ['var/lib/dpkg/status', 'usr/bin/dpkg', 'etc/apt', 'bin/sh'])
      assert.equal(files.has(path), false, path);
    assert.ok(files.has('lib'), 'the loader lies behind this link');
    assert.match(host.layer.toString('latin1'), /nonroot:x:65532:65532/);
    assert.equal(image.config.config.Cmd, undefined);
    assert.equal(
      (await host.make({ packages: ['apt'], exclude: ['libx'] })).packages.length,
      1,
      'left out though wanted',
    );
    await assert.rejects(host.make({ packages: ['nothing'] }), { code: 'PACKAGE_NOT_FOUND' });
  });
});

test('makeDebianBase() leaves packages unpacked where no script is to run', async () => {
  await withHost(async (host) => {
    await host.make({ scripts: 'none' });
    assert.deepEqual(host.steps, []);
    assert.match(host.layer.toString('latin1'), /Status: install ok unpacked/);
    assert.equal((await listLayer(host.layer)).has('var/lib/dpkg/shale-configure'), false);
  });
});

test('makeDebianBase() refuses lists older than those seen before, unless that is meant or a snapshot', async () => {
  await withHost(async (host, mirror) => {
    await host.make();
    const date = (at: number): string => `Date: ${new Date(at * 1000).toUTCString()}`;
    mirror.release = mirror.release.replace(/Date: .*/, date(RELEASED - 86_400));
    mirror.sign();
    await assert.rejects(host.make(), { code: 'LIST_OUTDATED', message: /dists\/stable is of 2026-/ });
    await host.make({ checkAge: false });
    await host.make({ isSnapshot: true });
    assert.match(host.layer.toString('latin1'), /Check-Valid-Until: no/);
    assert.deepEqual([...host.seen.values()], [RELEASED]);
  });
});

test('makeDebianBase() pins keys by fingerprint', async () => {
  await withHost(async (host) => {
    await assert.rejects(host.make({ keyFingerprints: ['0'.repeat(40)] }), { code: 'KEYRING_UNREADABLE' });
    const ring = parseKeyring(KEY.certificate, 'test');
    await host.make({ keyFingerprints: [ring.keys[0]?.fingerprint.toLowerCase() ?? ''] });
  });
});

test('makeDebianBase() needs a mirror of security updates where updates are asked for', async () => {
  await withHost(async (host) => {
    await assert.rejects(host.make({ updates: true }), { code: 'MIRROR_UNKNOWN', hint: /--security-mirror/ });
  });
});
