/** Images that are signed and verified in a registry, and what a registry's writers could try. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { VerifiedImage } from '../../src/engine/index.ts';
import { Lab } from '../support/lab.ts';
import type { TestRegistry } from '../support/registry.ts';
import { serveLab } from '../support/serve-lab.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

interface Pair {
  readonly key: { readonly pem: string; readonly password: undefined };
  readonly publicKey: string;
}

function pair(): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  return { key: { pem, password: undefined }, publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString() };
}

function watch(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(60_000) };
}

describe('signatures in a registry', () => {
  const own = pair();
  const other = pair();
  let lab: Lab;
  let server: Lab;
  let served: TestRegistry;
  before(async () => {
    lab = await Lab.open();
    server = await Lab.open();
    served = await serveLab(server);
  });
  after(async () => {
    await served[Symbol.asyncDispose]();
    for (const one of [lab, server]) await one[Symbol.asyncDispose]();
  });

  /** Pushes an image whose content is its name. */
  async function pushed(repository: string, content = repository): Promise<{ name: string; digest: string }> {
    const name = `${served.host}/${repository}:1`;
    await lab.build(lab.context({ Dockerfile: 'FROM scratch\nCOPY f /f\n', f: content }), { tags: [name] });
    const { digest } = await lab.engine.push({ image: name, force: false }, watch());
    return { name, digest };
  }

  const sign = (image: string, form: 'bundle' | 'simple', { key }: Pair = own): Promise<unknown> =>
    lab.engine.sign({ image, key, form, recursive: false }, watch());
  const verify = (image: string, { publicKey }: Pair = own): Promise<VerifiedImage> =>
    lab.engine.verify({ image, publicKey }, watch());

  /** What somebody who may write to the registry does to it. */
  async function put(path: string, body: string | Buffer, type: string): Promise<void> {
    const response = await fetch(`http://${served.host}/v2/${path}`, {
      method: 'PUT',
      body: new Uint8Array(Buffer.from(body)),
      headers: { 'content-type': type },
    });
    assert.ok(response.ok, `${path}: ${response.status} ${await response.text()}`);
  }

  async function putBlob(repository: string, bytes: Buffer): Promise<string> {
    const digest = digestOf(bytes);
    const started = await fetch(`http://${served.host}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
    const place = new URL(started.headers.get('location') ?? '', `http://${served.host}`);
    place.searchParams.set('digest', digest);
    const done = await fetch(place, { method: 'PUT', body: new Uint8Array(bytes) });
    assert.equal(done.status, 201);
    return digest;
  }

  async function get(path: string): Promise<string> {
    return (await fetch(`http://${served.host}/v2/${path}`, { headers: { accept: '*/*' } })).text();
  }

  for (const form of ['bundle', 'simple'] as const)
    test(`an image that was signed (${form}) verifies with its key, and with no other`, async () => {
      const { name, digest } = await pushed(`team/${form}`);
      await assert.rejects(verify(name), { code: 'SIGNATURE_NOT_FOUND' });
      await sign(name, form);
      const verified = await verify(name);
      assert.equal(verified.digest, digest);
      assert.deepEqual(
        verified.signatures.map(({ kind }) => kind),
        [form],
      );
      await assert.rejects(verify(name, other), { code: 'SIGNATURE_INVALID' });
      await sign(name, form, other);
      for (const who of [own, other]) assert.equal((await verify(name, who)).signatures.length, 1);
    });

  test('a tag that was moved to another image does not verify', async () => {
    const { name, digest } = await pushed('team/moved', 'one');
    await sign(name, 'bundle');
    await sign(name, 'simple');
    await pushed('team/moved', 'two');
    await assert.rejects(verify(name), { code: 'SIGNATURE_NOT_FOUND' });
    assert.equal((await verify(`${served.host}/team/moved@${digest}`)).digest, digest);
  });

  test('pull --verify-key takes what was signed under its tag, and nothing else', async () => {
    await using user = await Lab.open();
    const { name, digest } = await pushed('team/pulled', 'one');
    const pull = (): Promise<unknown> => user.engine.pull({ image: name, publicKey: own.publicKey }, watch());
    await assert.rejects(pull(), { code: 'SIGNATURE_NOT_FOUND' });
    assert.deepEqual(await user.engine.images({ all: true }), []);
    await sign(name, 'bundle');
    await pull();
    const [image] = await user.engine.images({ all: true });
    assert.equal(image?.digest, digest);
    assert.equal(image?.tag?.tag, '1');
    await pushed('team/pulled', 'two');
    await assert.rejects(pull(), { code: 'SIGNATURE_NOT_FOUND' });
  });

  test('a signature that is moved to another image does not verify', async () => {
    const signed = await pushed('team/theft', 'one');
    await sign(signed.name, 'bundle');
    await sign(signed.name, 'simple');
    const target = await pushed('team/theft', 'two');
    const index: { manifests: { digest: string; artifactType: string }[] } = JSON.parse(
      await get(`team/theft/referrers/${signed.digest}`),
    );
    const bundle = index.manifests.find(({ artifactType }) => artifactType === BUNDLE)?.digest ?? '';
    const manifest = (await get(`team/theft/manifests/${bundle}`)).replaceAll(signed.digest, target.digest);
    await put(`team/theft/manifests/${digestOf(Buffer.from(manifest))}`, manifest, MANIFEST);
    const simple = await get(`team/theft/manifests/${tagOf(signed.digest)}`);
    await put(`team/theft/manifests/${tagOf(target.digest)}`, simple, MANIFEST);
    await assert.rejects(verify(target.name), {
      code: 'SIGNATURE_INVALID',
      message: new RegExp(`is about ${signed.digest}`),
    });
  });

  test('a bundle or payload of which a byte was changed does not verify', async () => {
    const { name, digest } = await pushed('team/flipped');
    await sign(name, 'bundle');
    const index: { manifests: { digest: string }[] } = JSON.parse(await get(`team/flipped/referrers/${digest}`));
    const original = index.manifests[0]?.digest ?? '';
    const manifest: { layers: { digest: string; size: number }[] } = JSON.parse(
      await get(`team/flipped/manifests/${original}`),
    );
    const layer = manifest.layers[0];
    assert.ok(layer !== undefined);
    const bundle = Buffer.from(await get(`team/flipped/blobs/${layer.digest}`));
    const at = bundle.indexOf('"sig":"') + 20;
    bundle.writeUInt8(bundle.readUInt8(at) === 0x41 ? 0x42 : 0x41, at);
    layer.digest = await putBlob('team/flipped', bundle);
    const changed = JSON.stringify(manifest);
    await put(`team/flipped/manifests/${digestOf(Buffer.from(changed))}`, changed, MANIFEST);
    await fetch(`http://${served.host}/v2/team/flipped/manifests/${original}`, { method: 'DELETE' });
    await assert.rejects(verify(name), {
      code: 'SIGNATURE_INVALID',
      message: /not signed with this key, or was changed/,
    });
  });

  test('rubbish beside a signature takes nothing from it, and is none itself', async () => {
    const { name, digest } = await pushed('team/rubbish');
    const [config, garbage] = [Buffer.from('{}'), Buffer.from('{"mediaType":7')];
    for (const blob of [config, garbage]) await putBlob('team/rubbish', blob);
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType: BUNDLE,
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf(config), size: config.length },
      layers: [{ mediaType: BUNDLE, digest: digestOf(garbage), size: garbage.length }],
      subject: { mediaType: MANIFEST, digest, size: 1 },
    });
    await put(`team/rubbish/manifests/${digestOf(Buffer.from(manifest))}`, manifest, MANIFEST);
    await put(`team/rubbish/manifests/${tagOf(digest)}`, manifest, MANIFEST);
    await assert.rejects(verify(name), { code: 'SIGNATURE_INVALID' });
    await sign(name, 'bundle');
    assert.equal((await verify(name)).signatures.length, 1);
  });

  test('an attestation counts for its type and its key, and is no signature of the image', async () => {
    const { name } = await pushed('team/attested');
    const predicateType = 'https://example.com/scan/v1';
    const predicate = Buffer.from('{"passed":true}');
    await lab.engine.attest({ image: name, key: own.key, predicateType, predicate }, watch());
    const verified = await lab.engine.verify({ image: name, publicKey: own.publicKey, predicateType }, watch());
    const [found] = verified.signatures;
    assert.ok(found?.kind === 'bundle');
    assert.deepEqual(found.predicate, { passed: true });
    await assert.rejects(verify(name), { code: 'SIGNATURE_NOT_FOUND' });
    const asked = { image: name, publicKey: own.publicKey, predicateType: 'https://example.com/other/v1' };
    await assert.rejects(lab.engine.verify(asked, watch()), { code: 'SIGNATURE_NOT_FOUND' });
    const byOther = { image: name, publicKey: other.publicKey, predicateType };
    await assert.rejects(lab.engine.verify(byOther, watch()), { code: 'SIGNATURE_INVALID' });
  });

  test('an image for several platforms is signed as a whole, and with --recursive each of it', async () => {
    const name = `${served.host}/team/many:1`;
    const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY f /f\n', f: 'x' });
    await lab.build(context, { tags: [name], platforms: ['linux/amd64', 'linux/arm64'] });
    await lab.engine.push({ image: name, force: false }, watch());
    const signed = await lab.engine.sign({ image: name, key: own.key, form: 'bundle', recursive: true }, watch());
    assert.equal(signed.length, 3);
    for (const one of signed) await verify(one.name);
  });
});

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function tagOf(digest: string): string {
  return `${digest.replace(':', '-')}.sig`;
}
