/** Lock files: what RUN fetches is recorded, and given again with nobody asked. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { isShaleError } from '../../src/base/index.ts';
import type { LockOutcome, LockRequest } from '../../src/engine/index.ts';
import { makeAuthority, parseLockFile } from '../../src/lock/index.ts';
import { ALPINE, BUSYBOX, cannotRun, SEARCH_PATH, type Built, type BuildHow, Lab } from '../support/lab.ts';
import { serveLab } from '../support/serve-lab.ts';
import { Web } from '../support/web.ts';
import { buildRequest } from '../support/requests.ts';

const hasAddress = Object.values(networkInterfaces()).some((all) => all?.some((one) => !one.internal) === true);
const hasPrograms = ['iptables-restore', 'nsenter'].every((name) => spawnSync(name, ['--version']).error === undefined);
const skip =
  cannotRun ||
  BUSYBOX.missing ||
  (hasAddress ? false : 'this machine has no address of its own') ||
  (hasPrograms ? false : 'iptables or nsenter is not installed');

const HOST = 'pkg.test';
const stepConfig = { ExtraHosts: [`${HOST}:host-gateway`] };
const watch = () => ({ signal: AbortSignal.timeout(60_000) });

describe('a lock file', { skip }, () => {
  let lab: Lab;
  let web: Web;
  before(async () => {
    [lab, web] = await Promise.all([Lab.open(), Web.open({ everywhere: true })]);
    await lab.importBusybox();
    web.pages.set('/left/-/left-1.0.0.tgz', { body: 'left one' });
    web.pages.set('/right/-/right-2.1.0.tgz', { body: 'right two' });
    web.pages.set('/index', { body: 'index', headers: { 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' } });
  });
  after(async () => {
    await web[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  const url = (path: string): string => `http://${HOST}:${web.port}${path}`;
  const wget = (...paths: readonly string[]): string => paths.map((path) => `wget ${url(path)}`).join(' && ');
  const fetching = (...paths: readonly string[]): string => `FROM busybox\nWORKDIR /got\nRUN ${wget(...paths)}\n`;

  function lock(context: string, how: Partial<Omit<LockRequest, 'build'>> = {}, on = lab): Promise<LockOutcome> {
    const build = { ...buildRequest(context, { noCache: true }), stepConfig };
    return on.engine.locks.lock({ build, update: false, dryRun: false, ...how }, watch());
  }
  const build = (context: string, how: BuildHow = {}, on = lab): Promise<Built> =>
    on.build(context, { stepConfig, network: 'bridge', ...how });
  const readLock = (context: string) =>
    parseLockFile(readFileSync(join(context, 'Dockerfile.lock')), 'Dockerfile.lock');

  async function refuses(work: Promise<unknown>, code: string, ...patterns: readonly RegExp[]): Promise<void> {
    await assert.rejects(work, (error) => {
      assert.ok(isShaleError(error, code), `expected ${code}, got ${String(error)}`);
      for (const pattern of patterns) assert.match(error.message, pattern);
      return true;
    });
  }

  test('names what RUN fetched, and gives the same image again with nobody asked', async () => {
    const context = lab.context({ Dockerfile: fetching('/left/-/left-1.0.0.tgz', '/index') });
    const ordinary = await build(context);
    const outcome = await lock(context);
    assert.deepEqual([outcome.written, outcome.bases, outcome.packages, outcome.answers], [true, 1, 1, 2]);
    assert.equal(outcome.imageId, ordinary.imageId, 'the layer is the same with a lock and without');
    const [step] = readLock(context).steps;
    assert.deepEqual(
      step?.fetched.map((one) => [one.package, one.version, one.url]),
      [
        ['npm:left', '1.0.0', url('/left/-/left-1.0.0.tgz')],
        [undefined, undefined, url('/index')],
      ],
    );
    web.asked.length = 0;
    const locked = await build(context, { lock: 'replay', noCache: true });
    assert.equal(locked.imageId, ordinary.imageId);
    assert.deepEqual(web.asked, []);
    assert.equal((await lab.read(locked.imageId, '/got/left-1.0.0.tgz')).toString(), 'left one');
    const cached = await build(context, { lock: 'replay' });
    assert.ok(cached.steps.every(({ name, cached: isCached }) => !name.includes('RUN') || isCached));
    assert.equal((await lock(context)).written, false);
  });

  test('says what is new, what is gone, and which step asked', async () => {
    const context = lab.context({ Dockerfile: fetching('/left/-/left-1.0.0.tgz') });
    await refuses(build(context, { lock: 'replay' }), 'LOCK_NOT_FOUND');
    await lock(context);
    writeFileSync(join(context, 'Dockerfile'), fetching('/left/-/left-1.0.0.tgz', '/right/-/right-2.1.0.tgz'));
    await refuses(
      build(context, { lock: 'replay' }),
      'LOCK_DRIFT',
      /new: npm:right 2\.1\.0: GET http:/,
      /RUN wget .*right-2\.1\.0/,
    );
    // The step's text is the same, what it does is not.
    writeFileSync(join(context, 'Dockerfile'), `FROM busybox\nCOPY script /\nRUN sh /script\n`);
    writeFileSync(join(context, 'script'), wget('/left/-/left-1.0.0.tgz', '/right/-/right-2.1.0.tgz'));
    await lock(context);
    writeFileSync(join(context, 'script'), wget('/left/-/left-1.0.0.tgz'));
    await refuses(build(context, { lock: 'replay' }), 'LOCK_DRIFT', /gone: npm:right 2\.1\.0/, /RUN sh \/script/);
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nADD http://127.0.0.1:1/x /\n');
    await refuses(build(context, { lock: 'replay' }), 'LOCK_DRIFT', /new: http:\/\/127\.0\.0\.1:1\/x/);
  });

  test('goes with all that it names to another machine, and damage on the way is told by name', async () => {
    web.pages.set('/added', { body: 'added' });
    const dockerfile = `${fetching('/left/-/left-1.0.0.tgz')}ADD http://127.0.0.1:${web.port}/added /\n`;
    const context = lab.context({ Dockerfile: dockerfile });
    const path = join(context, 'Dockerfile.lock');
    const { imageId } = await lock(context);
    const folder = lab.newFolder();
    const vendored = await lab.engine.locks.vendorLocked(path, { kind: 'folder', path: folder }, watch());
    assert.deepEqual([vendored.blobs, vendored.bases], [2, 1]);
    await using other = await Lab.open();
    await refuses(build(context, { lock: 'replay' }, other), 'LOCK_INCOMPLETE', /npm:left 1\.0\.0|busybox/);
    const from = { kind: 'folder', path: folder } as const;
    const blobs = join(folder, 'blobs/sha256');
    const victim = readdirSync(blobs).find((name) => readFileSync(join(blobs, name)).equals(Buffer.from('left one')));
    const file = join(blobs, victim ?? assert.fail('the package was not vendored'));
    const mode = statSync(file).mode;
    chmodSync(file, 0o644);
    writeFileSync(file, 'left 0ne');
    await refuses(other.engine.locks.fetchLocked(path, from, watch()), 'LOCK_DAMAGED', /npm:left 1\.0\.0/);
    writeFileSync(file, 'left one');
    chmodSync(file, mode);
    assert.deepEqual((await other.engine.locks.fetchLocked(path, from, watch())).failed, []);
    web.asked.length = 0;
    assert.equal((await build(context, { lock: 'replay' }, other)).imageId, imageId);
    assert.deepEqual(web.asked, []);
    // Collecting leaves what a lock holds.
    await other.engine.prune({ what: ['images', 'build-cache'], all: false }, watch());
    assert.equal((await build(context, { lock: 'replay', noCache: true }, other)).imageId, imageId);
  });

  test('goes to a registry with its base images, and from there to a machine without a mirror', async () => {
    const dockerfile = fetching('/left/-/left-1.0.0.tgz');
    const context = lab.context({ Dockerfile: dockerfile });
    const path = join(context, 'Dockerfile.lock');
    const { imageId } = await lock(context);
    await using middle = await Lab.open();
    await using registry = await serveLab(middle);
    const place = { kind: 'registry', reference: `${registry.host}/team/app:vendored` } as const;
    assert.equal((await lab.engine.locks.vendorLocked(path, place, watch())).bases, 1);
    await using other = await Lab.open();
    web.asked.length = 0;
    const fetched = await other.engine.locks.fetchLocked(path, place, watch());
    assert.deepEqual([fetched.failed, fetched.fetched.length], [[], 2]);
    assert.equal((await build(context, { lock: 'replay' }, other)).imageId, imageId);
    assert.deepEqual(web.asked, []);
    // A second time there is nothing to send, and nothing to fetch.
    await lab.engine.locks.vendorLocked(path, place, watch());
    assert.deepEqual((await other.engine.locks.fetchLocked(path, place, watch())).fetched, []);
    await refuses(
      other.engine.locks.fetchLocked(path, { ...place, reference: `${registry.host}/team/none:1` }, watch()),
      'MANIFEST_UNKNOWN',
    );
  });

  test('that was changed is refused, also by a build that takes bases from it alone', async () => {
    const context = lab.context({ Dockerfile: fetching('/index') });
    await lock(context);
    const path = join(context, 'Dockerfile.lock');
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('index')] = 0x49;
    writeFileSync(path, bytes);
    await refuses(build(context), 'LOCK_INVALID', /Dockerfile\.lock/);
    await build(context, { lock: 'ignore' });
  });

  test('says what bases are, until it is updated', async () => {
    const first = await lab.build({ dockerfile: 'FROM busybox\nENV V=1\n' }, { tags: ['moving:1'] });
    const context = lab.context({ Dockerfile: 'FROM moving:1\nCOPY f /\n', f: 'f' });
    const { imageId } = await lock(context);
    assert.equal(readLock(context).bases[0]?.image, first.imageId);
    await lab.build({ dockerfile: 'FROM busybox\nENV V=2\n' }, { tags: ['moving:1'] });
    assert.equal((await build(context)).imageId, imageId);
    assert.notEqual((await build(context, { lock: 'ignore' })).imageId, imageId);
    const updated = await lock(context, { update: true });
    assert.deepEqual(
      updated.changes.map(({ kind, name }) => [kind, name]),
      [['base', 'docker.io/library/moving:1 linux/amd64']],
    );
    assert.equal((await build(context)).imageId, updated.imageId);
  });

  test('is updated for certain packages alone, or not at all', async () => {
    const context = lab.context({
      Dockerfile: `FROM busybox\nCOPY script /\nRUN sh /script\n`,
      script: wget('/index'),
    });
    const script = (left: string, right: string): void =>
      writeFileSync(join(context, 'script'), wget(`/left/-/left-${left}.tgz`, `/right/-/right-${right}.tgz`));
    web.pages.set('/left/-/left-1.1.0.tgz', { body: 'left new' });
    web.pages.set('/right/-/right-2.2.0.tgz', { body: 'right new' });
    await refuses(lock(context, { update: true }), 'LOCK_NOT_FOUND');
    script('1.0.0', '2.1.0');
    await lock(context);
    const text = readFileSync(join(context, 'Dockerfile.lock'), 'utf8');
    script('1.1.0', '2.2.0');
    const only = (...names: string[]): Promise<LockOutcome> => lock(context, { update: true, only: names });
    await refuses(only('npm:left'), 'LOCK_WIDER', /npm:right: 2\.1\.0 .* → 2\.2\.0/);
    assert.equal(readFileSync(join(context, 'Dockerfile.lock'), 'utf8'), text);
    const dry = await lock(context, { update: true, dryRun: true });
    assert.deepEqual([dry.written, dry.changes.length], [false, 2]);
    assert.equal(readFileSync(join(context, 'Dockerfile.lock'), 'utf8'), text);
    assert.equal((await only('npm:l*', 'npm:right')).changes.length, 2);
  });

  test('holds what a step fetched although a cache mount had it already', async () => {
    const run = `[ -e /c/x ] || wget -q -O /c/x ${url('/left/-/left-1.0.0.tgz')}; cp /c/x /x`;
    const context = lab.context({ Dockerfile: `FROM busybox\nRUN --mount=type=cache,target=/c ${run}\n` });
    const ordinary = await build(context);
    assert.equal((await lock(context)).packages, 1);
    assert.equal((await build(context, { lock: 'replay' })).imageId, ordinary.imageId);
  });

  test('is not made of a step that speaks something else than HTTP, or by the network of the host', async () => {
    const context = lab.context({ Dockerfile: `FROM busybox\nRUN echo EHLO | nc -w 5 ${HOST} ${web.port} || true\n` });
    await refuses(lock(context), 'LOCK_UNRECORDABLE', /something other than HTTP with/);
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN --network=host true\n');
    const build = { allow: ['network.host'], context: { kind: 'directory', path: context } as const };
    const request = { ...build, tags: [], buildArgs: {}, labels: {}, noCache: true, pull: false, keepNoise: false };
    await refuses(
      lab.engine.locks.lock({ build: request, update: false, dryRun: false }, watch()),
      'LOCK_HOST_NETWORK',
    );
    assert.ok(!readdirSync(context).includes('Dockerfile.lock'));
  });

  test('and a secret have nothing in common', async () => {
    web.pages.set('/by/hush-hush-hush', { body: 'x' });
    const run = `wget -q -O /x ${url('/by/')}$(cat /run/secrets/s)`;
    const context = lab.context({
      Dockerfile: `FROM busybox\nRUN --mount=type=secret,id=s ${run}\n`,
      s: 'hush-hush-hush',
    });
    const secrets = [{ kind: 'file', id: 's', path: join(context, 's') } as const];
    const given = { context: { kind: 'directory', path: context } as const, secrets, stepConfig };
    const request = { ...given, tags: [], buildArgs: {}, labels: {}, noCache: true, pull: false, keepNoise: false };
    const outcome = await lab.engine.locks.lock({ build: request, update: false, dryRun: false }, watch());
    assert.deepEqual(outcome.redacted, [url('/by/REDACTED')]);
    assert.ok(!readFileSync(outcome.path, 'utf8').includes('hush'));
    await build(context, { lock: 'replay', secrets, noCache: true });
  });

  test('records TLS, and leaves no trace of its authority in a layer', { skip: ALPINE.missing }, async () => {
    await lab.importRootfs(ALPINE.path, 'alpine', [`ENV ${SEARCH_PATH}`]);
    const authority = makeAuthority();
    const server = createServer(authority.certificateFor(HOST), (_request, response) => void response.end('secure'));
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    const { port } = server.address() as AddressInfo; // It listens on TCP.
    const known = getCACertificates('default');
    setDefaultCACertificates([...known, authority.certificate]);
    const bundle = '/etc/ssl/certs/ca-certificates.crt';
    const context = lab.context({
      Dockerfile: `FROM alpine\nRUN wget -q -O /got https://${HOST}:${port}/x && cp ${bundle} /copy && env > /env\nRUN ls /run > /runs\n`,
    });
    try {
      await lock(context);
      // From the cache: what was recorded is what an ordinary build finds.
      const { imageId } = await build(context);
      assert.equal((await lab.read(imageId, '/got')).toString(), 'secure');
      const original = await lab.read('alpine', bundle);
      assert.ok((await lab.read(imageId, '/copy')).equals(original));
      assert.ok((await lab.read(imageId, bundle)).equals(original));
      assert.ok(![...(await lab.tree(imageId)).keys()].some((name) => name.includes('authority')));
      const [, layer] = (await lab.stack(imageId)).layers;
      const names = Array.from(layer?.index.root.children() ?? [], ([name]) => name);
      assert.deepEqual(
        names.filter((name) => name !== 'proc' && name !== 'sys'),
        ['copy', 'env', 'got'],
      );
      server.close();
      assert.equal((await build(context, { lock: 'replay', noCache: true })).imageId, imageId);
    } finally {
      setDefaultCACertificates(known);
      server.close();
    }
  });
});
