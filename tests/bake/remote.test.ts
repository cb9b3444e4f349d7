/** `shale bake ADDRESS`: definitions that are fetched, by whole command lines. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { member, tar } from '../../src/archive/tar-parser.fixture.ts';
import { GitRepository, noGit } from '../support/git-repository.ts';
import { Web } from '../support/web.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/shale');
const FILES = {
  'docker-bake.hcl': `
    target "default" {
      context = "app"
      contexts = { all = "." }
      output = ["type=local,dest=result"]
    }
    target "mine" {
      context = BAKE_CMD_CONTEXT
      dockerfile-inline = "FROM scratch\\nCOPY mine /\\n"
      output = ["type=local,dest=result"]
    }
    target "grasping" {
      dockerfile-inline = "FROM scratch\\n"
      output = ["type=local,dest=../elsewhere"]
    }`,
  'app/Dockerfile': 'FROM scratch\nCOPY page /\nCOPY --from=all top /\n',
  'app/page': 'page\n',
  top: 'top\n',
};

describe('bake of an address', { skip: noGit }, () => {
  let web: Web;
  let folder = '';
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shale-bake-remote-'));
    web = await Web.open();
    web.repositories = { folder: join(folder, 'served') };
    new GitRepository(join(folder, 'served/app.git')).commit(FILES);
    const inside = Object.entries(FILES).map(([name, text]) => member({ name }, text));
    web.pages.set('/app.tgz', { body: gzipSync(tar(...inside)) });
    web.pages.set('/bake.hcl', { body: `target "default" { context = "${web.origin}/git/app.git#main:app" }` });
  });
  after(async () => {
    await web[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Not `spawnSync`: the server is in this process. */
  async function shale(cwd: string, ...words: string[]): Promise<{ status: number | null; told: string }> {
    const env = { PATH: process.env['PATH'], SHALE_HOME: join(folder, 'home'), XDG_RUNTIME_DIR: join(folder, 'run') };
    const child = spawn(PROGRAM, words, { cwd, env });
    let told = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (told += chunk.toString()));
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { status, told };
  }

  function emptyFolder(): string {
    const work = mkdtempSync(join(folder, 'work-'));
    mkdirSync(join(work, 'here'));
    return join(work, 'here');
  }

  test('builds from folders of a repository, with what is here as asked', async () => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, 'mine'), 'mine\n');
    const address = `${web.origin}/git/app.git#main`;
    const { status, told } = await shale(cwd, 'bake', address);
    assert.equal(status, 0, told);
    assert.equal(readFileSync(join(cwd, 'result/page'), 'utf8'), 'page\n');
    assert.equal(readFileSync(join(cwd, 'result/top'), 'utf8'), 'top\n');
    const mine = await shale(cwd, 'bake', address, 'mine');
    assert.equal(mine.status, 0, mine.told);
    assert.equal(readFileSync(join(cwd, 'result/mine'), 'utf8'), 'mine\n');
  });

  test('does nothing outside of the folder that it was started in', async () => {
    const { status, told } = await shale(emptyFolder(), 'bake', `${web.origin}/git/app.git`, 'grasping');
    assert.equal(status, 125);
    assert.match(told, /target grasping: it asks for fs\.write=.*\/elsewhere\ntry: --allow fs\.write=/);
  });

  test('takes an archive of the web, whose folders are no contexts, and a single file', async () => {
    const cwd = emptyFolder();
    const archive = await shale(cwd, 'bake', `${web.origin}/app.tgz`);
    assert.match(archive.told, /the folder app of .*app\.tgz cannot be a context/);
    const printed = await shale(cwd, 'bake', `${web.origin}/app.tgz`, '--print');
    assert.match(printed.told, /"context": "app"/);
    const single = await shale(cwd, 'bake', `${web.origin}/bake.hcl`, '--print');
    assert.match(single.told, /"context": ".*app\.git#main:app"/);
  });
});
