import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isShaleError } from '../base/index.ts';
import { parseChallenges } from './challenge.ts';
import { certificatesIn } from './certificates.ts';
import { isSameOwner } from './credentials.ts';
import { dockerCredentials } from './docker-config.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'shale-docker-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function withConfig(t: TestContext, config: unknown): string {
  const path = folder(t);
  writeFileSync(join(path, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  return path;
}

/** A helper of that name that runs a shell script; gives the PATH that finds it. */
function helper(t: TestContext, script: string): { PATH: string; log: string } {
  const path = folder(t);
  const log = join(path, 'log');
  const file = join(path, 'docker-credential-test');
  writeFileSync(file, `#!/bin/sh\nlog=${log}\n${script}\n`);
  chmodSync(file, 0o755);
  return { PATH: `${path}:/usr/bin:/bin`, log };
}

test('credentials are found under every spelling that docker writes, the exact one first', async (t) => {
  const config = {
    auths: {
      'https://registry.example/v1/': { auth: base64('old:older') },
      'registry.example': { auth: base64('me:p:w') },
      'https://index.docker.io/v1/': { auth: base64('hub:secret') },
      'plain.example:5000': { username: 'u', password: 'p' },
      'token.example': { auth: '', identitytoken: 'refresh' },
      'empty.example': {},
    },
  };
  const store = dockerCredentials(withConfig(t, config), {});
  assert.deepEqual(await store.find('registry.example'), { kind: 'password', username: 'me', password: 'p:w' });
  assert.deepEqual(await store.find('docker.io'), { kind: 'password', username: 'hub', password: 'secret' });
  assert.deepEqual(await store.find('plain.example:5000'), { kind: 'password', username: 'u', password: 'p' });
  assert.deepEqual(await store.find('token.example'), { kind: 'identity-token', token: 'refresh' });
  for (const other of ['empty.example', 'registry.example:5000', 'example', 'evil-registry.example'])
    assert.equal(await store.find(other), undefined, other);
});

test('save and erase change one entry and leave the rest of the file, which only its owner can read', async (t) => {
  const path = withConfig(t, { auths: { 'a.example': { auth: base64('a:b') } }, HttpHeaders: { X: 'y' } });
  const store = dockerCredentials(path, {});
  await store.save('docker.io', { username: 'me', password: 'secret' });
  const read = (): unknown => JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
  assert.deepEqual(read(), {
    auths: { 'a.example': { auth: base64('a:b') }, 'https://index.docker.io/v1/': { auth: base64('me:secret') } },
    HttpHeaders: { X: 'y' },
  });
  assert.equal(statSync(join(path, 'config.json')).mode & 0o777, 0o600);
  assert.equal(await store.erase('docker.io'), true);
  assert.equal(await store.erase('docker.io'), false);
  assert.deepEqual(read(), { auths: { 'a.example': { auth: base64('a:b') } }, HttpHeaders: { X: 'y' } });
});

test('a config.json that is a link stays one', async (t) => {
  const [path, other] = [folder(t), folder(t)];
  symlinkSync(join(other, 'real.json'), join(path, 'config.json'));
  writeFileSync(join(other, 'real.json'), '{}');
  await dockerCredentials(path, {}).save('r.example', { username: 'u', password: 'p' });
  assert.match(readFileSync(join(other, 'real.json'), 'utf8'), /r\.example/);
});

test('a config.json that cannot be read is an error that does not quote it', async (t) => {
  for (const text of ['{"auths": {"r.example": {"auth": "canary-secret"', '[]', '{"auths": 5}', '{"credsStore": 5}']) {
    await assert.rejects(dockerCredentials(withConfig(t, text), {}).find('r.example'), (error) => {
      assert.ok(isShaleError(error, 'CREDENTIALS_UNAVAILABLE'), String(error));
      assert.match(error.message, /config\.json/);
      assert.doesNotMatch(error.message, /canary/);
      return true;
    });
  }
  const noPair = withConfig(t, { auths: { 'r.example': { auth: base64('canary') } } });
  await assert.rejects(dockerCredentials(noPair, {}).find('r.example'), /r\.example is not a user and a password/);
});

test('a helper is asked with docker’s protocol, the one of the registry before the one of all', async (t) => {
  const { PATH, log } = helper(
    t,
    `read key; echo "$1 $key" >> $log\n[ "$1" = get ] && echo '{"ServerURL":"x","Username":"u","Secret":"s"}'; exit 0`,
  );
  const path = withConfig(t, { credHelpers: { 'r.example': 'test' }, credsStore: 'missing' });
  const store = dockerCredentials(path, { PATH });
  assert.deepEqual(await store.find('r.example'), { kind: 'password', username: 'u', password: 's' });
  await store.save('r.example', { username: 'u', password: 's' });
  assert.equal(await store.erase('r.example'), true);
  const stored = '{"ServerURL":"r.example","Username":"u","Secret":"s"}';
  assert.equal(readFileSync(log, 'utf8'), `get r.example\nstore ${stored}\nerase r.example\n`);
  assert.doesNotMatch(readFileSync(join(path, 'config.json'), 'utf8'), /auths/);
});

test('F-174: a helper that is missing, cannot run, prints garbage or fails is an error, and the file is not asked', async (t) => {
  const secret = { auths: { 'r.example': { auth: base64('u:canary') } }, credsStore: 'test' };
  const scripts = ['exit 1', 'echo canary-garbage', 'echo "{}"', 'head -c 3000000 /dev/zero', 'kill -9 $$'];
  for (const script of scripts) {
    const { PATH } = helper(t, script);
    await assert.rejects(dockerCredentials(withConfig(t, secret), { PATH }).find('r.example'), (error) => {
      assert.ok(isShaleError(error, 'CREDENTIALS_UNAVAILABLE'), `${script}: ${String(error)}`);
      assert.doesNotMatch(JSON.stringify([error.message, error.data, String(error.cause)]), /canary/);
      return true;
    });
  }
  const missing = dockerCredentials(withConfig(t, { ...secret, credsStore: 'absent' }), { PATH: '/nonexistent' });
  await assert.rejects(missing.find('r.example'), /docker-credential-absent is not installed/);
  const path = dockerCredentials(withConfig(t, { ...secret, credsStore: '../../bin/sh' }), { PATH: '/usr/bin' });
  await assert.rejects(path.find('r.example'), (error) => isShaleError(error, 'CREDENTIALS_UNAVAILABLE'));
});

test('a helper that has nothing says so, and the registry is asked without a login', async (t) => {
  const { PATH } = helper(t, 'echo credentials not found in native keychain; exit 1');
  const store = dockerCredentials(withConfig(t, { credsStore: 'test' }), { PATH });
  assert.equal(await store.find('r.example'), undefined);
  assert.equal(await store.erase('r.example'), false);
});

test('F-166: credentials go to a token server of the same owner only', () => {
  for (const [registry, realm] of [
    ['registry-1.docker.io', 'auth.docker.io'],
    ['registry.example.com:5000', 'auth.example.com'],
    ['localhost:5000', 'localhost:5001'],
    ['registry.example.co.uk', 'auth.example.co.uk'],
    ['10.0.0.1:5000', '10.0.0.1'],
  ] as const)
    assert.ok(isSameOwner(registry, realm), `${registry} ${realm}`);
  for (const [registry, realm] of [
    ['registry.example.com', 'evil.com'],
    ['registry.example.com', 'example.com.evil.net'],
    ['registry.example.co.uk', 'evil.co.uk'],
    ['10.0.0.1', '10.0.0.2'],
    ['1.10.0.1', '2.10.0.1'],
    ['registry', 'evil'],
    ['localhost', 'registry.localhost'],
  ] as const)
    assert.ok(!isSameOwner(registry, realm), `${registry} ${realm}`);
});

test('parseChallenges() reads one challenge and several, quoted and not', () => {
  const read = (header: string): unknown =>
    parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
  assert.deepEqual(read('Bearer realm="https://a/t",service=s,scope="repository:a/b:pull,push"'), [
    ['bearer', { realm: 'https://a/t', service: 's', scope: 'repository:a/b:pull,push' }],
  ]);
  assert.deepEqual(read('Basic realm="a \\"b\\"", BEARER realm="https://a", Negotiate'), [
    ['basic', { realm: 'a "b"' }],
    ['bearer', { realm: 'https://a' }],
    ['negotiate', {}],
  ]);
  assert.deepEqual(read(''), []);
  assert.deepEqual(read(',,=,"'), []);
  const begin = performance.now();
  parseChallenges('a='.repeat(500_000));
  parseChallenges('"\\'.repeat(500_000));
  assert.ok(performance.now() - begin < 1000);
});

test('certificates are taken from the first folder that has any, and one without a key is refused', (t) => {
  const [own, other] = [folder(t), folder(t)];
  for (const place of [join(own, 'r.example:5000'), join(other, 'r.example:5000'), join(other, 'bad.example')])
    mkdirSync(place);
  writeFileSync(join(own, 'r.example:5000/ca.crt'), 'CA');
  writeFileSync(join(own, 'r.example:5000/me.cert'), 'CERT');
  writeFileSync(join(own, 'r.example:5000/me.key'), 'KEY');
  writeFileSync(join(other, 'r.example:5000/ca.crt'), 'OTHER');
  writeFileSync(join(other, 'bad.example/me.cert'), 'CERT');
  const find = certificatesIn([own, other]);
  assert.deepEqual(find('r.example:5000'), { ca: ['CA'], cert: 'CERT', key: 'KEY' });
  assert.equal(find('r.example'), undefined);
  assert.equal(find('../r.example:5000'), undefined);
  assert.throws(
    () => find('bad.example'),
    (error) => isShaleError(error, 'CERTIFICATES_INVALID'),
  );
});
