/** Networks by the command line, in a network namespace of this test: the machine's own is neither seen nor changed. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { containersMissing, isolateNetwork } from '../../src/runtime/runtime.fixture.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { done, PROGRAM, type Ran, type Shale, shaleOf } from './command.ts';

const skip = cannotRun || BUSYBOX.missing || containersMissing('netavark', 'iptables', 'ip');
const hasNames = ['/usr/lib/podman/aardvark-dns', '/usr/libexec/podman/aardvark-dns'].some(existsSync);
if (skip === false) isolateNetwork();

type Fields = Readonly<Record<string, unknown>>;

describe('networks', { skip }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(async () => {
    for (const { id } of await lab.engine.containers({ all: true }))
      await lab.engine.removeContainer(id, { force: true, volumes: true });
    assert.deepEqual(leftovers(), [], 'nothing stays on the machine');
    assert.equal(nameServers(), 0, 'no name server goes on');
    await lab[Symbol.asyncDispose]();
  });

  const shale: Shale = (...words) => shaleOf(lab)(...words);
  const start = (name: string, options: readonly string[], ...command: string[]): Promise<string> =>
    done(shale('run', '-d', '--name', name, ...options, 'busybox', ...command));
  const exec = (name: string, script: string): Promise<Ran> => shale('exec', name, 'sh', '-c', script);
  /** The name server learns of a container a moment after it has its place. */
  const patient = (script: string): string =>
    `for i in $(seq 50); do ${script} 2> /dev/null && exit 0; sleep 0.1; done; exit 1`;
  const remove = (...names: string[]): Promise<string> => done(shale('rm', '-f', ...names));
  const inspected = async (
    name: string,
  ): Promise<{ readonly NetworkSettings: { readonly Networks: Readonly<Record<string, Fields>> } }> =>
    (JSON.parse(await done(shale('inspect', name))) as [never])[0]; // docker's shape

  /** Interfaces and rules that are there beside loopback. */
  function leftovers(): string[] {
    const links = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).split('\n');
    const rules = execFileSync('iptables-save', { encoding: 'utf8' }).split('\n');
    return [
      ...links.filter((line) => line !== '' && !/^\d+: lo:/.test(line)),
      ...rules.filter((line) => /NETAVARK/.test(line)),
    ];
  }

  /** Name servers of this run folder that live. */
  function nameServers(): number {
    const commands = readdirSync('/proc').map((name) => {
      try {
        return /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, 'latin1') : '';
      } catch {
        return ''; // It ended meanwhile.
      }
    });
    return commands.filter((command) => command.includes(`${lab.runRoot}/`) && /aardvark-dns/.test(command)).length;
  }

  test('create, ls, inspect, rm and prune answer as docker', async () => {
    const id = await done(shale('network', 'create', '--label', 'a=b', '--subnet', '10.77.0.0/24', 'plain'));
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.match(
      await done(shale('network', 'ls')),
      /^NETWORK ID {5}NAME {6}DRIVER {4}SCOPE\n[0-9a-f]{12} {3}bridge {4}bridge {4}local\n[0-9a-f]{12} {3}host {6}host {6}local\n[0-9a-f]{12} {3}none {6}null {6}local\n[0-9a-f]{12} {3}plain {5}bridge {4}local$/,
    );
    assert.equal(await done(shale('network', 'ls', '-q', '-f', 'type=custom')), id.slice(0, 12));
    const [shown] = JSON.parse(await done(shale('network', 'inspect', id.slice(0, 12)))) as [Fields]; // docker's shape
    assert.deepEqual(JSON.parse(await done(shale('inspect', id.slice(0, 12)))), [shown]);
    assert.deepEqual(shown['IPAM'], {
      Driver: 'default',
      Options: {},
      Config: [{ Subnet: '10.77.0.0/24', Gateway: '10.77.0.1' }],
    });
    assert.deepEqual([shown['Labels'], shown['Containers'], shown['Internal']], [{ a: 'b' }, {}, false]);
    const again = await shale('network', 'create', 'plain');
    assert.deepEqual([again.status, /there is a network plain already/.test(again.stderr)], [1, true]);
    const overlap = await shale('network', 'create', '--subnet', '10.77.0.0/25', 'other');
    assert.deepEqual([overlap.status, /overlaps 10\.77\.0\.0\/24/.test(overlap.stderr)], [1, true]);
    for (const name of ['bridge', 'host', 'none']) {
      const { status, stderr } = await shale('network', 'rm', name);
      assert.deepEqual([status, /always there/.test(stderr)], [1, true]);
    }
    assert.equal(await done(shale('network', 'rm', 'plain')), 'plain');
    assert.equal((await shale('network', 'rm', 'plain')).status, 1);
    assert.equal((await shale('network', 'rm', '-f', 'plain')).status, 0);
    await done(shale('network', 'create', 'one'));
    assert.equal(await done(shale('network', 'prune', '-f')), 'Deleted Networks:\none');
    assert.deepEqual(leftovers(), [], 'a network without containers is nothing on the machine');
  });

  const refused: readonly (readonly [options: string, message: RegExp])[] = [
    ['--subnet 10.77.0.5/24 x', /is no subnet/],
    ['--subnet 10.77.0.0/31 x', /is no subnet/],
    ['--subnet 10.77.0.0/24 --gateway 10.78.0.1 x', /is not an address of/],
    ['--subnet 10.77.0.0/24 --ip-range 10.78.0.0/25 x', /is not in/],
    ['--subnet fd00::/64 x', /needs --ipv6/],
    ['-o foo=bar x', /there is no option "foo"/],
    ['-d overlay x', /one of bridge/],
    ['a/b', /is no name of a network/],
  ];
  for (const [options, message] of refused) {
    test(`network create ${options} is refused`, async () => {
      const { status, stderr } = await shale('network', 'create', ...options.split(' '));
      assert.notEqual(status, 0);
      assert.match(stderr, message);
      assert.equal(await done(shale('network', 'ls', '-q', '-f', 'type=custom')), '');
    });
  }

  test(
    'containers find each other by name and alias, and networks do not reach each other',
    { skip: !hasNames && 'needs aardvark-dns' },
    async () => {
      await done(shale('network', 'create', 'front'));
      await done(shale('network', 'create', 'back'));
      const serve = 'mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www';
      const id = await start('web', ['--network', 'back', '--network-alias', 'site'], 'sh', '-c', serve);
      await start('near', ['--network', 'back'], 'sleep', '1000');
      await start('far', ['--network', 'front'], 'sleep', '1000');
      for (const name of ['web', 'site', id.slice(0, 12)]) {
        assert.equal((await exec('near', patient(`wget -qO- http://${name}/`))).stdout, 'hello\n', name);
      }
      const address = String((await inspected('web')).NetworkSettings.Networks['back']?.['IPAddress']);
      assert.notEqual((await exec('far', 'nslookup web')).status, 0);
      assert.notEqual(
        (await exec('far', `wget -T 2 -qO- http://${address}/`)).status,
        0,
        'other networks do not reach it',
      );

      // One more network, while it runs.
      await done(shale('network', 'connect', '--alias', 'there', 'back', 'far'));
      assert.equal((await exec('far', patient('wget -qO- http://web/'))).stdout, 'hello\n');
      assert.equal((await exec('near', patient('ping -c 1 -W 1 there > /dev/null'))).status, 0);
      const twice = await shale('network', 'connect', 'back', 'far');
      assert.deepEqual([twice.status, /is on the network back already/.test(twice.stderr)], [1, true]);
      const networks = (await inspected('far')).NetworkSettings.Networks;
      assert.deepEqual(Object.keys(networks), ['front', 'back']);
      assert.deepEqual(networks['back']?.['Aliases'], ['there']);
      const members = JSON.parse(
        await done(shale('network', 'inspect', '-f', '{{json .Containers}}', 'back')),
      ) as Readonly<Record<string, Fields>>; // docker's shape
      assert.deepEqual(
        Object.values(members)
          .map((one) => String(one['Name']))
          .toSorted(),
        ['far', 'near', 'web'],
      );
      const inUse = await shale('network', 'rm', 'back');
      assert.deepEqual([inUse.status, /is in use by container/.test(inUse.stderr)], [1, true]);
      await done(shale('network', 'disconnect', 'back', 'far'));
      assert.notEqual((await exec('far', 'wget -T 2 -qO- http://web/')).status, 0);
      assert.equal((await shale('network', 'disconnect', 'back', 'far')).status, 1);
      assert.equal((await shale('network', 'disconnect', '-f', 'back', 'far')).status, 0);

      await remove('web', 'near', 'far');
      assert.deepEqual(leftovers(), []);
      await done(shale('network', 'rm', 'front', 'back'));
    },
  );

  test('several networks, fixed addresses, a MAC address, and IPv6', async () => {
    await done(
      shale(
        'network',
        'create',
        '--subnet',
        '10.77.1.0/24',
        '--gateway',
        '10.77.1.254',
        '--ip-range',
        '10.77.1.64/28',
        'a',
      ),
    );
    await done(shale('network', 'create', '--ipv6', '--subnet', '10.77.2.0/24', '--subnet', 'fd77::/64', 'b'));
    const options = ['--network', 'name=a,ip=10.77.1.9,mac-address=02:42:00:00:00:09', '--network', 'name=b,alias=x'];
    await start('both', options, 'sleep', '1000');
    const { stdout } = await exec(
      'both',
      'ip -o addr | grep -v " lo " | grep -v fe80; ip route | head -1; cat /sys/class/net/eth0/address',
    );
    assert.match(stdout, /eth0 .*inet 10\.77\.1\.9\/24/);
    assert.match(stdout, /eth1 .*inet 10\.77\.2\.2\/24/);
    assert.match(stdout, /eth1 .*inet6 fd77::2\/64/);
    assert.match(stdout, /default via 10\.77\.1\.254 dev eth0/);
    assert.match(stdout, /02:42:00:00:00:09/);
    const networks = (await inspected('both')).NetworkSettings.Networks;
    assert.deepEqual([networks['a']?.['IPAddress'], networks['a']?.['Gateway']], ['10.77.1.9', '10.77.1.254']);
    assert.deepEqual([networks['b']?.['GlobalIPv6Address'], networks['b']?.['IPv6Gateway']], ['fd77::2', 'fd77::1']);
    await start('ranged', ['--network', 'a'], 'sleep', '1000');
    assert.equal((await inspected('ranged')).NetworkSettings.Networks['a']?.['IPAddress'], '10.77.1.64');
    for (const [address, message] of [
      ['10.77.1.9', /a container has it/],
      ['10.77.1.254', /it is the gateway/],
      ['10.78.0.1', /it is not in 10\.77\.1\.0\/24/],
    ] as const) {
      const { status, stderr } = await shale('run', '--rm', '--network', 'a', '--ip', address, 'busybox', 'true');
      assert.deepEqual([status, message.test(stderr)], [125, true], stderr);
    }
    await remove('both', 'ranged');
    assert.deepEqual(leftovers(), []);
    await done(shale('network', 'rm', 'a', 'b'));
  });

  test('an internal network has no way out, and published ports lead to the network that has one', async () => {
    await done(shale('network', 'create', '--internal', 'vault'));
    await done(shale('network', 'create', 'open'));
    await start('inside', ['--network', 'vault'], 'sleep', '1000');
    assert.equal((await exec('inside', 'ip route | grep -c default')).stdout, '0\n');
    const serve = 'mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www';
    await start('both', ['--network', 'vault', '--network', 'open', '-p', '127.0.0.1:8077:80'], 'sh', '-c', serve);
    const answer = await fetch('http://127.0.0.1:8077/', { signal: AbortSignal.timeout(5000) });
    assert.equal(await answer.text(), 'hello\n');
    await remove('inside', 'both');
    assert.deepEqual(leftovers(), []);
    await done(shale('network', 'prune', '-f'));
  });

  test('-P publishes what is exposed on free ports, tcp and udp', async () => {
    await lab.build({ dockerfile: 'FROM busybox\nEXPOSE 80 90/udp\n' }, { tags: ['exposing'] });
    const id = await done(shale('run', '-d', '-P', '--expose', '100-101', 'exposing', 'sleep', '1000'));
    const [shown] = JSON.parse(await done(shale('inspect', id))) as [
      { NetworkSettings: { Ports: Readonly<Record<string, readonly Fields[]>> } },
    ]; // docker's shape
    const ports = shown.NetworkSettings.Ports;
    assert.deepEqual(Object.keys(ports), ['100/tcp', '101/tcp', '80/tcp', '90/udp']);
    for (const [binding] of Object.values(ports)) assert.match(String(binding?.['HostPort']), /^\d{2,5}$/);
    await remove(id);
  });

  test('--network container:NAME shares the network, its addresses and its names', async () => {
    const donor = await start('donor', ['-h', 'shared', '--add-host', 'x:1.2.3.4'], 'sleep', '1000');
    const script = 'ip -o -4 addr show eth0 | tr -s " " | cut -d" " -f4; grep 1.2.3.4 /etc/hosts; cat /etc/hostname';
    const own = (await exec('donor', script)).stdout;
    const other = await shale('run', '--rm', '--network', 'container:donor', 'busybox', 'sh', '-c', script);
    assert.deepEqual([other.status, other.stdout], [0, own], other.stderr);
    assert.match(own, /^10\.\d+\.\d+\.\d+\/\d+\n1\.2\.3\.4\tx\nshared\n$/);
    const named = await shale(
      'run',
      '--rm',
      '--network',
      'container:donor',
      'busybox',
      'sh',
      '-c',
      'hostname; echo $HOSTNAME',
    );
    assert.deepEqual([named.status, named.stdout], [0, 'shared\nshared\n'], named.stderr);
    const kept = (
      await done(shale('create', '--name', 'kept', '--network', 'container:donor', 'busybox', 'hostname'))
    ).trim();
    await done(shale('rename', 'donor', 'giver'));
    assert.equal(await done(shale('start', '-a', 'kept')), 'shared');
    const shown = await done(shale('inspect', '-f', '{{.Config.Hostname}} {{.HostConfig.NetworkMode}}', 'kept'));
    assert.equal(shown, `shared container:${donor}`);
    await remove(kept);
    await done(shale('rename', 'giver', 'donor'));
    for (const options of [
      ['-p', '80'],
      ['-h', 'x'],
      ['--dns', '1.1.1.1'],
      ['--add-host', 'a:1.1.1.1'],
      ['--expose', '8'],
    ]) {
      const { status, stderr } = await shale(
        'run',
        '--rm',
        '--network',
        'container:donor',
        ...options,
        'busybox',
        'true',
      );
      assert.deepEqual([status, /exclude each other/.test(stderr)], [125, true], options.join(' '));
    }
    await remove(donor);
    const gone = await shale('run', '--rm', '--network', 'container:donor', 'busybox', 'true');
    assert.equal(gone.status, 125);
  });

  test('what a container that ended by itself left on its networks goes when it is removed', async () => {
    await done(shale('network', 'create', 'killed'));
    const id = await start('victim', ['--network', 'killed'], 'sleep', '1000');
    assert.notDeepEqual(leftovers(), []);
    execFileSync('sh', ['-c', `kill -9 $(cat ${lab.home}/containers/${id}/pid)`]);
    await remove('victim');
    assert.deepEqual(leftovers(), []);
    await done(shale('network', 'rm', 'killed'));
  });

  test('what a killed command left on its networks goes with the next one', async () => {
    await done(shale('network', 'create', 'killed'));
    const env = { ...process.env, SHALE_HOME: lab.home, SHALE_RUN: lab.runRoot };
    const words = ['run', '--rm', '--network', 'killed', '-p', '127.0.0.1::80', 'busybox', 'sleep', '1000'];
    const command = spawn(process.execPath, [PROGRAM, ...words], { env, stdio: 'ignore' });
    const ended = once(command, 'close');
    while ((await done(shale('ps', '-q'))) === '') await sleep(50);
    assert.notDeepEqual(leftovers(), []);
    command.kill('SIGKILL');
    await ended;
    await done(shale('run', '--rm', '--network', 'none', 'busybox', 'true'));
    assert.deepEqual(leftovers(), []);
    assert.equal(nameServers(), 0, 'nor does its name server go on');
    await done(shale('network', 'rm', 'killed'));
  });

  const wrong: readonly (readonly [options: string, message: RegExp])[] = [
    ['--network nowhere', /there is no network nowhere/],
    ['--network none --network host', /cannot be had beside another one/],
    ['--ip 10.0.0.9', /is for networks that were made by name/],
    ['--network-alias x', /is for networks that were made by name/],
    ['--network name=a,foo=b', /there is no key "foo"/],
    ['--mac-address 01:00:00:00:00:00', /is not a MAC address/],
    ['--network host --sysctl net.ipv4.ip_forward=1', /exclude each other/],
  ];
  for (const [options, message] of wrong) {
    test(`run ${options} is refused`, async () => {
      const { status, stderr } = await shale('run', '--rm', ...options.split(' '), 'busybox', 'true');
      assert.deepEqual([status, message.test(stderr)], [125, true], stderr);
    });
  }
});
