/**
 * Clients of others with `shale serve registry`, and with Debian's docker-registry beside it: what shale pushed they take as
 * it is, what they push shale takes as it is, and manifests keep their bytes. Those that are not there are skipped: crane and
 * oras come from Debian, docker, podman and buildah are looked for in PATH.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { debianTool } from '../support/debian-tools.ts';
import { Lab } from '../support/lab.ts';
import { blobOf, RegistryProbe } from '../support/registry-checks.ts';
import { registryProgram, startRegistry, type TestRegistry } from '../support/registry.ts';
import { serveLab } from '../support/serve-lab.ts';

const execute = promisify(execFile);
const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(120_000) });
const isRoot = process.getuid?.() === 0;
const MANIFESTS = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';

/** A program that pulls images into a store of its own and pushes them from there. */
interface Engine {
  readonly name: 'docker' | 'podman' | 'buildah';
  readonly insecure: readonly string[];
  /** Prints the id of an image, with or without its algorithm. */
  readonly id: readonly string[];
  readonly asks: readonly string[];
}

const ENGINES: readonly Engine[] = [
  { name: 'docker', insecure: [], id: ['image', 'inspect', '--format', '{{.Id}}'], asks: ['version'] },
  {
    name: 'podman',
    insecure: ['--tls-verify=false'],
    id: ['image', 'inspect', '--format', '{{.Id}}'],
    asks: ['info'],
  },
  {
    name: 'buildah',
    insecure: ['--tls-verify=false'],
    id: ['inspect', '--type', 'image', '--format', '{{.FromImageID}}'],
    asks: ['info'],
  },
];

/** Why an engine cannot take part; false when it can. */
function missing({ name, asks }: Engine): string | false {
  try {
    execFileSync(name, asks, { stdio: 'ignore', timeout: 30_000 });
    return false;
  } catch {
    return `${name} is not in PATH, or does not run`;
  }
}

const program = registryProgram();

