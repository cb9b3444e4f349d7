import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { compareLeaks, takeLeakSnapshot } from '../../tests/support/leaks.ts';
import { type BridgeOptions, bridgeNetwork, releaseLeases } from './bridge.ts';
import { openPlainHost } from './plain-host.ts';
import { openNetworkPool } from './pool.ts';
import {
  containersMissing,
  isolateNetwork,
  openWorld,
  settleNetworks,
  outcomeOf,
  runIn,
  type World,
} from './runtime.fixture.ts';
import { STEP_SURROUNDINGS } from './step.ts';

const skip = containersMissing('netavark', 'iptables', 'ip');
if (containersMissing('ip') === false) isolateNetwork();

/** A bridge of this world alone. */
function bridgeOf(world: World): BridgeOptions {
  return { folder: `${world.runRoot}/networks`, bridge: `s${world.marker}` };
}

async function fetchText(url: string): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      return await (await fetch(url, { signal: AbortSignal.timeout(3000) })).text();
    } catch (error) {
      if (tries === 50) throw error;
      await sleep(40);
    }
  }
}

test(
  'a container on the bridge is reached through published ports and by its address, and leaves nothing',
  { skip },
  async () => {
    using world = openWorld();
    const before = takeLeakSnapshot(world.marker, { network: true });
    const serve = 'mkdir -p /tmp/www; echo hello > /tmp/www/index.html; exec httpd -f -p 80 -h /tmp/www';
    {
      const ports = [{ hostPort: 0, containerPort: 80, protocol: 'tcp' as const }];
      await using handle = await world.runtime.run(
        world.spec(['sh', '-c', serve], { network: bridgeNetwork(bridgeOf(world)), ports }),
        { kind: 'pipes' },
      );
      const [published] = handle.network.ports;
      const address = handle.network.addresses[0]?.split('/')[0];
      assert.equal(await fetchText(`http://${address}/`), 'hello\n');
      assert.equal(await fetchText(`http://127.0.0.1:${published?.hostPort}/`), 'hello\n');
      const taken = world.spec(['true'], {
        network: bridgeNetwork(bridgeOf(world)),
        ports: [{ hostPort: published?.hostPort ?? 0, containerPort: 81, protocol: 'tcp' }],
      });
      await assert.rejects(world.runtime.run(taken, { kind: 'pipes' }), { code: 'PORT_IN_USE' });
    }
    await settleNetworks(world);
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
  },
);

for (const end of ['a step', 'a container']) {
  test(`F-254: a bridge goes although a port of it goes late, when ${end} ends`, { skip }, async () => {
    using world = openWorld();
    const before = takeLeakSnapshot(world.marker, { network: true });
    const options = bridgeOf(world);
    const attachment = await bridgeNetwork(options).attach({
      id: `${world.marker}-late`,
      hostname: 'late',
      ports: [],
      extraHosts: [],
      dns: {},
      sysctls: {},
    });
    execFileSync('ip', ['link', 'add', 'late0', 'type', 'veth', 'peer', 'name', 'late1']);
    execFileSync('ip', ['link', 'set', 'late0', 'master', `s${world.marker}`]);
    const late = sleep(500).then(() => execFileSync('ip', ['link', 'delete', 'late0']));
    if (end === 'a step') {
      await attachment[Symbol.asyncDispose]();
    } else {
      await attachment.handOver();
      await releaseLeases(openPlainHost(), options.folder, () => true);
    }
    await late;
    await settleNetworks(world);
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
  });
}

test('a port that a program listens on is refused before anything is made', { skip }, async () => {
  using world = openWorld();
  const before = takeLeakSnapshot(world.marker, { network: true });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const address = server.address();
  const hostPort = typeof address === 'object' && address !== null ? address.port : 0;
  const ports = [{ hostPort, containerPort: 80, protocol: 'tcp' as const }];
  await assert.rejects(runIn(world, ['true'], { network: bridgeNetwork(bridgeOf(world)), ports }), {
    code: 'PORT_IN_USE',
  });
  await new Promise((resolve) => server.close(resolve));
  await settleNetworks(world);
  assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
});

test('the containers of a bridge reach the outside by NAT, each other and their gateway', { skip }, async () => {
  using world = openWorld();
  const before = takeLeakSnapshot(world.marker, { network: true });
  {
    const network = bridgeNetwork(bridgeOf(world));
    await using first = await world.runtime.run(world.spec(['sleep', '60'], { network }), { kind: 'pipes' });
    const peer = first.network.addresses[0]?.split('/')[0] ?? '';
    // The host's own address on its uplink is outside of the bridge's subnet.
    const script = `ip -o addr show lo | grep -q 127.0.0.1 && ping -c1 -W2 ${peer} >/dev/null && ping -c1 -W2 ${first.network.gateway} >/dev/null && cat /etc/hosts /proc/sys/net/ipv4/ip_unprivileged_port_start`;
    const outcome = await runIn(world, ['sh', '-c', script], { network, hostname: 'two', extraHosts: ['db:10.0.0.9'] });
    assert.equal(outcome.exit.code, 0, outcome.stderr);
    assert.match(outcome.stdout, /^10\.0\.0\.9\tdb$/m);
    assert.match(outcome.stdout, /^10\.\d+\.\d+\.3\ttwo\n0$/m);
  }
  await settleNetworks(world);
  assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
});

test(
  'a pool uses one namespace for steps one after another, one each for steps at once, and leaves nothing',
  { skip },
  async () => {
    using world = openWorld();
    const before = takeLeakSnapshot(world.marker, { network: true });
    {
      await using pool = openNetworkPool(bridgeOf(world));
      pool.warm();
      const step = async (script: string): Promise<string> => {
        const spec = world.spec(['sh', '-c', script], { ...STEP_SURROUNDINGS, network: pool });
        const outcome = await outcomeOf(await world.runtime.run(spec, { kind: 'pipes' }));
        assert.equal(outcome.exit.code, 0, JSON.stringify(outcome));
        return outcome.stdout;
      };
      const where = 'readlink /proc/self/ns/net; cat /etc/hosts';
      const one = await step(where);
      assert.equal(await step(where), one);
      assert.match(one, /^127\.0\.1\.1\tshale$/m);
      assert.doesNotMatch(one, /^10\./m);
      const both = await Promise.all([step(`${where}; sleep 0.3`), step(`${where}; sleep 0.3`)]);
      assert.notEqual(both[0], both[1]);
    }
    await settleNetworks(world);
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
  },
);

test(
  'a container without network has its loopback only; one on the host’s sees the host’s',
  { skip: containersMissing() },
  async () => {
    using world = openWorld();
    const none = await runIn(world, [
      'sh',
      '-c',
      'ip -o link | wc -l; ping -c1 127.0.0.1 | tail -1; cat /etc/resolv.conf',
    ]);
    assert.match(none.stdout, /^1\n/);
    const { hostNetwork } = await import('./networks-basic.ts');
    const host = await runIn(world, ['readlink', '/proc/self/ns/net'], { network: hostNetwork });
    const { readlinkSync } = await import('node:fs');
    assert.equal(host.stdout.trim(), readlinkSync('/proc/self/ns/net'));
  },
);
