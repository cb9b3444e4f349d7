import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Engine, ImageDiff } from '../../engine/index.ts';
import { runFake } from '../fake-context.fixture.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'shale-lint-'));
});
after(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const lint = (...words: string[]): ReturnType<typeof runFake> => runFake(['lint', '--shellcheck=false', ...words]);

test('`lint` ends with 2 when something was found, with 0 below the threshold, with 1 when there is no file', async () => {
  const bad = write('bad/Dockerfile', 'FROM debian:12\nRUN sudo x\nUSER 1\n');
  const good = write('good/Dockerfile', 'FROM debian:12\nUSER 1\n');
  const { status, stdout } = await lint(bad);
  assert.equal(status, 2);
  assert.match(stdout, /bad\/Dockerfile:2:5 error .* run-sudo/);
  assert.deepEqual(await lint(good), { status: 0, stdout: '', stderr: '' });
  assert.equal((await lint('-t', 'none', bad)).status, 0);
  assert.equal((await lint('--ignore', 'DL3004', bad)).status, 0);
  assert.equal((await lint('--severity', 'run-sudo=info', '-t', 'warning', bad)).status, 0);
  assert.equal((await lint(join(folder, 'none'))).status, 1);
  assert.equal((await lint('--ignore', 'nothing', bad)).status, 125);
});

test('`lint` takes folders, patterns, several files and standard input', async () => {
  write('many/Dockerfile', 'FROM a\n');
  write('many/web.Dockerfile', 'FROM b\n');
  write('many/node_modules/Dockerfile', 'FROM c\n');
  write('many/Dockerfile.md', 'FROM d\n');
  const filesOf = (text: string): string[] => [
    ...new Set([...text.matchAll(/many\/(\S+?):/g)].map(([, name = '']) => name)),
  ];
  assert.deepEqual(filesOf((await lint(join(folder, 'many'))).stdout), ['Dockerfile', 'web.Dockerfile']);
  assert.deepEqual(filesOf((await lint(join(folder, 'many/*.Dockerfile'))).stdout), ['web.Dockerfile']);
  const { status, stdout } = await runFake(['lint', '-'], { stdin: 'FROM a\n' });
  assert.deepEqual([status, /^-:1:6 /m.test(stdout)], [2, true]);
});

test('`lint --fix` mends in place and keeps the mode; `--diff` changes nothing; standard input goes to standard output', async () => {
  const path = write('fix/Dockerfile', 'FROM debian:12 as a\nUSER 1\n');
  const { mode } = statSync(path);
  const preview = await lint('--fix', '--diff', path);
  assert.match(preview.stdout, /^-FROM debian:12 as a\n\+FROM debian:12 AS a$/m);
  assert.match(readFileSync(path, 'utf8'), / as /);
  const { status, stderr } = await lint('--fix', path);
  assert.deepEqual(
    [status, readFileSync(path, 'utf8'), statSync(path).mode],
    [0, 'FROM debian:12 AS a\nUSER 1\n', mode],
  );
  assert.match(stderr, /mended 1\n {2}from-as-casing at line 1: write AS/);
  const piped = await runFake(['lint', '--fix=unsafe', '-'], { stdin: 'FROM debian:12\nUSER root\n' });
  assert.equal(piped.stdout, 'FROM debian:12\nUSER 65534\n');
});

test('`lint --explain` prints the page of a rule by any of its names, `--list-rules` all rules', async () => {
  assert.match((await lint('--explain', 'DL3008')).stdout, /^# apt-pin\n/);
  assert.equal((await lint('--explain', 'DL9999')).status, 125);
  assert.match(
    (await lint('--list-rules')).stdout,
    /^apt-pin +warning +pin +packages of apt have a version \(DL3008\)$/m,
  );
});

test('`lint` reads the ignore file of the Dockerfile and the config that is named', async () => {
  const path = write('context/Dockerfile', 'FROM debian:12\nCOPY dist /x/\nUSER 1\n');
  write('context/.dockerignore', 'dist\n');
  assert.match((await lint(path)).stdout, /copy-ignored-file/);
  const config = write('context/own.toml', 'ignore = ["copy-ignored-file"]\n');
  assert.equal((await lint('--config', config, path)).status, 0);
});

test('`lint --fix=pin` writes what is looked up, and tells what cannot be', async () => {
  const path = write(
    'pin/Dockerfile',
    'FROM debian:12\nRUN apt-get install -y --no-install-recommends curl vim\nUSER 1\n',
  );
  const engine: Partial<Engine> = {
    pinVersions: async ({ queries }) =>
      queries.map(({ name }) => (name === 'vim' ? { problem: 'gone' } : { version: '7-1' })),
  };
  const { stderr } = await runFake(['lint', '--shellcheck=false', '--fix=pin', path], { engine });
  assert.match(readFileSync(path, 'utf8'), /curl=7-1 vim$/m);
  assert.match(stderr, /Dockerfile:2:53: no version for vim: gone\n/);
});

test('`lint --fix --verify` writes what two builds have shown, and leaves a file alone whose image would be another', async () => {
  const text = 'FROM debian:12 as a\nUSER 1\n';
  const image = { name: 'i', id: 'i', sizeBytes: 10, layers: 1 };
  const diff = {
    before: image,
    after: image,
    sharedLayers: 1,
    config: [],
    packages: [],
    files: { added: [], removed: [], changed: [] },
  };
  const changed = { ...diff, files: { ...diff.files, added: [{ path: '/x', kind: 'file', sizeBytes: 1 }] } };
  const engineWith = (answer: ImageDiff): Partial<Engine> => ({
    images: async () => [],
    removeImage: async () => [],
    build: async () => ({ imageId: 'i', buildId: 'b1', tags: [], metadata: {} }),
    diffImages: async () => answer,
  });
  const path = write('verify/Dockerfile', text);
  const words = ['lint', '--shellcheck=false', '--fix', '--verify', path];
  const refused = await runFake(words, { engine: engineWith(changed) });
  assert.deepEqual([refused.status, readFileSync(path, 'utf8')], [1, text]);
  assert.match(refused.stderr, /not verified: the root file system differs \(1 added\)\n {2}\/x\n/);
  const { status, stderr } = await runFake(words, { engine: engineWith(diff) });
  assert.deepEqual([status, readFileSync(path, 'utf8')], [0, text.replace(' as ', ' AS ')]);
  assert.match(stderr, /verified: same root file system\n {2}0 bytes of files/);
  assert.equal((await lint('--verify', path)).status, 125);
});

test('`lint --ignorefile` says that there is no build to go by', async () => {
  const path = write('never/Dockerfile', 'FROM debian:12\n');
  const { status, stderr } = await runFake(['lint', '--ignorefile', path], {
    env: { SHALE_HOME: join(folder, 'none') },
  });
  assert.equal(status, 1);
  assert.match(stderr, /there is no record of a build/);
});
