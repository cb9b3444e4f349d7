/** What `run` is made of: a folder with a Dockerfile, and images for other platforms. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { done, type Shale, shaleOf } from './command.ts';

describe('run of a folder', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(async () => {
    for (const { id } of await lab.engine.containers({ all: true }))
      await lab.engine.removeContainer(id, { force: true, volumes: true });
    await lab[Symbol.asyncDispose]();
  });

  const shale: Shale = (...words) => shaleOf(lab)(...words);

  test('the Dockerfile there is built and runs; a changed file is built again', async () => {
    const dockerfile = 'FROM busybox\nCOPY said /said\nENTRYPOINT ["cat", "/said"]\n';
    const first = lab.context({ Dockerfile: dockerfile, said: 'one' });
    assert.equal(await done(shale('run', '--rm', '--network', 'none', first)), 'one');
    assert.equal(await done(shale('run', '--rm', '--network', 'none', `${first}/`)), 'one');
    const second = lab.context({ Dockerfile: dockerfile, said: 'two' });
    assert.equal(await done(shale('run', '--rm', '--network', 'none', second)), 'two');
    const id = await done(shale('create', '--network', 'none', first));
    assert.equal(await done(shale('start', '-a', id)), 'one');
    // Its image has no name, and is kept by the container.
    await done(shale('image', 'prune', '-f'));
    assert.equal(await done(shale('start', '-a', id)), 'one');
    await done(shale('rm', id));
  });

  test('a folder without Dockerfile, and one whose build fails, run nothing', async () => {
    const empty = await shale('run', '--rm', lab.newFolder());
    assert.deepEqual([empty.status, /there is no Dockerfile/.test(empty.stderr)], [125, true], empty.stderr);
    const broken = lab.context({ Dockerfile: 'FROM busybox\nCOPY absent /\n' });
    const failed = await shale('run', '--rm', broken);
    assert.deepEqual([failed.status, failed.stdout], [125, '']);
    const gone = await shale('run', '--rm', `${lab.folder}/nowhere`);
    assert.deepEqual([gone.status, gone.stdout], [125, '']);
    assert.deepEqual(await lab.engine.containers({ all: true }), []);
  });

  test('--platform takes an image of this machine and refuses one of another', async () => {
    const here = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
    const other = process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64';
    const run = ['run', '--rm', '--network', 'none', '--pull', 'never'];
    assert.equal(await done(shale(...run, '--platform', here, 'busybox', 'echo', 'ran')), 'ran');
    const wrong = await shale(...run, '--platform', other, 'busybox', 'true');
    assert.deepEqual([wrong.status, wrong.stdout], [125, ''], wrong.stderr);
    const nonsense = await shale(...run, '--platform', 'foo', 'busybox', 'true');
    assert.equal(nonsense.status, 125);
  });
});
