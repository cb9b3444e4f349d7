/** Programs of others against `shale serve registry`: what they push can be run, and they get the very bytes back. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { debianTool } from '../support/debian-tools.ts';
import { Lab } from '../support/lab.ts';
import { blobOf } from '../support/registry-checks.ts';
import type { TestRegistry } from '../support/registry.ts';
import { serveLab } from '../support/serve-lab.ts';

const execute = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const program = isRoot ? debianTool('bookworm', 'skopeo', 'usr/bin/skopeo') : undefined;
const skip =
  (!isRoot && 'needs root: skopeo gives what it unpacks to its owners') ||
  (program === undefined && 'skopeo cannot be fetched');

describe('skopeo and shale serve registry', { skip }, () => {
  let lab: Lab;
  let server: TestRegistry;
  before(async () => {
    lab = await Lab.open();
    server = await serveLab(lab);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  async function skopeo(...args: readonly string[]): Promise<string> {
    const [command = '', ...rest] = args;
    const tls = command === 'copy' ? ['--src-tls-verify=false', '--dest-tls-verify=false'] : ['--tls-verify=false'];
    return (await execute(program ?? '', ['--insecure-policy', command, ...tls, ...rest])).stdout;
  }

  function remote(name: string): string {
    return `docker://${server.host}/${name}`;
  }

  for (const { kind, how, type } of [
    { kind: 'gzip', how: ['--format', 'oci', '--dest-compress-format', 'gzip'], type: 'v1.tar+gzip"' },
    { kind: 'zstd', how: ['--format', 'oci', '--dest-compress-format', 'zstd'], type: 'v1.tar+zstd"' },
    { kind: 'v2s2', how: ['--format', 'v2s2'], type: 'diff.tar.gzip"' },
  ] as const)
    test(`F-282: an image of skopeo with layers of ${type} is taken, and given back byte for byte`, async () => {
      // skopeo sends a layer as it has seen it before, whatever it is told: so each has one of its own.
      const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY f /f\nCMD ["x"]\n', f: `for ${kind}` });
      const { imageId } = await lab.build(context, { tags: [`made-${kind}:1`], platforms: ['linux/amd64'] });
      const archive = await save(`made-${kind}:1`);
      const name = `team/${kind}`;
      await skopeo('copy', ...how, `oci-archive:${archive}`, remote(`${name}:1`));
      const raw = await skopeo('inspect', '--raw', remote(`${name}:1`));
      assert.ok(raw.includes(type), raw);
      const { Id: id } = await lab.engine.inspect(`${name}:1`, 'image');
      assert.equal((await lab.read(String(id), '/f')).toString(), `for ${kind}`);
      // skopeo writes the config of docker's own format anew.
      if (kind !== 'v2s2') assert.equal(id, imageId);

      const folder = `dir:${join(lab.folder, `copy-${kind}`)}`;
      await skopeo('copy', '--preserve-digests', remote(`${name}:1`), folder);
      await skopeo('copy', '--preserve-digests', folder, remote(`${name}:2`));
      assert.equal(await skopeo('inspect', '--raw', remote(`${name}:2`)), raw);
      assert.equal(await skopeo('inspect', '--raw', remote(`${name}@${blobOf(raw).digest}`)), raw);
      const { Tags: tags } = JSON.parse(await skopeo('list-tags', remote(name))) as { Tags: string[] };
      assert.deepEqual(tags, ['1', '2']);
      // By its digest, so with all its tags.
      await skopeo('delete', remote(`${name}:1`));
      await assert.rejects(skopeo('inspect', '--raw', remote(`${name}:2`)));
      assert.equal((await lab.read(imageId, '/f')).toString(), `for ${kind}`);
    });

  async function save(image: string): Promise<string> {
    const path = join(lab.folder, `${image.replace(':', '-')}.tar`);
    const watch = { signal: AbortSignal.timeout(60_000) };
    await writeFile(path, lab.engine.save({ images: [image], format: 'oci' }, watch));
    return path;
  }
});

describe(
  'shale serve registry with TLS',
  { skip: spawnSync('openssl', ['version']).status !== 0 && 'openssl is not installed' },
  () => {
    test('is spoken to by who trusts its certificate, and says when that cannot be used', async () => {
      await using lab = await Lab.open();
      const [certFile, keyFile] = [join(lab.folder, 'cert.pem'), join(lab.folder, 'key.pem')];
      const subject = ['-subj', '/CN=shale', '-addext', 'subjectAltName=IP:127.0.0.1'];
      const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
      await execute('openssl', ['req', '-x509', ...made, ...subject, '-keyout', keyFile, '-out', certFile]);
      await using server = await serveLab(lab, { tls: { certFile, keyFile } });
      const status = async (ca?: Buffer): Promise<number> =>
        new Promise((resolve, reject) => {
          const options = ca === undefined ? { agent: false } : { agent: false, ca };
          const asked = get(`https://${server.host}/v2/`, options, (answer) => {
            answer.resume();
            resolve(answer.statusCode ?? 0);
          });
          asked.on('error', reject);
        });
      assert.equal(await status(await readFile(certFile)), 200);
      await assert.rejects(status(), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
      await assert.rejects(serveLab(lab, { tls: { certFile: keyFile, keyFile } }), { code: 'SERVE_FAILED' });
      await assert.rejects(serveLab(lab, { tls: { certFile: '/none', keyFile } }), { code: 'SERVE_FAILED' });
    });
  },
);
