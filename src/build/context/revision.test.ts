import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { readRevision } from './revision.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
// Within a suite: hooks of a file would be those of all unit tests, which run in one process.
describe('readRevision()', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'shale-revision-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function write(path: string, text: string): void {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  test('readRevision() finds the branch of the repository above a folder', () => {
    write('.git/HEAD', 'ref: refs/heads/topic/one\n');
    write('.git/refs/heads/topic/one', `${COMMIT}\n`);
    mkdirSync(join(root, 'services/web'), { recursive: true });
    assert.deepEqual(readRevision(join(root, 'services/web')), { commit: COMMIT, branch: 'topic/one' });
  });

  test('readRevision() reads packed branches and a commit that is checked out by itself', () => {
    write('.git/HEAD', 'ref: refs/heads/main\n');
    assert.equal(readRevision(root), undefined);
    write('.git/packed-refs', `# pack-refs with: peeled\n${COMMIT} refs/heads/main\n`);
    assert.deepEqual(readRevision(root), { commit: COMMIT, branch: 'main' });
    write('.git/HEAD', `${COMMIT}\n`);
    assert.deepEqual(readRevision(root), { commit: COMMIT });
  });

  test('readRevision() follows a linked working tree to its repository', () => {
    write('repository/.git/worktrees/w/HEAD', 'ref: refs/heads/w\n');
    write('repository/.git/worktrees/w/commondir', '../..\n');
    write('repository/.git/refs/heads/w', `${COMMIT}\n`);
    write('w/.git', `gitdir: ${join(root, 'repository/.git/worktrees/w')}\n`);
    assert.deepEqual(readRevision(join(root, 'w')), { commit: COMMIT, branch: 'w' });
  });

  test('readRevision() takes nothing that is no commit', () => {
    write('.git/HEAD', 'ref: refs/heads/../../secret\n');
    write('.git/secret', 'hush\n');
    assert.equal(readRevision(root), undefined);
  });
});
