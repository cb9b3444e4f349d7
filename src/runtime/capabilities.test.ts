import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundingSet, grantedCapabilities } from './capabilities.ts';

const every = boundingSet('CapBnd:\t000001ffffffffff\n');

test('F-242: grantedCapabilities() gives docker’s fourteen by default', () => {
  const names = grantedCapabilities({ kind: 'default' }, every).map((name) => name.slice(4));
  assert.deepEqual(
    names.toSorted(),
    `AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT`.split(
      ' ',
    ),
  );
});

test('grantedCapabilities() adds and drops as docker does', () => {
  const give = (add: string[], drop: string[]): string[] => grantedCapabilities({ kind: 'default', add, drop }, every);
  assert.deepEqual(give([], ['all']), []);
  assert.deepEqual(give(['net_admin'], ['ALL']), ['CAP_NET_ADMIN']);
  assert.equal(give(['ALL'], []).length, 41);
  assert.equal(give(['ALL'], ['CAP_SYS_ADMIN']).length, 40);
  assert.ok(!give([], ['CHOWN']).includes('CAP_CHOWN'));
  assert.throws(() => give(['FLY'], []), { code: 'CAPABILITY_UNKNOWN' });
});

test('grantedCapabilities() never gives more than this process has', () => {
  const some = boundingSet('CapBnd:\t000001fffeffffff\n');
  assert.ok(!some.has('CAP_SYS_RESOURCE'));
  assert.equal(grantedCapabilities({ kind: 'privileged' }, some).length, 40);
});
