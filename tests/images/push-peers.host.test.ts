/** Images pushed to the reference registry, and read by programs of others; and the other way round. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { debianTool } from '../support/debian-tools.ts';
import { imageOf, layerOf } from '../support/image-of.ts';
import { BUSYBOX, Lab } from '../support/lab.ts';
import { checkLayout, putBlob, sha256 } from '../support/oci-layout.ts';
import { registryProgram, startRegistry, type TestRegistry } from '../support/registry.ts';

/** Asks a server in a process of its own, with the client's certificate. */
const ASK = `
  import { readFileSync } from 'node:fs';
  const { send } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/http/index.ts'))});
  const [folder, url] = process.argv.slice(1);
  const [cert, key] = ['client.crt', 'client.key'].map((name) => readFileSync(folder + '/' + name, 'utf8'));
  const request = { area: 'REGISTRY', method: 'GET', url: new URL(url), headers: {}, signal: AbortSignal.timeout(20000) };
  const tls = () => ({ cert, key, verify: true });
  const answer = send({ ...request, isInsecureAllowed: () => false, tls }).then(({ status }) => status);
  process.stdout.write(String(await answer.catch((error) => error.code)));
  process.exit();
`;
const execute = promisify(execFile);
const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(120_000) });
const isRoot = process.getuid?.() === 0;
const programs =
  BUSYBOX.missing === false && isRoot
    ? { skopeo: debianTool('bookworm', 'skopeo', 'usr/bin/skopeo'), registry: registryProgram() }
    : undefined;
const skip =
  BUSYBOX.missing ||
  (!isRoot && 'needs root: skopeo gives what it unpacks to its owners') ||
  (programs?.skopeo === undefined || programs.registry === undefined
    ? 'skopeo and docker-registry cannot be fetched'
    : false);

