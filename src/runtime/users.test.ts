import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShaleError } from '../base/index.ts';
import { resolveUser, type UserDatabaseReader } from './users.ts';

const PASSWD = `root:x:0:0:root:/root:/bin/sh
# a comment
app:x:1000:1000::/home/app:/bin/sh
1000:x:0:0:trap:/trap:/bin/sh
1:x:7:7::/one:/bin/sh
big:x:4294967296:0::/big:/bin/sh
short:x
`;
const GROUP = `root:x:0:
app:x:1000:
wheel:x:10:root,app
audio:x:29:app
video:x:44:app,other
`;

const files: UserDatabaseReader = async (path) => Buffer.from(path === '/etc/passwd' ? PASSWD : GROUP);
const none: UserDatabaseReader = async () => undefined;

test('F-243: resolveUser() adds the groups that name the user, the primary one first', async () => {
  const identity = await resolveUser('app', [], files);
  assert.deepEqual(identity, { uid: 1000, gid: 1000, groups: [1000, 10, 29, 44], home: '/home/app' });
});

test('F-243: resolveUser() takes only the given group with USER:GROUP', async () => {
  assert.deepEqual((await resolveUser('app:audio', [], files)).groups, [29]);
  assert.deepEqual((await resolveUser('1000:50', [], files)).groups, [50]);
});

test('F-243: resolveUser() of a number without an entry has group 0 and home /', async () => {
  assert.deepEqual(await resolveUser('4711', [], files), { uid: 4711, gid: 0, groups: [0], home: '/' });
  assert.deepEqual(
    await resolveUser('', ['wheel', '5'], none).catch((error: unknown) => codeOf(error)),
    'GROUP_UNKNOWN',
  );
  assert.deepEqual((await resolveUser('', ['wheel', '5'], files)).groups, [0, 5, 10]);
});

test('F-244: resolveUser() takes a number as a number, also when it is a name', async () => {
  assert.equal((await resolveUser('1000', [], files)).uid, 1000);
  assert.equal((await resolveUser('1', [], files)).uid, 1);
  assert.equal((await resolveUser('1000', [], async () => Buffer.from('1000:x:0:0::/:/bin/sh\n'))).uid, 1000);
});

for (const user of ['4294967295', '-1', '2147483648', '+0', '0:4294967295', '99999999999999999999']) {
  test(`F-244: resolveUser() refuses ${user}`, async () => {
    await assert.rejects(resolveUser(user, [], files), (error) => codeOf(error) === 'USER_OUT_OF_RANGE');
  });
}

test('F-244: resolveUser() refuses a name whose id does not fit', async () => {
  await assert.rejects(resolveUser('big', [], files), (error) => codeOf(error) === 'USER_UNKNOWN');
  await assert.rejects(resolveUser('short', [], files), (error) => codeOf(error) === 'USER_UNKNOWN');
  await assert.rejects(resolveUser('nobody', [], none), (error) => codeOf(error) === 'USER_UNKNOWN');
});

function codeOf(error: unknown): string | undefined {
  return isShaleError(error) ? error.code : undefined;
}
