import assert from 'node:assert/strict';
import { test } from 'node:test';
import { folderAt, isWebFile } from './remote.ts';

const FOLDERS: readonly (readonly [string, string, string])[] = [
  ['https://host/x.git', '.', 'https://host/x.git'],
  ['https://host/x.git', 'app', 'https://host/x.git#:app'],
  ['https://host/x.git#v1', './app/', 'https://host/x.git#v1:app'],
  ['https://host/x.git#v1:sub', 'app', 'https://host/x.git#v1:sub/app'],
  ['https://host/x.git#v1:sub', '../..', 'https://host/x.git#v1:sub'],
  ['https://host/x.git#v1:sub', '../../etc', 'https://host/x.git#v1:sub/etc'],
  ['https://host/x.git?branch=main', 'app', 'https://host/x.git?branch=main#:app'],
  ['https://host/x.git?branch=main&subdir=a', 'app', 'https://host/x.git?branch=main&subdir=a%2Fapp'],
  ['git@host:team/x.git#main', 'app', 'git@host:team/x.git#main:app'],
  ['github.com/team/x', '/app', 'github.com/team/x#:app'],
];

test('folderAt() names a folder of a repository, and none outside of it', () => {
  for (const [address, path, expected] of FOLDERS) assert.equal(folderAt(address, path), expected);
});

test('isWebFile() tells files and archives of the web from repositories', () => {
  assert.ok(isWebFile('https://host/docker-bake.hcl'));
  assert.ok(isWebFile('http://host/x.tar.gz?token=x.git'));
  for (const address of ['https://host/x.git', 'https://host/x.git#main', 'git@host:x', 'github.com/a/b', 'ssh://h/x'])
    assert.ok(!isWebFile(address), address);
});