describe('the reference registry', { skip }, () => {
  let lab: Lab;
  let registry: TestRegistry;
  before(async () => {
    lab = await Lab.open();
    registry = await startRegistry(programs?.registry ?? '', join(lab.folder, 'registry'));
    await lab.importBusybox();
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  async function skopeo(...args: readonly string[]): Promise<string> {
    const [command = '', ...rest] = args;
    const tls = command === 'copy' ? ['--src-tls-verify=false', '--dest-tls-verify=false'] : ['--tls-verify=false'];
    const all = ['--insecure-policy', command, ...tls, ...rest];
    return (await execute(programs?.skopeo ?? '', all, { maxBuffer: 64 * 1024 * 1024 })).stdout;
  }

  for (const compression of ['gzip', 'zstd', 'none'] as const) {
    test(`takes an image in ${compression}, which skopeo reads as what it is`, async () => {
      const name = `${registry.host}/team/pushed:${compression}`;
      const pushed = await lab.engine.push({ image: 'busybox', destination: name, compression, force: false }, watch());
      const raw = await skopeo('inspect', '--raw', `docker://${name}`);
      assert.equal(`sha256:${sha256(Buffer.from(raw))}`, pushed.digest);
      const layout = lab.newFolder();
      await skopeo('copy', '-q', `docker://${name}`, `oci:${layout}:x`);
      assert.deepEqual(checkLayout(layout), []);
      await using other = await Lab.open();
      const pulled = await other.engine.pull({ image: name }, watch());
      assert.equal(pulled.digest, pushed.digest);
      assert.equal(pulled.imageId, (await lab.engine.inspect('busybox', 'image'))['Id']);
    });
  }

  test('gives what skopeo pushed, which goes on to another name and registry with the very same bytes', async () => {
    const archive = join(lab.folder, 'busybox.tar');
    const parts: Uint8Array[] = [];
    for await (const chunk of lab.engine.save({ images: ['busybox'], format: 'docker' }, watch())) parts.push(chunk);
    writeFileSync(archive, Buffer.concat(parts));
    for (const format of ['v2s2', 'oci']) {
      const from = `${registry.host}/team/theirs:${format}`;
      await skopeo('copy', '-q', '--format', format, `docker-archive:${archive}`, `docker://${from}`);
      const before = await skopeo('inspect', '--raw', `docker://${from}`);
      await using other = await Lab.open();
      await other.engine.pull({ image: from }, watch());
      const to = `${registry.host}/else/where:${format}`;
      await other.engine.push({ image: from, destination: to, force: false }, watch());
      assert.equal(await skopeo('inspect', '--raw', `docker://${to}`), before);
    }
  });

  test('gives folders and archives that skopeo reads, and copies back byte for byte', async () => {
    const name = `${registry.host}/team/copied:1`;
    await lab.engine.push({ image: 'busybox', destination: name, force: false }, watch());
    const raw = await skopeo('inspect', '--raw', `docker://${name}`);
    const folder = lab.newFolder();
    for (const place of ['oci:layout:x', 'oci-archive:x.tar:x', 'dir:dir']) {
      const request = { source: `docker://${name}`, destination: place, folder, referrers: false };
      await lab.engine.copyImage(request, watch());
      const there = place.replace(/:/, `:${folder}/`);
      assert.equal(await skopeo('inspect', '--raw', there), raw, place);
      const theirs = `${registry.host}/team/theirs:${place.split(':')[0]}`;
      await skopeo('copy', '-q', '--preserve-digests', there, `docker://${theirs}`);
      assert.equal(await skopeo('inspect', '--raw', `docker://${theirs}`), raw, place);
    }
    const dir = lab.newFolder();
    await skopeo('copy', '-q', `docker://${name}`, `dir:${dir}`);
    const back = `docker://${registry.host}/team/back:1`;
    await lab.engine.copyImage({ source: `dir:${dir}`, destination: back, folder: '/', referrers: false }, watch());
    assert.equal(await skopeo('inspect', '--raw', back), raw);
    const archive = {
      source: `docker://${name}`,
      destination: 'docker-archive:d.tar:some/name:1',
      folder,
      referrers: false,
    };
    await lab.engine.copyImage(archive, watch());
    const config = JSON.parse(await skopeo('inspect', '--config', `docker-archive:${folder}/d.tar`)) as {
      rootfs: unknown;
    };
    assert.deepEqual(config.rootfs, JSON.parse(await skopeo('inspect', '--config', `docker://${name}`)).rootfs);
  });

  test('lists tags, deletes them, and has an index of several platforms', async () => {
    const layout = lab.newFolder();
    const manifests = ['amd64', 'arm64'].map((architecture) => {
      const image = imageOf([layerOf(architecture, 1000)], architecture);
      for (const bytes of [image.config, ...image.layers.map((layer) => layer.packed)]) putBlob(layout, bytes, 'x');
      const type = 'application/vnd.oci.image.manifest.v1+json';
      return { ...putBlob(layout, image.manifest, type), platform: { os: 'linux', architecture } };
    });
    const type = 'application/vnd.oci.image.index.v1+json';
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests }));
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    writeFileSync(
      join(layout, 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [putBlob(layout, index, type)] }),
    );
    const name = `${registry.host}/team/multi`;
    const request = { source: `oci:${layout}`, destination: `docker://${name}:1`, folder: '/', referrers: false };
    await lab.engine.copyImage(request, watch());
    assert.equal(await skopeo('inspect', '--raw', `docker://${name}:1`), index.toString());
    await lab.engine.pull({ image: `${name}:1`, allPlatforms: true }, watch());
    await lab.engine.push({ image: `${name}:1`, destination: `${name}:2`, force: false }, watch());
    assert.equal(await skopeo('inspect', '--raw', `docker://${name}:2`), index.toString());
    const { signal } = watch();
    assert.deepEqual((await Array.fromAsync(lab.engine.registry.tags(name, signal))).toSorted(), ['1', '2']);
    const repositories = await Array.fromAsync(lab.engine.registry.repositories(registry.host, signal));
    assert.ok(repositories.includes('team/multi'), String(repositories));
    await lab.engine.registry.remove(`${name}@sha256:${sha256(index)}`, signal);
    assert.deepEqual(await Array.fromAsync(lab.engine.registry.tags(name, signal)), []);
  });
});