for (const server of ['shale serve registry', 'docker-registry'] as const) {
  const skip = server === 'docker-registry' && program === undefined && 'docker-registry cannot be fetched';
  describe(`clients of others with ${server}`, { skip }, () => {
    let lab: Lab;
    let registry: TestRegistry;
    let probe: RegistryProbe;
    /** What shale pushed as `team/made:1`. */
    let made: { readonly imageId: string; readonly digest: string };
    before(async () => {
      lab = await Lab.open();
      registry =
        server === 'docker-registry'
          ? await startRegistry(program ?? '', join(lab.folder, 'registry'))
          : await serveLab(lab);
      probe = new RegistryProbe(registry.host);
      // From a store of its own, so that the server has it from the push alone.
      await using own = await Lab.open();
      const { imageId } = await own.build(
        own.context({ Dockerfile: 'FROM scratch\nCOPY f /f\nCMD ["/f"]\n', f: server }),
        {
          tags: ['made:1'],
          platforms: ['linux/amd64'],
        },
      );
      const destination = `${registry.host}/team/made:1`;
      const { digest } = await own.engine.push({ image: 'made:1', destination, force: false }, watch());
      made = { imageId, digest };
    });
    after(async () => {
      await registry[Symbol.asyncDispose]();
      await lab[Symbol.asyncDispose]();
    });

    const remote = (name: string): string => `${registry.host}/${name}`;

    async function digestOf(repository: string, reference: string): Promise<unknown> {
      const headers = { Accept: MANIFESTS };
      const { headers: got } = await probe.ask('HEAD', `/v2/${repository}/manifests/${reference}`, { headers });
      return got['docker-content-digest'];
    }

    /** Pulls into an empty store. */
    async function pulled(name: string): Promise<{ readonly id: string; readonly digest: string }> {
      await using other = await Lab.open();
      const { imageId, digest } = await other.engine.pull({ image: remote(name), platform: 'linux/amd64' }, watch());
      assert.equal((await other.read(imageId, '/f')).toString(), server);
      return { id: imageId, digest };
    }

    test('F-282: crane finds nothing wrong, and copies, pulls and pushes byte for byte', async (t) => {
      const path = debianTool('forky', 'crane', 'usr/bin/crane');
      if (path === undefined) return t.skip('crane cannot be fetched');
      const crane = async (...args: readonly string[]): Promise<string> => (await execute(path, args)).stdout.trim();
      await crane('validate', '--remote', remote('team/made:1'));
      assert.equal(await crane('digest', remote('team/made:1')), made.digest);
      await crane('copy', remote('team/made:1'), remote('crane/copied:1'));
      assert.deepEqual(await pulled('crane/copied:1'), { id: made.imageId, digest: made.digest });
      const layout = join(lab.newFolder(), 'layout');
      await crane('pull', '--format=oci', remote('team/made:1'), layout);
      await crane('push', layout, remote('crane/pushed:1'));
      await crane('validate', '--remote', remote('crane/pushed:1'));
      // It pushes the index of the layout; an image of one platform is in it as it was.
      assert.equal((await pulled('crane/pushed:1')).id, made.imageId);
      assert.match(await crane('manifest', remote(`crane/pushed@${made.digest}`)), /"config"/);
      assert.deepEqual((await crane('ls', remote('crane/pushed'))).split('\n'), ['1']);
      assert.match(await crane('catalog', registry.host), /^crane\/copied$/m);
      await crane('delete', remote(`crane/copied@${made.digest}`));
      assert.equal(await digestOf('crane/copied', '1'), undefined);
    });

    test('F-282: oras copies images, and pushes artifacts and what refers to images', async (t) => {
      const path = debianTool('forky', 'oras', 'usr/bin/oras');
      if (path === undefined) return t.skip('oras cannot be fetched');
      const folder = lab.newFolder();
      writeFileSync(join(folder, 'a.txt'), `of ${server}`);
      const oras = async (...args: readonly string[]): Promise<string> =>
        (await execute(path, args, { cwd: folder, env: { HOME: folder } })).stdout;
      const plain = ['--from-plain-http', '--to-plain-http'];
      await oras('cp', ...plain, remote('team/made:1'), remote('oras/copied:1'));
      assert.deepEqual(await pulled('oras/copied:1'), { id: made.imageId, digest: made.digest });

      await oras('push', '--plain-http', '--artifact-type', 'application/x.thing', remote('oras/artifact:1'), 'a.txt');
      const raw = Buffer.from(await oras('manifest', 'fetch', '--plain-http', remote('oras/artifact:1')));
      const copy = { source: `docker://${remote('oras/artifact:1')}`, folder, referrers: false };
      await lab.engine.copyImage({ ...copy, destination: `docker://${remote('oras/again:1')}` }, watch());
      assert.equal(await digestOf('oras/again', '1'), blobOf(raw).digest);
      const out = lab.newFolder();
      await oras('pull', '--plain-http', '-o', out, remote('oras/again:1'));
      assert.equal(readFileSync(join(out, 'a.txt'), 'utf8'), `of ${server}`);

      await oras('attach', '--plain-http', '--artifact-type', 'application/x.note', remote('team/made:1'), 'a.txt');
      const { signal } = watch();
      const found = await lab.engine.registry.referrers(remote('team/made:1'), 'application/x.note', signal);
      assert.equal(found.length, 1);
      const listed = await oras('discover', '--plain-http', '--format', 'json', remote('team/made:1'));
      assert.ok(listed.includes(found[0]?.digest ?? 'none'), listed);
    });

    test(
      'an image that umoci made is pushed and comes back as the same bytes',
      { skip: !isRoot && 'needs root' },
      async (t) => {
        const path = debianTool('bookworm', 'umoci', 'usr/bin/umoci');
        if (path === undefined) return t.skip('umoci cannot be fetched');
        const folder = lab.newFolder();
        writeFileSync(join(folder, 'f'), server);
        const umoci = async (...args: readonly string[]): Promise<unknown> => execute(path, args, { cwd: folder });
        await umoci('init', '--layout', 'made');
        await umoci('new', '--image', 'made:1');
        await umoci('insert', '--image', 'made:1', 'f', '/f');
        await umoci('config', '--image', 'made:1', '--config.cmd', '/f', '--architecture', 'amd64', '--os', 'linux');
        const copy = { folder, referrers: false };
        const destination = `docker://${remote('umoci/made:1')}`;
        const { digest } = await lab.engine.copyImage({ ...copy, source: 'oci:made:1', destination }, watch());
        const theirs = readFileSync(join(folder, 'made/blobs/sha256', digest.slice('sha256:'.length)));
        const ours = await probe.ask('GET', '/v2/umoci/made/manifests/1', { headers: { Accept: MANIFESTS } });
        assert.ok(ours.body.equals(theirs));
        assert.equal((await pulled('umoci/made:1')).digest, digest);
        await lab.engine.copyImage({ ...copy, source: destination, destination: 'oci:back:1' }, watch());
        await umoci('unpack', '--image', 'back:1', 'bundle');
        assert.equal(readFileSync(join(folder, 'bundle/rootfs/f'), 'utf8'), server);
      },
    );

    for (const engine of ENGINES)
      test(
        `F-282: ${engine.name} pulls what shale pushed, and shale what ${engine.name} pushed`,
        { skip: missing(engine) },
        async () => {
          const { name, insecure, id } = engine;
          const run = async (...args: readonly string[]): Promise<string> => (await execute(name, args)).stdout.trim();
          // Its store may be everybody's: so names that nobody else has, which are gone in the end.
          const unique = mkdtempSync(join(lab.folder, 'n-')).slice(-6).toLowerCase();
          const to = `${name}/pushed-${unique}`;
          const [from, pushed] = [remote(`team/made@${made.digest}`), remote(`${to}:1`)];
          try {
            await run('pull', ...insecure, from);
            assert.equal((await run(...id, from)).replace('sha256:', ''), made.imageId.replace('sha256:', ''));
            await run('tag', from, pushed);
            await run('push', ...insecure, pushed);
            const back = await pulled(`${to}:1`);
            assert.equal(back.id, made.imageId);
            assert.equal(back.digest, await digestOf(to, '1'));
          } finally {
            await run('rmi', pushed, from).catch(() => {});
          }
        },
      );
  });
}

