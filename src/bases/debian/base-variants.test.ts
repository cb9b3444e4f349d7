import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseKeyring } from '../openpgp/keyring.ts';
import { KEY, listLayer, RELEASED, withHost } from './make-debian-base.fixture.ts';

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