describe(
  'a registry behind TLS',
  { skip: spawnSync('openssl', ['version']).status !== 0 && 'openssl is not installed' },
  () => {
    test('F-177: is spoken to with the authority and the client certificate of certs.d, and refused without', async () => {
      await using lab = await Lab.open();
      const { folder } = lab;
      const openssl = (...args: readonly string[]): void => {
        const made = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
        assert.equal(made.status, 0, made.stderr);
      };
      const key = ['-newkey', 'rsa:2048', '-nodes', '-days', '1'];
      openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=authority');
      for (const [who, subject] of [
        ['server', '/CN=registry.test'],
        ['client', '/CN=me'],
      ] as const) {
        openssl(
          'req',
          ...key.filter((word) => word !== '-days' && word !== '1'),
          '-keyout',
          `${who}.key`,
          '-out',
          `${who}.csr`,
          '-subj',
          subject,
        );
        writeFileSync(join(folder, `${who}.ext`), 'subjectAltName=DNS:registry.test,IP:127.0.0.1');
        openssl(
          'x509',
          '-req',
          '-in',
          `${who}.csr`,
          '-CA',
          'ca.crt',
          '-CAkey',
          'ca.key',
          '-CAcreateserial',
          '-days',
          '1',
          '-out',
          `${who}.crt`,
          '-extfile',
          `${who}.ext`,
        );
      }
      const { createServer } = await import('node:https');
      const read = (name: string): Buffer => readFileSync(join(folder, name));
      const seen: string[] = [];
      const options = {
        key: read('server.key'),
        cert: read('server.crt'),
        ca: read('ca.crt'),
        requestCert: true,
        rejectUnauthorized: true,
      };
      const server = createServer(options, (request, response) => {
        seen.push(
          String(
            (request.socket as { getPeerCertificate?: () => { subject: { CN: string } } }).getPeerCertificate?.()
              .subject.CN,
          ),
        );
        response.end('{}');
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
      const { checkLogin, certificatesIn } = await import('../../src/registry/index.ts');
      const ask = (certificates?: ReturnType<typeof certificatesIn>) =>
        checkLogin(host, {
          insecureHosts: [],
          signal: watch().signal,
          pause: async () => {},
          ...(certificates && { certificates }),
        });
      try {
        // It speaks TLS though it is on loopback, and wants to know who asks.
        await assert.rejects(ask());
        const { mkdirSync, copyFileSync } = await import('node:fs');
        const certs = join(folder, 'certs.d', host);
        mkdirSync(certs, { recursive: true });
        for (const [from, to] of [
          ['ca.crt', 'ca.crt'],
          ['client.crt', 'client.cert'],
          ['client.key', 'client.key'],
        ] as const)
          copyFileSync(join(folder, from), join(certs, to));
        await ask(certificatesIn([join(folder, 'certs.d')]));
        assert.deepEqual([...new Set(seen)], ['me']);
        // The machine's own list of authorities counts too: here it is one file.
        const { SSL_CERT_FILE: _, ...env } = process.env;
        const asked = async (more: Readonly<Record<string, string>>): Promise<string> => {
          const words = ['--input-type=module', '-e', ASK, folder, `https://${host}/`];
          return (await execute(process.execPath, words, { env: { ...env, ...more } })).stdout;
        };
        assert.match(await asked({}), /REGISTRY_UNREACHABLE/);
        assert.equal(await asked({ SSL_CERT_FILE: join(folder, 'ca.crt') }), '200');
      } finally {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    });
  },
);
