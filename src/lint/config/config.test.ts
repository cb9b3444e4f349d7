import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findConfig, loadConfigFile } from './config.ts';
import { NO_CONFIG } from './settings.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'shale-lint-config-'));
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  mkdirSync(join(folder, '.git'));
});
after(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('findConfig() takes the nearest config, ours before that of hadolint, and ends at the root of a repository', async () => {
  assert.equal(await findConfig(join(folder, 'a/b')), NO_CONFIG);
  const hadolint = write('a/.hadolint.yaml', 'ignored: [DL3008]\n');
  assert.equal((await findConfig(join(folder, 'a/b'))).path, hadolint);
  const ours = write('a/.shale-lint.toml', 'ignore = ["DL3009"]\n');
  const config = await findConfig(join(folder, 'a/b'));
  assert.deepEqual([config.path, config.ignored], [ours, ['apt-clean-lists']]);
});

test('a config of ours says everything that can be set', async () => {
  const text =
    'ignore = ["apt-pin"]\nenable = ["DL3057"]\nfailure-threshold = "warning"\ntrusted-registries = ["docker.io"]\nstrict-labels = true\ninline-ignores = false\n[severity]\nDL3004 = "info"\n[labels]\nmaintainer = "email"\n';
  const { ignored, enabled, failureThreshold, settings, useInlineIgnores, severities } = await loadConfigFile(
    write('x.toml', text),
  );
  assert.deepEqual(
    [ignored, enabled, failureThreshold, useInlineIgnores],
    [['apt-pin'], ['healthcheck-missing'], 'warning', false],
  );
  assert.deepEqual(settings, { trustedRegistries: ['docker.io'], strictLabels: true, labels: { maintainer: 'email' } });
  assert.deepEqual([...severities], [['run-sudo', 'info']]);
});

test('a config of hadolint means what it means there', async () => {
  const text =
    'ignored:\n  - DL3008\n  - SC2086\n  - DL3005\noverride:\n  error: [DL3015]\ntrustedRegistries:\n  - docker.io\nlabel-schema:\n  author: text\nstrict-labels: true\nfailure-threshold: info\nformat: json\n';
  const { ignored, severities, settings, failureThreshold } = await loadConfigFile(write('h.yaml', text));
  assert.deepEqual(ignored, ['apt-pin', 'SC2086']);
  assert.deepEqual([...severities], [['apt-no-recommends', 'error']]);
  assert.deepEqual(settings, { trustedRegistries: ['docker.io'], labels: { author: 'text' }, strictLabels: true });
  assert.equal(failureThreshold, 'info');
});

test('a config that cannot be read is refused with its file and line', async () => {
  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['a.toml', 'ignore = ["apt-pin"]\nignroe = []\n', /a\.toml:2: there is no setting ignroe/],
    ['b.toml', '\nignore = ["nothing"]\n', /b\.toml:2: there is no rule nothing/],
    ['c.toml', 'failure-threshold = "bad"\n', /c\.toml:1: failure-threshold is one of/],
    ['d.toml', 'ignore = [\n', /d\.toml:\d/],
    ['e.yaml', 'ignored: x\n', /e\.yaml:1: ignored is a list/],
    ['f.yaml', 'strict-labels: true\nwhat: 1\n', /f\.yaml:2: there is no setting what/],
    ['g.yaml', 'a: [\n', /g\.yaml:\d/],
  ];
  for (const [name, text, message] of refused) {
    await assert.rejects(loadConfigFile(write(name, text)), { message, code: 'LINT_CONFIG_INVALID' });
  }
  await assert.rejects(loadConfigFile(join(folder, 'none.toml')), { message: /there is no config file/ });
});
