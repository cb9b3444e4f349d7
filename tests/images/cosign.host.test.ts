/** What shale signs cosign verifies, and the other way round, offline and with keys. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { generateKeyPairSync } from 'node:crypto';
import { debianTool } from '../support/debian-tools.ts';
import { Lab } from '../support/lab.ts';
import { registryProgram, startRegistry, type TestRegistry } from '../support/registry.ts';
import { serveLab } from '../support/serve-lab.ts';

const cosign = debianTool('sid', 'cosign', 'usr/bin/cosign');
const reference = registryProgram();
const PASSWORD = 'the password';
/** Nothing is asked for that is not on this machine. */
const OFFLINE = ['--tlog-upload=false', '--use-signing-config=false', '--yes'];

function watch(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(120_000) };
}

describe('cosign', { skip: cosign === undefined && 'cosign cannot be fetched' }, () => {
  let folder: string;
  let lab: Lab;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shale-cosign-'));
    lab = await Lab.open();
    await run('generate-key-pair');
  });
  after(async () => {
    await lab[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  async function run(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await attempt(...args);
    assert.equal(status, 0, `cosign ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** Without waiting in it: the registry that it speaks to may be one of this process. */
  function attempt(...args: readonly string[]): Promise<{ status: unknown; stdout: string; stderr: string }> {
    const env = { PATH: process.env['PATH'], HOME: folder, COSIGN_PASSWORD: PASSWORD };
    const { promise, resolve } = Promise.withResolvers<{ status: unknown; stdout: string; stderr: string }>();
    execFile(cosign ?? '', args, { cwd: folder, env, timeout: 120_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : (error.code ?? error.signal), stdout, stderr }),
    );
    return promise;
  }

  const publicKey = (): string => readFileSync(join(folder, 'cosign.pub'), 'utf8');
  const privateKey = (): { pem: string; password: string } => ({
    pem: readFileSync(join(folder, 'cosign.key'), 'utf8'),
    password: PASSWORD,
  });

  async function pushed(host: string, repository: string): Promise<string> {
    const name = `${host}/${repository}:1`;
    await lab.build(lab.context({ Dockerfile: 'FROM scratch\nCOPY f /f\n', f: repository }), { tags: [name] });
    const { digest } = await lab.engine.push({ image: name, force: false }, watch());
    return `${host}/${repository}@${digest}`;
  }

  test('reads keys that shale makes, and shale those of cosign', async () => {
    const made = await lab.engine.generateKeyPair(PASSWORD);
    writeFileSync(join(folder, 'made.key'), made.privateKey);
    assert.equal((await run('public-key', '--key', 'made.key')).trim(), made.publicKey.trim());
  });

  const registries: readonly (readonly [string, () => Promise<TestRegistry>, string | false])[] = [
    ['the registry of shale', () => serveLab(lab), false],
    [
      'the reference registry',
      () => startRegistry(reference ?? '', join(lab.folder, 'registry')),
      reference === undefined && 'docker-registry cannot be fetched',
    ],
  ];
  for (const [title, open, missing] of registries)
    describe(`in ${title}`, { skip: missing }, () => {
      let registry: TestRegistry;
      before(async () => void (registry = await open()));
      after(() => registry[Symbol.asyncDispose]());

      test('verifies what shale signs, as a bundle and under a tag, and refuses another key', async () => {
        const image = await pushed(registry.host, 'team/ours');
        await lab.engine.sign({ image, key: privateKey(), form: 'bundle', recursive: false }, watch());
        await run('verify', '--insecure-ignore-tlog', '--key', 'cosign.pub', image);
        const other = await lab.engine.generateKeyPair(PASSWORD);
        writeFileSync(join(folder, 'other.pub'), other.publicKey);
        assert.notEqual((await attempt('verify', '--insecure-ignore-tlog', '--key', 'other.pub', image)).status, 0);
        const tagged = await pushed(registry.host, 'team/tagged');
        await lab.engine.sign({ image: tagged, key: privateKey(), form: 'simple', recursive: false }, watch());
        await run('verify', '--insecure-ignore-tlog', '--new-bundle-format=false', '--key', 'cosign.pub', tagged);
      });

      test('signs what shale verifies, as a bundle and under a tag', async () => {
        for (const [repository, more] of [
          ['team/theirs', []],
          ['team/old', ['--new-bundle-format=false']],
        ] as const) {
          const image = await pushed(registry.host, repository);
          await run('sign', '--key', 'cosign.key', ...OFFLINE, ...more, image);
          const { signatures } = await lab.engine.verify({ image, publicKey: publicKey() }, watch());
          assert.deepEqual(
            signatures.map(({ kind }) => kind),
            [more.length === 0 ? 'bundle' : 'simple'],
          );
          const { publicKey: wrong } = await lab.engine.generateKeyPair(PASSWORD);
          await assert.rejects(lab.engine.verify({ image, publicKey: wrong }, watch()), { code: 'SIGNATURE_INVALID' });
        }
      });

      test('verifies attestations of shale, and shale those of cosign', async () => {
        const predicateType = 'https://example.com/scan/v1';
        const image = await pushed(registry.host, 'team/attested');
        const predicate = Buffer.from('{"passed":true}');
        await lab.engine.attest({ image, key: privateKey(), predicateType, predicate }, watch());
        await run(
          'verify-attestation',
          '--insecure-ignore-tlog',
          '--key',
          'cosign.pub',
          '--type',
          predicateType,
          image,
        );
        writeFileSync(join(folder, 'predicate.json'), '{"from":"cosign"}');
        const theirs = await pushed(registry.host, 'team/attested-by-cosign');
        await run(
          'attest',
          '--key',
          'cosign.key',
          ...OFFLINE,
          '--type',
          predicateType,
          '--predicate',
          'predicate.json',
          theirs,
        );
        const { signatures } = await lab.engine.verify(
          { image: theirs, publicKey: publicKey(), predicateType },
          watch(),
        );
        const [found] = signatures;
        assert.ok(found?.kind === 'bundle');
        assert.deepEqual(found.predicate, { from: 'cosign' });
      });
    });

  test('verifies signatures of plain keys: Ed25519 and RSA', async () => {
    await using registry = await serveLab(lab);
    const pairs = [generateKeyPairSync('ed25519'), generateKeyPairSync('rsa', { modulusLength: 2048 })];
    for (const [at, pair] of pairs.entries()) {
      const image = await pushed(registry.host, `team/plain${at}`);
      const pem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
      await lab.engine.sign({ image, key: { pem, password: undefined }, form: 'bundle', recursive: false }, watch());
      writeFileSync(join(folder, 'plain.pub'), pair.publicKey.export({ format: 'pem', type: 'spki' }));
      await run('verify', '--insecure-ignore-tlog', '--key', 'plain.pub', image);
    }
  });
});
