/** Who we are to a registry: logins, tokens, and where they never go. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { isShaleError } from '../../src/base/index.ts';
import { parseReference } from '../../src/oci/index.ts';
import { openRepository, type RegistryOptions, type Repository } from '../../src/registry/index.ts';
import { Lab } from '../support/lab.ts';
import { answer, close, listen, startScriptedRegistry, type Script } from '../support/scripted-registry.ts';

const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(30_000) });
const SECRET = 'canary-password';
const users = (kind: 'basic' | 'bearer') => ({ kind, username: 'me', password: SECRET }) as const;

async function labWithHome(): Promise<{ lab: Lab; home: string } & AsyncDisposable> {
  const folder = await Lab.open();
  const home = join(folder.folder, 'person');
  mkdirSync(home);
  const lab = await folder.again({ env: { HOME: home, PATH: '/usr/bin:/bin' } });
  return {
    lab,
    home,
    async [Symbol.asyncDispose]() {
      await lab[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function optionsWith(credentials?: RegistryOptions['credentials']): RegistryOptions {
  return {
    insecureHosts: [],
    signal: watch().signal,
    pause: async () => {},
    ...(credentials && { credentials }),
  };
}

function repositoryAt(host: string, options = optionsWith()): Repository {
  return openRepository(parseReference(`${host}/team/app`), options);
}

const credentials: RegistryOptions['credentials'] = {
  find: async () => ({ kind: 'password', username: 'me', password: SECRET }),
};

describe('a registry that lets in who it knows', { concurrency: 2 }, () => {
  for (const kind of ['basic', 'bearer'] as const) {
    test(`with ${kind} takes a login, which is kept and used from then on, until the logout`, async () => {
      await using registry = await startScriptedRegistry({ users: users(kind) });
      await using place = await labWithHome();
      const { lab, home } = place;
      const wrong = { registry: registry.host, login: { username: 'me', password: 'wrong' } };
      await assert.rejects(lab.engine.login(wrong, watch()), (error) => isShaleError(error, 'REGISTRY_AUTH'));
      assert.deepEqual(readdirSync(home), []);
      const login = { username: 'me', password: SECRET };
      const result = await lab.engine.login({ registry: registry.host, login }, watch());
      assert.deepEqual(result.kept, { kind: 'file', name: join(home, '.docker/config.json') });
      assert.match(readFileSync(join(home, '.docker/config.json'), 'utf8'), new RegExp(registry.host));
      await lab.engine.login({ registry: registry.host }, watch());
      const pull = lab.engine.pull({ image: `${registry.host}/team/app:1` }, watch());
      await assert.rejects(pull, (error) => isShaleError(error, 'MANIFEST_UNKNOWN'));
      assert.equal(await lab.engine.logout(registry.host), true);
      assert.equal(await lab.engine.logout(registry.host), false);
      await assert.rejects(lab.engine.pull({ image: `${registry.host}/team/app:1` }, watch()), (error) => {
        assert.ok(isShaleError(error, 'REGISTRY_AUTH'), String(error));
        return true;
      });
    });
  }

  test('is told nothing before it asks', async () => {
    await using registry = await startScriptedRegistry();
    await assert.rejects(repositoryAt(registry.host, optionsWith(credentials)).manifest('1'));
    assert.deepEqual(
      registry.requests.map((request) => request.headers.authorization),
      [undefined],
    );
  });

  test('a token is fetched once for many requests at once, and anew when it is not good any more', async () => {
    let valid = 'first';
    let given = 0;
    await using registry = await startScriptedRegistry({
      instead(request, response) {
        if (request.url?.startsWith('/token') === true) {
          given++;
          return answer(response, 200, {}, JSON.stringify({ token: valid, expires_in: -1 }));
        }
        if (request.headers.authorization === `Bearer ${valid}`) return answer(response, 200);
        const realm = `Bearer realm="http://${request.headers.host}/token"`;
        return answer(response, 401, { 'www-authenticate': realm });
      },
    });
    const repository = repositoryAt(registry.host);
    const digest = parseReference(`x@sha256:${'0'.repeat(64)}`).digest ?? assert.fail();
    const blob = { mediaType: 'x', digest, size: 0 };
    await Promise.all(Array.from({ length: 8 }, () => repository.hasBlob(blob)));
    assert.equal(given, 1);
    valid = 'second';
    assert.equal(await repository.hasBlob(blob), true);
    assert.equal(given, 2);
  });

  test('an identity token is exchanged at the token server and goes nowhere else', async () => {
    let form = '';
    await using registry = await startScriptedRegistry({
      instead(request, response) {
        if (request.url?.startsWith('/token') === true) {
          request.on('data', (chunk: Buffer) => (form += chunk.toString()));
          request.on('end', () => answer(response, 200, {}, '{"access_token":"short"}'));
          return true;
        }
        if (request.headers.authorization === 'Bearer short') return false;
        const realm = `Bearer realm="http://${request.headers.host}/token",service="s"`;
        return answer(response, 401, { 'www-authenticate': realm });
      },
    });
    const find = async () => ({ kind: 'identity-token', token: 'refresh-me' }) as const;
    const repository = repositoryAt(registry.host, optionsWith({ find }));
    await assert.rejects(repository.manifest('1'), (error) => isShaleError(error, 'MANIFEST_UNKNOWN'));
    assert.equal(
      form,
      'grant_type=refresh_token&client_id=shale&refresh_token=refresh-me&scope=repository%3Ateam%2Fapp%3Apull&service=s',
    );
    assert.doesNotMatch(inspect(registry.requests, { depth: 5 }), /refresh-me/);
  });

  test('F-166: names a token server of somebody else, which gets no password', async () => {
    const asked: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      asked.push(request.headers.authorization, request.url);
      answer(response, 200, {}, '{"token":"anonymous"}');
    });
    // Another loopback address stands for another owner's host.
    const otherHost = (await listen(other)).replace('127.0.0.1', 'localhost');
    await using registry = await startScriptedRegistry({
      instead: (_request, response) =>
        answer(response, 401, { 'www-authenticate': `Bearer realm="http://${otherHost}/token",service="s"` }),
    });
    await assert.rejects(repositoryAt(registry.host, optionsWith(credentials)).manifest('1'), (error) =>
      isShaleError(error, 'REGISTRY_AUTH'),
    );
    await close(other);
    assert.equal(asked[0], undefined);
    assert.doesNotMatch(String(asked[1]), /me|canary/);
  });

  test('F-168: an upload that is sent on to another host goes there without our token', async () => {
    const seen: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization);
      request.resume();
      request.on('end', () => answer(response, 201, { location: '/' }));
    });
    const otherHost = await listen(other);
    await using registry = await startScriptedRegistry({
      users: users('bearer'),
      instead(request, response) {
        if (request.method !== 'POST' || request.headers.authorization === undefined) return false;
        return answer(response, 202, { location: `http://${otherHost}/upload?signature=x` });
      },
    });
    const repository = repositoryAt(registry.host, optionsWith(credentials));
    const bytes = Buffer.from('x');
    const digest = parseReference('x@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881').digest;
    const descriptor = { mediaType: 'x', digest: digest ?? assert.fail(), size: 1 };
    await repository.pushBlob(descriptor, {
      async *open() {
        yield bytes;
      },
    });
    await close(other);
    assert.deepEqual(seen, [undefined]);
  });

  test('F-176: a password and a token stand in no error, progress event or file of the store', async () => {
    await using registry = await startScriptedRegistry({
      users: users('bearer'),
      instead: (request, response) =>
        request.headers.authorization?.startsWith('Bearer') === true &&
        answer(response, 405, {}, '{"errors":[{"code":"UNKNOWN","message":"no"}]}'),
    });
    await using place = await labWithHome();
    const { lab, home } = place;
    mkdirSync(join(home, '.docker'));
    const auth = Buffer.from(`me:${SECRET}`).toString('base64');
    const config = JSON.stringify({ auths: { [registry.host]: { auth } } });
    writeFileSync(join(home, '.docker/config.json'), config);
    const told: unknown[] = [];
    const progress = (event: unknown): void => void told.push(event);
    const pull = lab.engine.pull({ image: `${registry.host}/team/app:1` }, { ...watch(), progress });
    await assert.rejects(pull, (error) => {
      told.push(inspect(error, { depth: 10 }));
      assert.ok(isShaleError(error, 'REGISTRY_ERROR'), String(error));
      return true;
    });
    for (const name of readdirSync(lab.home, { recursive: true, withFileTypes: true }))
      if (name.isFile()) told.push(readFileSync(join(name.parentPath, name.name), 'latin1'));
    const all = inspect(told, { depth: 10, maxStringLength: Infinity, maxArrayLength: Infinity });
    for (const secret of [SECRET, auth, 'token-of-the-scripted-registry']) assert.ok(!all.includes(secret), secret);
  });
});

describe('a registry that lists', { concurrency: 4 }, () => {
  const pages = (link: (host: string, count: number) => string): Script => ({
    instead: (request, response, count) =>
      answer(
        response,
        200,
        { link: `<${link(request.headers.host ?? '', count)}>; rel="next"` },
        JSON.stringify({ tags: [`t${count}`] }),
      ),
  });

  async function tagsOf(script: Script): Promise<{ tags: string[]; error: unknown; asked: number }> {
    await using registry = await startScriptedRegistry(script);
    const tags: string[] = [];
    try {
      for await (const tag of repositoryAt(registry.host).tags()) tags.push(tag);
    } catch (error) {
      return { tags, error, asked: registry.requests.length };
    }
    return { tags, error: undefined, asked: registry.requests.length };
  }

  test('F-170: tags in pages gives all of them', async () => {
    const { tags, error } = await tagsOf({
      instead: (request, response, count) =>
        count < 3 &&
        answer(
          response,
          200,
          { link: `</v2/team/app/tags/list?last=t${count}>; rel="next"` },
          `{"tags":["t${count}"]}`,
        ),
    });
    assert.deepEqual([tags, error], [['t1', 't2'], undefined]);
  });

  test('F-170: at another origin, in a circle, without end or in huge pages is refused', async () => {
    for (const script of [
      pages(() => 'http://169.254.169.254/v2/team/app/tags/list'),
      pages((host) => `http://${host}/v2/other/tags/list`),
      pages(() => '/v2/team/app/tags/list?n=1'),
    ]) {
      const { error, asked } = await tagsOf(script);
      assert.ok(isShaleError(error, 'REGISTRY_PAGING'), String(error));
      assert.ok(asked < 4, `${asked} requests`);
    }
    const { error: endless } = await tagsOf(pages((_host, count) => `/v2/team/app/tags/list?last=${count}`));
    assert.ok(isShaleError(endless, 'REGISTRY_PAGING'), String(endless));
    const { error: huge } = await tagsOf({
      instead: (_request, response) => answer(response, 200, {}, `{"tags":["${'x'.repeat(9 * 1024 * 1024)}"]}`),
    });
    assert.ok(isShaleError(huge, 'LIMIT_EXCEEDED'), String(huge));
  });
});
