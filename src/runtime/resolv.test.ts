import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Lease, findSubnet, formatAddress, formatSubnet, freeAddress, overlaps, parseAddress } from './leases.ts';
import { containerResolvConf, hostsFile } from './resolv.ts';

test('containerResolvConf() leaves loopback resolvers of the host out', () => {
  const host = '# x\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 10.0.0.1 ; y\nsearch a.b c\noptions ndots:2\n';
  assert.equal(containerResolvConf(host, undefined, {}), 'nameserver 10.0.0.1\nsearch a.b c\noptions ndots:2\n');
  const local = 'nameserver 127.0.0.53\n';
  assert.equal(containerResolvConf(local, 'nameserver 192.0.2.9\n', {}), 'nameserver 192.0.2.9\n');
  assert.equal(containerResolvConf(local, undefined, {}), 'nameserver 8.8.8.8\nnameserver 8.8.4.4\n');
  const own = { servers: ['1.1.1.1'], search: ['.'], options: [] };
  assert.equal(containerResolvConf(host, undefined, own), 'nameserver 1.1.1.1\n');
});

test('hostsFile() names the container and the extra hosts', () => {
  const text = hostsFile(
    { hostname: 'web' },
    ['10.91.0.2'],
    ['db:10.0.0.3', 'six:[::2]', 'host.docker.internal:host-gateway'],
    '10.91.0.1',
  );
  assert.match(text, /^127\.0\.0\.1\tlocalhost$/m);
  assert.match(text, /^10\.0\.0\.3\tdb$/m);
  assert.match(text, /^::2\tsix$/m);
  assert.match(text, /^10\.91\.0\.1\thost\.docker\.internal$/m);
  assert.ok(text.endsWith('10.91.0.2\tweb\n'));
  for (const name of [{ hostname: 'web.example.com' }, { hostname: 'web', domainname: 'example.com' }])
    assert.ok(hostsFile(name, ['10.91.0.2'], []).endsWith('10.91.0.2\tweb.example.com web\n'));
});

test('freeAddress() gives each address once and never those of the network, the bridge or the broadcast', () => {
  const subnet = { base: parseAddress('10.9.8.0') ?? 0, prefix: 29 };
  const owner = { bootId: '', pid: 1, startTime: '' };
  const leases: Lease[] = [];
  for (let count = 0; count < 5; count++) {
    const address = freeAddress({ subnet, leases });
    leases.push({ id: `${count}`, address, ports: [], kind: 'process', owner });
  }
  assert.deepEqual(
    leases.map((lease) => lease.address.split('.')[3]),
    ['2', '3', '4', '5', '6'],
  );
  assert.throws(() => freeAddress({ subnet, leases }), { code: 'NETWORK_FULL' });
});

test('findSubnet() keeps out of the way of resolvers', () => {
  const free = findSubnet('no-such-bridge', '');
  const first = formatAddress(free.base + 7);
  const other = findSubnet('no-such-bridge', `nameserver ${first}\n`);
  assert.ok(!overlaps(free, other), `${formatSubnet(free)} ${formatSubnet(other)}`);
});
