/** ADD of git repositories and git contexts, over http from git's own server on loopback. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError, toText } from '../../src/base/index.ts';
import type { BuildRequest } from '../../src/engine/index.ts';
import { FIRST_COMMIT, GitRepository, noGit } from '../support/git-repository.ts';
import { Lab, type Built } from '../support/lab.ts';
import { Web } from '../support/web.ts';

describe('ADD of a git repository', { skip: noGit }, () => {
  let lab: Lab;
  let web: Web;
  let repository: GitRepository;
  let url: string;
  const commits: string[] = [];
  before(async () => {
    [lab, web] = await Promise.all([Lab.open(), Web.open()]);
    const folder = join(lab.folder, 'served');
    web.repositories = { folder };
    repository = new GitRepository(join(folder, 'app.git'));
    url = `${web.origin}/git/app.git`;
    commits.push(
      repository.commit({
        'a.txt': 'first',
        'bin/run': { executable: '#!/bin/sh' },
        'docs/page': 'page',
        'docs/deep/x': 'x',
        link: { link: 'docs/page' },
        elsewhere: { link: '../../../etc' },
        Dockerfile: 'FROM scratch\nCOPY . /ctx\n',
        'docs/Dockerfile': 'FROM scratch\nCOPY . /docs-context\n',
      }),
    );
    repository.git('tag', 'light');
    repository.git('tag', '--annotate', '--message', 'v1', 'v1.0');
    repository.git('branch', 'stable');
    commits.push(repository.commit({ 'a.txt': 'second' }));
  });
  after(async () => {
    await web[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  function add(rest: string, base = 'scratch'): Promise<Built> {
    return lab.build({ dockerfile: `FROM ${base}\nADD ${rest}\n` });
  }

  async function refuses(rest: string, code: string, message = /./): Promise<void> {
    await assert.rejects(add(rest), (error) => {
      assert.ok(isShaleError(error, code), `expected ${code}, got ${String(error)}`);
      assert.match(error.message, message);
      return true;
    });
  }

  async function content(rest: string, path = '/r/a.txt'): Promise<string> {
    return (await lab.read((await add(rest)).imageId, path)).toString();
  }

  test('takes the tree of the default branch, root-owned, with the modes of git and the time of the build', async () => {
    const { imageId } = await add(`${url} /r`);
    const lines = Array.from(
      await lab.tree(imageId),
      ([path, node]) => `${node.kind} ${node.mode.toString(8)} ${node.uid}:${node.gid} ${path}`,
    );
    assert.deepEqual(lines, [
      'directory 755 0:0 r',
      'file 644 0:0 r/Dockerfile',
      'file 644 0:0 r/a.txt',
      'directory 755 0:0 r/bin',
      'file 755 0:0 r/bin/run',
      'directory 755 0:0 r/docs',
      'file 644 0:0 r/docs/Dockerfile',
      'directory 755 0:0 r/docs/deep',
      'file 644 0:0 r/docs/deep/x',
      'file 644 0:0 r/docs/page',
      'symlink 777 0:0 r/elsewhere',
      'symlink 777 0:0 r/link',
    ]);
    const link = (await lab.tree(imageId)).get('r/elsewhere');
    assert.equal(toText(link?.linkTarget() ?? ''), '../../../etc');
    assert.equal(link?.mtimeNs, BigInt(Date.UTC(1980, 0, 1)) * 1_000_000n);
  });

  describe('takes what the address names:', () => {
    const first: readonly string[] = [
      '#light',
      '#v1.0',
      '#stable',
      '#refs/heads/stable',
      '#refs/tags/v1.0',
      '?tag=v1.0',
      '?branch=stable',
      '?ref=stable',
    ];
    for (const form of first) {
      test(form, async () => assert.equal(await content(`${url}${form} /r`), 'first'));
    }
    test('a commit', async () => {
      assert.equal(await content(`${url}#${commits[0]} /r`), 'first');
      assert.equal(await content(`${url}?ref=${commits[1]} /r`), 'second');
      assert.equal(await content(`${url}?branch=main&commit=${commits[0]}&fetch-by-commit=true /r`), 'first');
    });
    test('a folder', async () => {
      assert.equal(await content(`${url}#:docs /r`, '/r/page'), 'page');
      assert.equal(await content(`${url}#stable:docs/deep /r`, '/r/x'), 'x');
      assert.equal(await content(`${url}?branch=stable&subdir=docs /r`, '/r/page'), 'page');
    });
    test('the time of the commit', async () => {
      const { imageId } = await add(`${url}?branch=stable&mtime=commit /r`);
      assert.equal((await lab.tree(imageId)).get('r/a.txt')?.mtimeNs, BigInt(FIRST_COMMIT) * 1_000_000_000n);
    });
  });

  test('asks where a branch stands in every build, and fetches a commit once', async () => {
    await add(`${url}#stable /r`);
    web.asked.length = 0;
    const again = await add(`${url}#stable /r`);
    assert.ok(web.asked.length > 0 && web.asked.length < 4, `${web.asked.length} requests`);
    assert.ok(again.steps.find(({ name }) => name.includes('ADD'))?.cached);
    web.asked.length = 0;
    await add(`${url}#${commits[0]} /r`);
    assert.deepEqual(web.asked, []);
  });

  test('sees that a branch has moved', async () => {
    repository.git('branch', 'moving');
    assert.equal(await content(`${url}#moving /r`), 'second');
    repository.git('branch', '--force', 'moving', commits[0] ?? '');
    assert.equal(await content(`${url}#moving /r`), 'first');
  });

  test('--checksum is the commit or its beginning, of an annotated tag or of what it names', async () => {
    const short = commits[0]?.slice(0, 12) ?? '';
    assert.equal(await content(`--checksum=${short} ${url}#v1.0 /r`), 'first');
    const tagObject = repository.git('rev-parse', 'v1.0');
    assert.equal(await content(`--checksum=${tagObject} ${url}#v1.0 /r`), 'first');
    assert.equal(await content(`${url}?tag=light&checksum=${short} /r`), 'first');
    await refuses(`--checksum=${short} ${url} /r`, 'GIT_CHECKSUM', /expected/);
    await refuses(`--checksum=zz ${url} /r`, 'GIT_ADDRESS');
  });

  test('keeps .git with --keep-git-dir, the same in every build, without credentials and logs', async () => {
    const images: string[] = [];
    for (const store of [lab, await Lab.open()]) {
      const { imageId } = await store.build({ dockerfile: `FROM scratch\nADD --keep-git-dir=true ${url}#stable /r\n` });
      images.push(imageId);
      const paths = [...(await store.tree(imageId)).keys()];
      for (const name of ['HEAD', 'config', 'refs/heads/stable', 'shallow', 'index'])
        assert.ok(paths.includes(`r/.git/${name}`), `${name} is not in ${paths.join(' ')}`);
      assert.deepEqual(
        paths.filter((path) => /\.git\/(?:hooks|logs|FETCH_HEAD|ORIG_HEAD)/.test(path)),
        [],
      );
      assert.equal((await store.read(imageId, '/r/.git/HEAD')).toString().trim(), commits[0]);
      if (store !== lab) await store[Symbol.asyncDispose]();
    }
    assert.equal(images[0], images[1]);
    const { imageId } = await add(`${url}?keep-git-dir=true /r`);
    assert.ok((await lab.tree(imageId)).has('r/.git/HEAD'));
    await refuses(`--keep-git-dir=false ${url}?keep-git-dir=true /r`, 'GIT_ADDRESS');
  });

  test('fetches submodules by their relative addresses, and leaves them out when told to', async () => {
    const library = new GitRepository(join(lab.folder, 'served/library.git'));
    library.commit({ 'lib.c': 'int x;' });
    const parent = new GitRepository(join(lab.folder, 'served/parent.git'));
    parent.git('submodule', 'add', '--quiet', join(lab.folder, 'served/library.git'), 'lib');
    parent.commit({ '.gitmodules': '[submodule "lib"]\n\tpath = lib\n\turl = ../library.git\n' });
    const with_ = await add(`${web.origin}/git/parent.git /r`);
    assert.equal((await lab.read(with_.imageId, '/r/lib/lib.c')).toString(), 'int x;');
    assert.ok(!(await lab.tree(with_.imageId)).has('r/lib/.git'));
    const without = await add(`${web.origin}/git/parent.git?submodules=false /r`);
    assert.deepEqual([...(await lab.tree(without.imageId)).keys()], ['r', 'r/.gitmodules', 'r/lib']);
  });

  test('sha256 repositories are repositories too', async () => {
    const modern = new GitRepository(join(lab.folder, 'served/modern.git'), ['--object-format=sha256']);
    const commit = modern.commit({ f: 'f' });
    assert.equal(await content(`${web.origin}/git/modern.git /r`, '/r/f'), 'f');
    assert.equal(await content(`${web.origin}/git/modern.git#${commit} /r`, '/r/f'), 'f');
  });

  test('--exclude, --chown and --chmod are heeded', async () => {
    const { imageId } = await add(`--exclude=docs --chown=3:4 --chmod=u=rw ${url} /r`);
    const tree = await lab.tree(imageId);
    assert.ok(!tree.has('r/docs'));
    assert.deepEqual([tree.get('r/a.txt')?.uid, tree.get('r/a.txt')?.gid], [3, 4]);
  });

  describe('F-215: refuses', () => {
    const bad: Record<string, string> = {
      'a ref that is an option': '#--upload-pack=touch%20/tmp/x',
      'a branch that is an option': '?branch=-x',
      'a ref with a pattern': '#refs/heads/*',
      'a folder above': '#main:../..',
      'a folder above, of the query': '?subdir=../../etc',
      'the folder of git itself': '#:.git',
      'an unknown word of the query': '?upload-pack=x',
      'two refs': '?tag=v1.0&branch=main',
    };
    for (const [what, form] of Object.entries(bad)) {
      test(what, () => refuses(`${url}${form} /r`, 'GIT_ADDRESS'));
    }
    test('a folder that is a link', () => refuses(`${url}#main:elsewhere /r`, 'GIT_SUBDIR', /is no folder/));
    test('a folder that is not there', () => refuses(`${url}#main:nothing /r`, 'GIT_SUBDIR'));
    test('a ref that is not there', () => refuses(`${url}#nothing /r`, 'GIT_REF_UNKNOWN'));
    test('a repository that is not there', () => refuses(`${web.origin}/git/none.git /r`, 'GIT_FAILED', /ls-remote/));

    for (const [what, address] of [
      ['a path of this machine', (folder: string) => join(folder, 'served/app.git')],
      ['file://', (folder: string) => `file://${join(folder, 'served/app.git')}`],
      ['ext::', () => 'ext::sh -c touch% /tmp/shale-was-here'],
    ] as const) {
      test(`a submodule of ${what}`, async () => {
        const evil = new GitRepository(join(lab.folder, `served/evil-${what.length}.git`));
        evil.git('update-index', '--add', '--cacheinfo', `160000,${commits[0]},lib`);
        writeFileSync(
          join(evil.folder, '.gitmodules'),
          `[submodule "lib"]\n\tpath = lib\n\turl = ${address(lab.folder)}\n`,
        );
        evil.git('add', '.gitmodules');
        evil.git('commit', '--quiet', '--message', 'x');
        await refuses(`${web.origin}/git/evil-${what.length}.git /r`, 'GIT_FAILED', /submodule/);
      });
    }
  });

  test('runs no hooks and filters of the repository', async () => {
    const tricky = new GitRepository(join(lab.folder, 'served/tricky.git'));
    const marker = join(lab.folder, 'ran');
    tricky.commit({ '.gitattributes': '* filter=evil\n*.txt text eol=crlf\n', 'a.txt': 'a\n', f: 'f' });
    tricky.git('config', 'filter.evil.smudge', `touch ${marker}`);
    mkdirSync(join(tricky.folder, '.git/hooks'), { recursive: true });
    writeFileSync(join(tricky.folder, '.git/hooks/post-checkout'), `#!/bin/sh\ntouch ${marker}\n`, { mode: 0o755 });
    assert.equal(await content(`${web.origin}/git/tricky.git /r`), 'a\r\n');
    assert.ok(!existsSync(marker));
  });

  describe('of a private repository', () => {
    const token = `basic ${Buffer.from('x-access-token:hush').toString('base64')}`;
    const secret = (id: string): Partial<BuildRequest> => ({ secrets: [{ kind: 'env', id, name: 'TOKEN' }] });
    let guarded: Lab;
    let dockerfile: string;
    before(async () => {
      guarded = await Lab.open({ env: { TOKEN: 'hush' } });
      dockerfile = `FROM scratch\nADD ${url}#stable /r\n`;
    });
    after(() => guarded[Symbol.asyncDispose]());

    test('says what is missing, and sends a token only where it is for', async () => {
      web.repositories = { folder: join(lab.folder, 'served'), authorization: token };
      try {
        await assert.rejects(guarded.build({ dockerfile }), (error) => {
          assert.ok(isShaleError(error, 'GIT_FAILED'));
          assert.match(error.hint ?? '', /GIT_AUTH_TOKEN/);
          return true;
        });
        await assert.rejects(guarded.build({ dockerfile }, secret('GIT_AUTH_TOKEN.other.example')));
        for (const id of ['GIT_AUTH_TOKEN', `GIT_AUTH_TOKEN.${web.host}`]) {
          await using fresh = await Lab.open({ env: { TOKEN: 'hush' } });
          const { imageId } = await fresh.build({ dockerfile }, secret(id));
          assert.equal((await fresh.read(imageId, '/r/a.txt')).toString(), 'first');
        }
        web.repositories = { folder: join(lab.folder, 'served'), authorization: 'Custom hush' };
        await using fresh = await Lab.open({ env: { TOKEN: 'Custom hush\n' } });
        await fresh.build({ dockerfile }, secret('GIT_AUTH_HEADER'));
      } finally {
        web.repositories = { folder: join(lab.folder, 'served') };
      }
    });

    test('over ssh uses the agent of --ssh and nothing of the user', async () => {
      const bin = join(lab.folder, 'bin');
      mkdirSync(bin);
      // Stands in for ssh: runs the command here, and tells how it was called.
      const script = `#!/bin/sh\nprintf '%s\\n' "$@" "agent=$SSH_AUTH_SOCK" >> ${bin}/called\nfor last; do :; done\neval "$last"\n`;
      writeFileSync(join(bin, 'ssh'), script, { mode: 0o755 });
      const env = { PATH: `${bin}:${process.env['PATH']}`, SSH_AUTH_SOCK: '/of/the/user' };
      const address = `git@example.invalid:${join(lab.folder, 'served/app.git')}`;
      await using fresh = await Lab.open({ env });
      const what = { dockerfile: `FROM scratch\nADD ${address}#stable /r\n` };
      const { imageId } = await fresh.build(what);
      assert.equal((await fresh.read(imageId, '/r/a.txt')).toString(), 'first');
      const without = readFileSync(join(bin, 'called'), 'utf8');
      assert.match(without, /IdentityAgent=none[^]*git@example\.invalid[^]*agent=\n/);
      rmSync(join(bin, 'called'));
      const key = join(bin, 'key');
      const { privateKey } = generateKeyPairSync('ed25519');
      writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
      await using other = await Lab.open({ env });
      await other.build(what, { ssh: [{ id: 'default', paths: [key] }] });
      assert.match(readFileSync(join(bin, 'called'), 'utf8'), /IdentityFile=none[^]*agent=\/proc\/\d+\/fd\/\d+\/agent/);
      rmSync(join(bin, 'called'));
      await using third = await Lab.open({ env });
      await third.build('', { context: { kind: 'address', address } });
      assert.match(readFileSync(join(bin, 'called'), 'utf8'), /agent=\/of\/the\/user/);
    });
  });

  test('ends git when the build is cancelled', async () => {
    const stuck = createServer();
    const asked = new Promise<void>((resolve) => stuck.once('connection', () => resolve()));
    await new Promise<void>((resolve) => stuck.listen(0, '127.0.0.1', resolve));
    const { port } = stuck.address() as AddressInfo; // It listens on a port.
    const cancel = new AbortController();
    const built = lab.build(
      { dockerfile: `FROM scratch\nADD git://127.0.0.1:${port}/x /r\n` },
      { signal: cancel.signal },
    );
    const sockets: Socket[] = [];
    stuck.on('connection', (socket) => sockets.push(socket));
    await asked;
    cancel.abort(new Error('enough'));
    await assert.rejects(built);
    assert.deepEqual(commandsWith(`127.0.0.1:${port}/x`), []);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => stuck.close(resolve));
  });

  test('leaves no folders behind, also when it fails', async () => {
    await refuses(`${url}#nothing /r`, 'GIT_REF_UNKNOWN');
    assert.deepEqual(
      readdirSync(join(lab.home, 'sources')).filter((name) => name.startsWith('work-')),
      [],
    );
  });

  test('keeps in the build record which commit it was', async () => {
    const { buildId } = await add(`${url}#stable:docs /r`);
    const steps = await lab.store.builds.steps(buildId);
    const fetched = steps.map((step) => (step.details as { fetched?: Record<string, unknown> }).fetched).find(Boolean);
    assert.equal(fetched?.['commit'], commits[0]);
    assert.equal(fetched?.['repository'], url);
    assert.equal(fetched?.['subdir'], 'docs');
  });
});

/** Command lines of running processes that hold a text. */
function commandsWith(text: string): string[] {
  const lines = readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
    } catch {
      return []; // It has ended meanwhile.
    }
  });
  return lines.filter((line) => line.includes(text));
}
