import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { BakeTarget, BuildRequest, Engine } from '../../engine/index.ts';
import { runCommandLine } from '../app.ts';
import { fakeContext } from '../fake-context.fixture.ts';

describe('bake', () => {
  let folder = '';
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'shale-bake-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  interface Run {
    readonly status: number;
    readonly stdout: string;
    readonly stderr: string;
    readonly targets: readonly BakeTarget[];
  }

  /** Runs bake over files of a folder of its own, with an engine that only takes down what it is asked for. */
  async function bake(files: Readonly<Record<string, string>>, words: readonly string[], stdin = ''): Promise<Run> {
    const cwd = mkdtempSync(join(folder, 'case-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
    const targets: BakeTarget[] = [];
    const engine: Partial<Engine> = {
      bake: async (wanted) => {
        targets.push(...wanted);
        return wanted.map(({ name }, i) => ({
          name,
          imageId: `sha256:${i}`,
          buildId: `b${i}`,
          tags: [],
          metadata: { n: i },
        }));
      },
      why: async ({ build }) => ({ buildId: build, steps: [] }),
    };
    const { context, stdout, stderr } = fakeContext({ engine, stdin });
    const status = await runCommandLine(['bake', ...words], { ...context, cwd });
    return { status, stdout: stdout(), stderr: stderr().replaceAll(cwd, '/here'), targets };
  }

  async function requestOf(fields: string, words: readonly string[] = []): Promise<BuildRequest> {
    const run = await bake({ 'docker-bake.hcl': `target "default" {\n${fields}\n}\n` }, words);
    assert.equal(run.stderr, '');
    const [target] = run.targets;
    assert.ok(target);
    return target.request;
  }

  test('a target is asked for as shale build would ask for it', async () => {
    const request = await requestOf(`
      context = "app"
      target = "prod"
      args = { A = "1", B = "x=y" }
      labels = { l = "m" }
      tags = ["web:1", "web:2"]
      contexts = { base = "docker-image://alpine", src = "https://github.com/a/b.git", more = "../more" }
      secret = ["id=s,env=TOKEN"]
      no-cache = true
      pull = true
      network = "none"
      platforms = ["linux/amd64", "linux/arm64"]
      no-cache-filter = ["one"]`);
    assert.ok(request.context.kind === 'directory' && request.context.path.endsWith('/app'));
    assert.ok(request.dockerfile?.kind === 'file' && request.dockerfile.path.endsWith('/app/Dockerfile'));
    assert.deepEqual(
      [request.target, request.buildArgs, request.labels, request.tags],
      ['prod', { A: '1', B: 'x=y' }, { l: 'm' }, ['web:1', 'web:2']],
    );
    assert.deepEqual([request.noCache, request.pull, request.network], [true, true, 'none']);
    assert.deepEqual(request.platforms, ['linux/amd64', 'linux/arm64']);
    assert.deepEqual(request.noCacheStages, ['one']);
    const { base, src, more } = request.buildContexts ?? {};
    assert.deepEqual(base, { kind: 'image', reference: 'alpine' });
    assert.deepEqual(src, { kind: 'address', address: 'https://github.com/a/b.git' });
    assert.ok(more?.kind === 'directory');
  });

  test('a Dockerfile lies in the context, where the command was started with cwd://, or in the bake file', async () => {
    const away = await requestOf('context = "https://github.com/a/b.git#main"\ndockerfile = "sub/D"');
    assert.deepEqual(away.dockerfile, { kind: 'within', path: 'sub/D' });
    const absolute = await requestOf('context = "app"\ndockerfile = "/etc/D"');
    assert.deepEqual(absolute.dockerfile, { kind: 'file', path: '/etc/D' });
    const started = await requestOf('context = "app"\ndockerfile = "cwd://D"');
    assert.ok(started.dockerfile?.kind === 'file' && !started.dockerfile.path.includes('/app/'));
    const inline = await requestOf('dockerfile-inline = "FROM scratch\\n"');
    assert.ok(inline.dockerfile?.kind === 'stream');
    const chunks = await Array.fromAsync(inline.dockerfile.bytes);
    assert.equal(Buffer.concat(chunks).toString(), 'FROM scratch\n');
  });

  test('what only others need is built for the cache, and not told', async () => {
    const files = {
      'docker-bake.hcl': 'target "default" { contexts = { low = "target:low" } }\ntarget "low" { tags = ["low"] }\n',
    };
    const run = await bake(files, []);
    assert.equal(run.stdout, 'default sha256:0\n');
    const [top, low] = run.targets;
    assert.deepEqual(top?.request.buildContexts, { low: { kind: 'target', target: 'low' } });
    assert.deepEqual([low?.name, low?.request.outputs], ['low', []]);
  });

  test('a bake file comes from standard input, by name, and by the variable', async () => {
    const text = 'target "a" {}\n';
    assert.equal((await bake({}, ['-f', '-', 'a'], text)).stdout, 'a sha256:0\n');
    assert.equal((await bake({ 'x.hcl': text }, ['-f', 'x.hcl', 'a'])).stdout, 'a sha256:0\n');
    assert.match((await bake({}, ['-f', 'x.hcl', 'a'])).stderr, /there is no bake file x\.hcl/);
    assert.match((await bake({}, ['-f', 'https://x/y.hcl'])).stderr, /is an address/);
    assert.match((await bake({}, [])).stderr, /there is no bake file here: compose\.yaml, /);
  });

  test('rights that a file asks for have to be allowed', async () => {
    const entitled = { 'docker-bake.hcl': 'target "default" { entitlements = ["security.insecure"] }\n' };
    const refused = await bake(entitled, []);
    assert.equal(refused.status, 125);
    assert.match(refused.stderr, /target default: it asks for security\.insecure\ntry: --allow security\.insecure\n/);
    const allowed = await bake(entitled, ['--allow', 'security.insecure']);
    assert.deepEqual(allowed.targets[0]?.request.allow, ['security.insecure']);
    const host = { 'docker-bake.hcl': 'target "default" { network = "host" }\n' };
    assert.match((await bake(host, [])).stderr, /it asks for network\.host/);
    assert.equal((await bake(host, ['--allow', 'network.host'])).targets[0]?.request.network, 'host');
  });

  test('what shale build refuses is refused with the target’s name, and nothing is built', async () => {
    const run = await bake({ 'docker-bake.hcl': 'target "default" { attest = ["type=sbom,generator=x"] }\n' }, []);
    assert.deepEqual([run.status, run.targets], [125, []]);
    assert.match(run.stderr, /target default: --attest type=sbom/);
    const off = await bake({ 'docker-bake.hcl': 'target "default" { attest = ["type=sbom,disabled=true"] }\n' }, []);
    assert.equal(off.status, 0);
  });

  test('--provenance, --sbom and --attest-style hold for every target', async () => {
    const files = { 'docker-bake.hcl': 'group "default" { targets = ["a", "b"] }\ntarget "a" {}\ntarget "b" {}\n' };
    const { targets } = await bake(files, ['--provenance', 'mode=min', '--sbom=true', '--attest-style', 'index']);
    const wanted = [
      { kind: 'provenance', mode: 'min' },
      { kind: 'sbom', format: 'spdx' },
    ];
    assert.deepEqual(
      targets.map(({ request }) => request.attestations),
      [wanted, wanted],
    );
    assert.deepEqual(
      targets.map(({ request }) => request.attestationStyle),
      ['index', 'index'],
    );
    const wrong = await bake(files, ['--attest-style', 'x']);
    assert.deepEqual([wrong.status, wrong.targets], [125, []]);
  });

  test('--list shows targets and variables, as a table and as JSON', async () => {
    const files = {
      'docker-bake.hcl':
        'group "default" { targets = ["a"] }\ntarget "a" { description = "the app" }\ntarget "_base" {}\nvariable "V" {\n  type = list(string)\n  default = ["x"]\n  description = "what"\n}\n',
    };
    const list = async (asked: string): Promise<string> => (await bake(files, ['--list', asked])).stdout;
    assert.equal(await list('targets'), 'TARGET    DESCRIPTION\na         the app\ndefault   a\n');
    assert.equal(
      await list('variables'),
      'VARIABLE   TYPE           VALUE     DESCRIPTION\nV          list(string)   ["x"]     what\n',
    );
    assert.deepEqual(JSON.parse(await list('type=targets,format=json')), [
      { name: 'a', description: 'the app' },
      { name: 'default', description: 'a', group: true },
    ]);
    assert.match((await bake(files, ['--list', 'stages'])).stderr, /--list takes targets or variables/);
  });

  test('a mistake in the file is shown with its lines', async () => {
    const run = await bake({ 'docker-bake.hcl': 'target "default" {\n  tags = nope\n}\n' }, []);
    assert.equal(run.status, 1);
    assert.match(run.stderr, /2 \| >>> {3}tags = nope\n[\s\S]*docker-bake\.hcl:2:10: there is no variable "nope"/);
  });
});
