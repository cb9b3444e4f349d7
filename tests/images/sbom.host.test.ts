/** Packages of images, beside what their package managers say. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { SbomReport } from '../../src/engine/index.ts';
import { ALPINE, cannotRun, Lab } from '../support/lab.ts';

const isDebian = spawnSync('dpkg-query', ['--version']).status === 0;

describe('shale sbom', () => {
  let lab: Lab;
  before(async () => void (lab = await Lab.open()));
  after(() => lab[Symbol.asyncDispose]());

  function sbom(image: string): Promise<SbomReport> {
    return lab.engine.sbom({ image, folder: lab.folder }, { signal: AbortSignal.timeout(60_000) });
  }

  test('lists what apk lists in a container', { skip: ALPINE.missing || cannotRun }, async () => {
    await lab.importRootfs(ALPINE.path, 'alpine:base', ['CMD ["/bin/sh"]']);
    const built = await lab.build({ dockerfile: 'FROM alpine:base\nRUN apk info -v | grep -v ^WARNING' });
    const listed = built.log.split('\n').filter((line) => /-r[0-9]+$/.test(line));
    assert.ok(listed.length > 5);
    const { packages, problems } = await sbom('alpine:base');
    assert.deepEqual(problems, []);
    assert.deepEqual(packages.map(({ name, version }) => `${name}-${version}`).toSorted(), listed.toSorted());
  });

  test('lists what dpkg-query lists', { skip: isDebian ? false : 'dpkg is not installed' }, async () => {
    const archive = join(lab.folder, 'dpkg.tar');
    const folders = ['var/lib/dpkg/status', 'var/lib/dpkg/info', 'usr/share/doc/dpkg', 'usr/lib/os-release'];
    execFileSync('tar', ['-C', '/', '-cf', archive, ...folders]);
    const format = '${Package} ${Version} ${Architecture} ${db:Status-Status}\n';
    const listed = execFileSync('dpkg-query', ['-W', '-f', format], { encoding: 'utf8', maxBuffer: 1 << 26 })
      .split('\n')
      .filter((line) => line !== '' && !/ (?:config-files|not-installed)$/.test(line))
      .map((line) => line.replace(/ [^ ]+$/, ''));
    await lab.importRootfs(archive, 'dpkg:test');
    const { packages, problems } = await sbom('dpkg:test');
    assert.deepEqual(problems, []);
    const ours = packages.map(({ name, version, architecture = '' }) => `${name} ${version} ${architecture}`);
    assert.deepEqual(ours.toSorted(), listed.toSorted());
    const dpkg = packages.find(({ name }) => name === 'dpkg');
    assert.ok(dpkg?.licences.includes('GPL-2+'), String(dpkg?.licences));
  });

  test('gives the same document for an image in the store and in an archive', { skip: ALPINE.missing }, async () => {
    await lab.importRootfs(ALPINE.path, 'alpine:twice', ['CMD ["/bin/sh"]']);
    const folder = lab.newFolder();
    await lab.engine.copyImage(
      { source: 'store:alpine:twice', destination: 'oci:layout:a', folder, referrers: false },
      { signal: AbortSignal.timeout(60_000) },
    );
    const there = await lab.engine.sbom({ image: 'oci:layout:a', folder }, { signal: AbortSignal.timeout(60_000) });
    const here = await sbom('alpine:twice');
    for (const format of ['spdx', 'cyclonedx'] as const) assert.equal(there.document(format), here.document(format));
    await assert.rejects(sbom('not:there'), { code: 'IMAGE_NOT_FOUND' });
  });
});
