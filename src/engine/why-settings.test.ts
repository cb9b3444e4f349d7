import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandSettings, settingSentence } from './why-settings.ts';

const cache = { kind: 'cache', id: '/c', target: '/c', sharing: 'shared' };
const change = (before: object, after: object): { name: string; before: string; after: string } => ({
  name: 'settings',
  before: JSON.stringify(before),
  after: JSON.stringify(after),
});

test('expandSettings() tells the settings and mounts that differ, and nothing else', () => {
  const before = {
    cwd: '/',
    user: '',
    network: 'none',
    mounts: [cache, { kind: 'tmpfs', target: '/t' }],
    extraHosts: [],
  };
  const after = {
    cwd: '/w',
    user: '7',
    network: 'none',
    mounts: [
      { ...cache, sharing: 'locked' },
      { kind: 'secret', id: 's', env: 'S', mode: 256 },
    ],
    extraHosts: ['a'],
    limits: { shmSizeBytes: 1 },
  };
  const changes = expandSettings(change(before, after));
  assert.deepEqual(changes, [
    { name: 'setting:cwd', before: '/', after: '/w' },
    { name: 'setting:extraHosts', before: '[]', after: '["a"]' },
    { name: 'setting:limits', before: undefined, after: '{"shmSizeBytes":1}' },
    { name: 'mount:/c', before: 'sharing=shared', after: 'sharing=locked' },
    { name: 'mount:/t', before: 'tmpfs', after: undefined },
    { name: 'mount:secret s', before: undefined, after: 'secret' },
    { name: 'setting:user', before: '', after: '7' },
  ]);
  assert.deepEqual(changes.map(settingSentence), [
    'the working directory is /w instead of /',
    'the list of added hosts changed',
    'the set of limits changed',
    'the mount of /c changed',
    'the mount of /t is gone',
    'the mount of secret s is new',
    'the user is 7 instead of not set',
  ]);
});

test('expandSettings() reads modes in octal, and leaves what is no JSON alone', () => {
  const mount = (mode: number): object => ({ mounts: [{ kind: 'secret', target: '/s', mode }] });
  assert.deepEqual(expandSettings(change(mount(0o400), mount(0o444))), [
    { name: 'mount:/s', before: 'mode=0400', after: 'mode=0444' },
  ]);
  const broken = { name: 'settings', before: '{', after: '{}' };
  assert.deepEqual(expandSettings(broken), [broken]);
  assert.equal(settingSentence({ name: 'rootfs', before: 'a', after: 'b' }), undefined);
});
