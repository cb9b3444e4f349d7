import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { BakeTarget, SourceFiles, SourceFilesRequest } from '../../engine/index.ts';
import { runCommandLine } from '../app.ts';
import { fakeContext } from '../fake-context.fixture.ts';

const ADDRESS = 'https://host/x.git#main';

describe('bake of an address', () => {
  let cwd = '';
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'shale-bake-'));
    mkdirSync(join(cwd, 'own'));
    symlinkSync('/etc', join(cwd, 'out'));
    symlinkSync('/etc/not-there-yet', join(cwd, 'dangling'));
  });
  after(() => rmSync(cwd, { recursive: true, force: true }));

  interface Run {
    readonly status: number;
    readonly stdout: string;
    readonly stderr: string;
    readonly targets: readonly BakeTarget[];
    readonly asked: readonly SourceFilesRequest[];
  }

  /** Runs bake where an address leads to these files, or to one file. */
  async function bake(away: Readonly<Record<string, string>> | string, words: readonly string[]): Promise<Run> {
    const targets: BakeTarget[] = [];
    const asked: SourceFilesRequest[] = [];
    const source = (): SourceFiles =>
      typeof away === 'string'
        ? { kind: 'file', bytes: Buffer.from(away) }
        : { kind: 'tree', files: new Map(Object.entries(away).map(([name, text]) => [name, Buffer.from(text)])) };
    const { context, stdout, stderr } = fakeContext({
      engine: {
        readSourceFiles: async (request) => {
          asked.push(request);
          return source();
        },
        bake: async (wanted) => {
          targets.push(...wanted);
          return wanted.map(({ name }) => ({ name, imageId: 'sha256:0', buildId: 'b', tags: [], metadata: {} }));
        },
      },
    });
    const status = await runCommandLine(['bake', ...words], { ...context, cwd });
    return { status, stdout: stdout(), stderr: stderr().replaceAll(cwd, '/here'), targets, asked };
  }

  const file = (fields: string): Record<string, string> => ({
    'docker-bake.hcl': `target "default" {\n${fields}\n}\n`,
  });

  test('contexts are folders of what the address leads to, and cwd:// is here', async () => {
    const fields = 'context = "app"\ncontexts = { all = ".", mine = "cwd://own", base = "docker-image://a" }';
    const { targets, asked } = await bake(file(fields), [ADDRESS]);
    assert.equal(asked[0]?.address, ADDRESS);
    const [request] = targets.map((target) => target.request);
    assert.deepEqual(request?.context, { kind: 'address', address: `${ADDRESS}:app` });
    assert.deepEqual(request?.dockerfile, { kind: 'within', path: 'Dockerfile' });
    assert.deepEqual(request?.buildContexts, {
      all: { kind: 'address', address: ADDRESS },
      mine: { kind: 'directory', path: join(cwd, 'own') },
      base: { kind: 'image', reference: 'a' },
    });
    const plain = (await bake(file('dockerfile = "cwd://D"'), [ADDRESS])).targets[0]?.request;
    assert.deepEqual(plain?.context, { kind: 'address', address: ADDRESS });
    assert.deepEqual(plain?.dockerfile, { kind: 'file', path: join(cwd, 'D') });
  });

  test('--print shows paths as they are written', async () => {
    const { stdout, targets } = await bake(file('context = "app"'), [ADDRESS, '--print']);
    assert.match(stdout, /"context": "app"/);
    assert.deepEqual(targets, []);
  });

  test('a second address is BAKE_CMD_CONTEXT, and what follows are targets', async () => {
    const away = { 'docker-bake.hcl': 'target "a" { context = BAKE_CMD_CONTEXT }\n' };
    const { targets } = await bake(away, [ADDRESS, 'https://host/y.git', 'a']);
    assert.deepEqual(targets[0]?.request.context, { kind: 'address', address: 'https://host/y.git' });
    const here = await bake(away, [ADDRESS, 'a']);
    assert.deepEqual(here.targets[0]?.request.context, { kind: 'directory', path: cwd });
  });

  test('-f names files there, and with cwd:// those here, which count more', async () => {
    writeFileSync(join(cwd, 'own.hcl'), 'target "a" { tags = ["own"] }\n');
    const away = { 'ci.hcl': 'target "a" { tags = ["away"] }\n' };
    const { targets, asked } = await bake(away, ['-f', 'cwd://own.hcl', '-f', 'ci.hcl', ADDRESS, 'a']);
    assert.deepEqual(asked[0]?.paths, ['ci.hcl']);
    assert.deepEqual(targets[0]?.request.tags, ['own']);
    const mine = await bake({}, ['-f', 'cwd://own.hcl', ADDRESS, 'a']);
    assert.deepEqual([mine.asked, mine.targets[0]?.request.tags], [[], ['own']]);
    const { stderr } = await bake(away, ['-f', 'none.hcl', ADDRESS]);
    assert.match(stderr, /there is no bake file none\.hcl at https:\/\/host\/x\.git#main/);
    assert.match((await bake({}, [ADDRESS])).stderr, /there is no bake file at https:[^ ]*: compose\.yaml/);
  });

  test('a single file of the web is a bake file, whose contexts have no folders', async () => {
    const web = 'https://host/docker-bake.hcl';
    const { targets } = await bake('target "default" { context = "https://host/y.git" }\n', [web]);
    assert.equal(targets[0]?.name, 'default');
    const { stderr, status } = await bake('target "default" { context = "app" }\n', [web]);
    assert.equal(status, 125);
    assert.match(stderr, /the folder app of https:\/\/host\/docker-bake\.hcl cannot be a context/);
  });

  const REFUSED: readonly (readonly [string, string])[] = [
    ['secret = ["id=s,src=/etc/shadow"]', 'fs.read=/etc/shadow'],
    ['secret = ["id=s,src=../other"]', 'fs.read=/other'],
    ['secret = ["id=s,src=out/file"]', 'fs.read=/here/out/file'],
    ['secret = ["id=/etc/shadow"]', 'fs.read=/etc/shadow'],
    ['context = "cwd:///etc"', 'fs.read=/etc, fs.read=/etc/Dockerfile'],
    ['context = "cwd://own"\ndockerfile = "../../other"', 'fs.read=/other'],
    ['contexts = { x = "oci-layout:///var/x:1" }', 'fs.read=/var/x'],
    ['dockerfile = "cwd:///etc/D"', 'fs.read=/etc/D'],
    ['cache-from = ["type=local,src=/var/cache"]', 'fs.read=/var/cache'],
    ['cache-to = ["type=local,dest=/var/cache"]', 'fs.write=/var/cache'],
    ['output = ["type=local,dest=/etc"]', 'fs.write=/etc'],
    ['output = ["/etc"]', 'fs.write=/etc'],
    ['output = ["type=tar,dest=/etc/x.tar"]', 'fs.write=/etc/x.tar'],
    ['output = ["type=oci,dest=out/new.tar"]', 'fs.write=/here/out/new.tar'],
    ['output = ["type=oci,dest=dangling"]', 'fs.write=/here/dangling'],
    ['ssh = ["default=/etc/key"]', 'ssh'],
    ['network = "host"', 'network.host'],
  ];
  for (const [fields, right] of REFUSED) {
    test(`what is fetched may not touch this machine unasked: ${fields}`, async () => {
      const { status, stderr, targets } = await bake(file(fields), [ADDRESS]);
      assert.deepEqual([status, targets], [125, []]);
      const shown = right.replace('=/other', `=${join(cwd, '..', 'other')}`);
      assert.match(stderr, new RegExp(`it asks for ${shown.replaceAll('.', '\\.')}\n`));
      const rights = shown.split(', ').flatMap((one) => ['--allow', one.replace('/here', cwd)]);
      const allowed = await bake(file(fields), [ADDRESS, ...rights]);
      assert.equal(allowed.stderr.includes('it asks for'), false, allowed.stderr);
      if (!right.startsWith('fs.')) return;
      const all = await bake(file(fields), [ADDRESS, '--allow', 'fs=*']);
      assert.equal(all.stderr.includes('it asks for'), false, all.stderr);
    });
  }

  test('files below the folder where the command was started may be read and written', async () => {
    const fields = 'context = "cwd://own"\noutput = ["type=local,dest=own/result"]\nsecret = ["id=s,src=own/key"]';
    const { targets, stderr } = await bake(file(fields), [ADDRESS]);
    assert.equal(targets.length, 1, stderr);
  });
});
