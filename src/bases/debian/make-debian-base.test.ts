import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { ShaleError } from '../../base/index.ts';
import type { BaseImage } from './make-debian-base.ts';
import { debFile } from './test-deb.ts';
import { KEY, listLayer, MIRROR, RELEASED, sha256, withHost } from './make-debian-base.fixture.ts';

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
        await assert.rejects(host.make(), { code: 'HASH_MISMATCH' });
        assert.equal(existsSync(join(host.folder, 'cache', sha256(bytes))), false);
      }
      mirror.files.set(url, bytes);
      await host.make();
    });
  }
});

test('one flipped byte of InRelease, of the list or of a package is refused by name, and never kept', async () => {
  await withHost(async (host, mirror) => {
    for (const [url, bytes] of new Map(mirror.files)) {
      // Nothing depends on the last package, so it is not fetched.
      if (url.includes('extra')) continue;
      const isSigned = url.endsWith('InRelease');
      const text = bytes.toString('latin1');
      // Lines between the text and the signature, and comments in it, are nobody's.
      const places = isSigned ? ['Suite', 'trixie', 'Date', ' main/'].map((word) => text.indexOf(word)) : [];
      for (const at of isSigned ? places : [0, 30, bytes.length >> 1, bytes.length - 1]) {
        const flipped = Buffer.from(bytes);
        flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
        mirror.files.set(url, flipped);
        await assert.rejects(host.make(), (error: ShaleError) => {
          assert.equal(error.code, isSigned ? 'SIGNATURE_INVALID' : 'HASH_MISMATCH');
          assert.ok(error.message.includes(url), error.message);
          return true;
        });
        assert.equal(existsSync(join(host.folder, 'cache', sha256(flipped))), false);
        mirror.files.set(url, bytes);
        rmSync(join(host.folder, 'cache'), { recursive: true });
        mkdirSync(join(host.folder, 'cache'));
      }
    }
    await host.make();
  });
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
