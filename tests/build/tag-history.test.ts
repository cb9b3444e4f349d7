/** What a tag led to: its log, going back, and two images compared. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isShaleError } from '../../src/base/index.ts';
import { Lab } from '../support/lab.ts';
import { Web } from '../support/web.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

describe('the history of a tag', () => {
  let lab: Lab;
  let web: Web;
  before(async () => {
    [lab, web] = await Promise.all([Lab.open(), Web.open()]);
  });
  after(async () => {
    await web[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  async function build(tag: string, text: string): Promise<{ readonly imageId: string; readonly buildId: string }> {
    const files = { Dockerfile: 'FROM scratch\nCOPY f /f\n', f: text, '.git/HEAD': COMMIT };
    return lab.build(lab.context(files), { tags: [tag] });
  }

  test('says which build moved it, of which Dockerfile, commit and inputs', async () => {
    web.pages.set('/added', { body: 'added' });
    const files = {
      Dockerfile: `FROM scratch\nARG TOKEN\nADD ${web.origin}/added /a\n`,
      '.git/HEAD': 'ref: refs/heads/main',
      '.git/refs/heads/main': COMMIT,
    };
    const context = lab.context(files);
    const built = await lab.build(context, { tags: ['told:1'], buildArgs: { TOKEN: 'hush' } });
    const [entry, ...others] = await lab.engine.tagLog('told:1');
    assert.deepEqual(others, []);
    assert.deepEqual(
      [entry?.imageId, entry?.reason, entry?.isCurrent, entry?.isHere],
      [built.imageId, `build ${built.buildId}`, true, true],
    );
    const { origin } = entry ?? assert.fail('there is no entry');
    assert.deepEqual(
      [origin?.build, origin?.dockerfile, origin?.context, origin?.commit, origin?.branch, origin?.buildArgs],
      [built.buildId, 'Dockerfile', context, COMMIT, 'main', ['TOKEN']],
    );
    assert.match(origin?.dockerfileDigest ?? '', /^sha256:[0-9a-f]{64}$/);
    assert.deepEqual(
      origin?.fetched.map(({ address }) => address),
      [`${web.origin}/added`],
    );
    assert.ok(!JSON.stringify(entry).includes('hush'));
  });

  test('lets a tag go back, further each time, and to what is named', async () => {
    const one = await build('back:1', 'one');
    const two = await build('back:1', 'two');
    const three = await build('back:1', 'three');
    assert.equal((await lab.engine.rollback('back:1')).to, two.imageId);
    assert.equal((await lab.engine.rollback('back:1')).to, one.imageId);
    await assert.rejects(lab.engine.rollback('back:1'), (error) => isShaleError(error, 'ROLLBACK_NOTHING'));
    assert.equal((await lab.engine.rollback('back:1', three.buildId)).to, three.imageId);
    assert.equal((await lab.engine.rollback('back:1', two.imageId.slice(7, 15))).to, two.imageId);
    await lab.engine.removeImage('back:1', { force: false });
    const log = await lab.engine.tagLog('back:1');
    assert.deepEqual(
      log.map(({ reason, isCurrent }) => [reason.replace(/ b.*/, ''), isCurrent]),
      ['rmi', 'rollback', 'rollback', 'rollback', 'rollback', 'build', 'build', 'build'].map((by) => [by, false]),
    );
    // The last image went with its name; the others are still there.
    await assert.rejects(lab.engine.rollback('back:1', two.imageId.slice(7)), (error) =>
      isShaleError(error, 'IMAGE_NOT_FOUND'),
    );
    assert.equal((await lab.engine.rollback('back:1')).to, three.imageId);
  });

  test('is of tags that there were', async () => {
    await assert.rejects(lab.engine.tagLog('never'), (error) => isShaleError(error, 'TAG_NOT_FOUND'));
    await assert.rejects(lab.engine.rollback(`x@sha256:${'0'.repeat(64)}`), (error) =>
      isShaleError(error, 'REFERENCE_INVALID'),
    );
  });

  test('diff of two images tells files and config apart', async () => {
    const files = { same: 'same', edited: 'before', gone: 'gone', 'dir/a': 'a' };
    const Dockerfile = 'FROM scratch\nENV A=1 B=2\nCOPY . /\nCMD ["one"]\n';
    await lab.build(lab.context({ Dockerfile, '.dockerignore': 'Dockerfile', ...files }), { tags: ['compared:1'] });
    const { gone: _gone, ...kept } = files;
    const later = { ...kept, edited: 'after!', 'dir/b': 'b', '.dockerignore': 'Dockerfile' };
    const edited = Dockerfile.replace('B=2', 'C=3').replace('one', 'two');
    await lab.build(lab.context({ Dockerfile: edited, ...later }), { tags: ['compared:2'] });
    const diff = await lab.engine.diffImages('compared:1', 'compared:2');
    assert.deepEqual(
      diff.files.added.map(({ path }) => path),
      ['/dir/b'],
    );
    assert.deepEqual(
      diff.files.removed.map(({ path }) => path),
      ['/gone'],
    );
    assert.deepEqual(
      diff.files.changed.map(({ path, differs }) => [path, ...differs]),
      [['/edited', 'content']],
    );
    assert.deepEqual(diff.config, [
      { field: 'Cmd', before: '["one"]', after: '["two"]' },
      { field: 'Env.B', before: '2' },
      { field: 'Env.C', after: '3' },
    ]);
    assert.equal(diff.sharedLayers, 0);
  });
});