describe('shale serve registry --upstream as a mirror', () => {
  test(
    'is asked by skopeo in place of a registry that cannot be reached',
    { skip: !isRoot && 'needs root' },
    async (t) => {
      const path = debianTool('bookworm', 'skopeo', 'usr/bin/skopeo');
      if (path === undefined) return t.skip('skopeo cannot be fetched');
      await using origin = await Lab.open();
      await origin.build(
        { dockerfile: 'FROM scratch\nCMD ["/f"]\n' },
        { tags: ['team/made:1'], platforms: ['linux/amd64'] },
      );
      await using behind = await serveLab(origin);
      await using lab = await Lab.open();
      await using cache = await serveLab(lab, { upstreams: [`http://${behind.host}`] });
      const conf = join(lab.folder, 'registries.conf');
      const mirror = `[[registry.mirror]]\nlocation = "${cache.host}"\ninsecure = true\n`;
      writeFileSync(conf, `[[registry]]\nlocation = "registry.invalid"\n${mirror}`);
      const folder = `dir:${join(lab.folder, 'copy')}`;
      const settings = ['--insecure-policy', '--registries-conf', conf];
      await execute(path, [...settings, 'copy', '--preserve-digests', 'docker://registry.invalid/team/made:1', folder]);
      const manifest = readFileSync(join(lab.folder, 'copy/manifest.json'));
      const served = await new RegistryProbe(behind.host).ask('HEAD', '/v2/team/made/manifests/1');
      assert.equal(blobOf(manifest).digest, served.headers['docker-content-digest']);
    },
  );
});
