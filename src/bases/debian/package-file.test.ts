import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIRROR, withHost } from './make-debian-base.fixture.ts';
import { readPackageFile } from './package-file.ts';

test('readPackageFile() gives a file of a package by the signed lists, and refuses other bytes', async () => {
  await withHost(async (host, mirror) => {
    const read = (name: string, path: string): Promise<Buffer> =>
      readPackageFile(
        {
          suite: 'stable',
          architecture: 'amd64',
          name,
          isWanted: (each) => each === path,
          keyrings: [join(host.folder, 'keyring.gpg')],
        },
        host,
      );
    const path = 'usr/share/doc/libx/README';
    assert.equal((await read('libx', path)).toString(), 'r');
    await assert.rejects(read('libx', 'usr/share/other'), { code: 'DEB_MALFORMED' });
    await assert.rejects(read('liby', path), { code: 'PACKAGE_NOT_FOUND' });
    const url = `${MIRROR}/pool/main/apt_1+1.deb`;
    const bytes = Buffer.from(mirror.files.get(url) ?? '');
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
    mirror.files.set(url, bytes);
    await assert.rejects(read('apt', 'bin/apt'), { code: 'HASH_MISMATCH', message: /apt_1\+1\.deb is not what/ });
  });
});
