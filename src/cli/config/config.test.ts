import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { lineOfKey } from '../../base/index.ts';
import { type EffectiveConfig, loadConfig } from './load.ts';
import { parseCacheMax } from './settings.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'shale-config-'));
  mkdirSync(join(folder, 'etc/shale'), { recursive: true });
  mkdirSync(join(folder, 'user/shale'), { recursive: true });
});
after(() => rmSync(folder, { recursive: true }));

function load(
  files: { etc?: string; user?: string },
  env: Record<string, string> = {},
  uid = 0,
): Promise<EffectiveConfig> {
  writeFileSync(join(folder, 'etc/shale/config.toml'), files.etc ?? '');
  writeFileSync(join(folder, 'user/shale/config.toml'), files.user ?? '');
  return loadConfig({ env: { XDG_CONFIG_HOME: join(folder, 'user'), ...env }, uid, etc: join(folder, 'etc') });
}

describe('loadConfig()', () => {
  test('loadConfig() has a default for everything, root’s and others’', async () => {
    const root = await loadConfig({ env: {}, uid: 0, etc: join(folder, 'absent') });
    assert.equal(root.settings.home, '/var/lib/shale');
    assert.equal(root.settings.run, '/run/shale');
    assert.deepEqual(root.sources.get('home'), { kind: 'default' });
    const env = { HOME: '/home/me', XDG_RUNTIME_DIR: '/run/user/1000' };
    const user = await loadConfig({ env, uid: 1000, etc: join(folder, 'absent') });
    assert.equal(user.settings.home, '/home/me/.local/share/shale');
    assert.equal(user.settings.run, '/run/user/1000/shale');
    const bare = await loadConfig({ env: { HOME: '/home/me', XDG_DATA_HOME: '/data' }, uid: 1000, etc: '/absent' });
    assert.equal(bare.settings.home, '/data/shale');
    assert.equal(bare.settings.run, '/data/shale/run');
  });

  test('loadConfig() lets the user’s file win over the machine’s, and the environment over both', async () => {
    const { settings, sources } = await load(
      {
        etc: 'home = "/a"\nprogress = "plain"\n[cache]\nmax = "20GB"\n[network]\ndefault = "none"\n',
        user: 'progress = "tty"\nnetwork.default = "host"\n',
      },
      { SHALE_NETWORK_DEFAULT: 'bridge', SHALE_HOME: '' },
    );
    assert.equal(settings.home, '/a');
    assert.equal(settings.progress, 'tty');
    assert.equal(settings.networkDefault, 'bridge');
    assert.deepEqual(settings.cacheMax, { kind: 'bytes', bytes: 20e9 });
    assert.deepEqual(sources.get('cacheMax'), { kind: 'file', path: join(folder, 'etc/shale/config.toml'), line: 4 });
    assert.deepEqual(sources.get('progress'), { kind: 'file', path: join(folder, 'user/shale/config.toml'), line: 1 });
    assert.deepEqual(sources.get('networkDefault'), { kind: 'environment', variable: 'SHALE_NETWORK_DEFAULT' });
  });

  test('loadConfig() reads lists and tables, from files and from the environment', async () => {
    const text =
      '[registry]\ninsecure = ["localhost:5000"]\n[registry.mirrors]\n"docker.io" = ["https://a.example/"]\n';
    const { settings } = await load({ etc: text });
    assert.deepEqual(settings.registryInsecure, ['localhost:5000']);
    assert.deepEqual(settings.registryMirrors, { 'docker.io': ['https://a.example'] });
    const { settings: fromEnv } = await load(
      {},
      { SHALE_REGISTRY_INSECURE: 'a:1,b', SHALE_REGISTRY_MIRRORS: 'r=https://x,r=https://y' },
    );
    assert.deepEqual(fromEnv.registryInsecure, ['a:1', 'b']);
    assert.deepEqual(fromEnv.registryMirrors, { r: ['https://x', 'https://y'] });
  });

  const refused: readonly (readonly [what: string, text: string, message: RegExp, hint?: RegExp])[] = [
    ['an unknown key', '[cache]\n\nmaks = 1\n', /config\.toml:3: there is no setting cache\.maks$/, /cache\.max/],
    ['an unknown table', 'a = 1\n', /config\.toml:1: there is no setting a$/],
    [
      'an unknown key of an inline table',
      'home = "/x"\nmirror = { debain = "x" }\n',
      /:2: there is no setting mirror\.debain/,
    ],
    ['a relative home', '\nhome = "x"\n', /config\.toml:2: home is an absolute path, not "x"$/],
    ['a wrong type', 'progress = 1\n', /:1: progress is one of auto, tty/],
    ['a mirror that is no address', '[mirror]\ndebian = "ftp://x"\n', /:2: mirror\.debian is an http or https address/],
    ['a registry with a path', '[registry]\ninsecure = ["a/b"]\n', /registry\.insecure lists registries/],
    ['text that is not TOML', 'home = "/x"\nrun = \n', /config\.toml:2: /],
    ['a key that is set twice', 'home = "/x"\nhome = "/y"\n', /config\.toml:2: /],
    ['a value where a table belongs', 'cache = 3\n', /:1: there is no setting cache$/],
  ];
  for (const [what, text, message, hint] of refused) {
    test(`loadConfig() refuses ${what}, naming file and line`, async () => {
      await assert.rejects(load({ user: text }), (error: Error & { code?: string; hint?: string }) => {
        assert.match(error.message, message);
        assert.equal(error.code, 'SETTINGS_INVALID');
        if (hint !== undefined) assert.match(error.hint ?? '', hint);
        return true;
      });
    });
  }

  test('loadConfig() names the variable of a bad value', async () => {
    await assert.rejects(load({}, { SHALE_PROGRESS: 'fancy' }), { message: /^SHALE_PROGRESS is one of/ });
  });
});

test('parseCacheMax() reads sizes and shares', () => {
  assert.deepEqual(parseCacheMax('10%'), { kind: 'percent', percent: 10 });
  assert.deepEqual(parseCacheMax('1.5 GiB'), { kind: 'bytes', bytes: 1.5 * 1024 ** 3 });
  assert.deepEqual(parseCacheMax('500k'), { kind: 'bytes', bytes: 500_000 });
  assert.deepEqual(parseCacheMax(4096), { kind: 'bytes', bytes: 4096 });
  for (const bad of ['', 'x', '101%', '-1GB', '1PB', true, null]) assert.throws(() => parseCacheMax(bad));
});

test('lineOfKey() finds keys in tables, dotted and quoted', () => {
  const text = '# a.b = 1\n[a]\nb = 1\n[x."y.z"]\nw.v = 2\n';
  assert.equal(lineOfKey(text, ['a', 'b']), 3);
  assert.equal(lineOfKey(text, ['x', 'y.z', 'w', 'v']), 5);
  assert.equal(lineOfKey(text, ['a', 'q']), 2);
});
