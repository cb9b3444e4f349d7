/** What a build says of all its RUN steps: rights, hosts, limits; and what of it the keys know. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readlinkSync, rmdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { isShaleError } from '../../src/base/index.ts';
import { BUSYBOX, cannotRun, Lab, type BuildHow, type Built } from '../support/lab.ts';

describe('settings of RUN steps', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  const run = (line: string, how: BuildHow = {}): Promise<Built> =>
    lab.build({ dockerfile: `FROM busybox\nRUN ${line}\n` }, how);
  const ran = ({ steps }: Built): boolean => steps.some(({ name, cached }) => name.includes('RUN') && !cached);

  test('F-237: what reaches out of the sandbox is refused unless it was allowed, and then works', async () => {
    const cases = [
      ['--network=host readlink /proc/self/ns/net', 'network.host', readlinkSync('/proc/self/ns/net')],
      ['--security=insecure mount -t tmpfs shale-test /mnt && mount | grep -c shale-test', 'security.insecure', '1'],
    ] as const;
    for (const [line, right, shown] of cases) {
      const script = `mkdir -p /mnt\nRUN ${line}`;
      for (const allow of [[], ['device'], [right === 'network.host' ? 'security.insecure' : 'network.host']])
        await assert.rejects(run(script, { allow }), (error) => {
          assert.ok(isShaleError(error, 'DOCKERFILE_INVALID'));
          assert.ok(error.message.includes(`${right} is not allowed`));
          return error.hint?.includes(`--allow ${right}`) === true;
        });
      const { log } = await run(script, { allow: [right] });
      assert.ok(log.includes(shown), log);
    }
    await assert.rejects(run('true', { allow: ['everything'] }), (error) => isShaleError(error, 'ENTITLEMENT_UNKNOWN'));
    await assert.rejects(run('mount -t tmpfs none /tmp'), (error) => isShaleError(error, 'EXEC_FAILED'));
  });

  test('hosts are in /etc/hosts, and their names in the key', async () => {
    const hosts = (...ExtraHosts: string[]): BuildHow => ({ stepConfig: { ExtraHosts } });
    const { log, imageId } = await run('cat /etc/hosts', hosts('db:10.0.0.3', 'six:::2'));
    assert.match(log, /^10\.0\.0\.3\tdb\n::2\tsix$/m);
    assert.ok(!(await lab.tree(imageId)).has('etc/hosts'));
    assert.ok(!ran(await run('cat /etc/hosts', hosts('db:10.0.0.4', 'six:::3'))), 'another address');
    assert.ok(ran(await run('cat /etc/hosts', hosts('db:10.0.0.4'))), 'fewer names');
  });

  test('limits that a program sees are set, and are part of the key', async () => {
    const line = 'ulimit -Sn; ulimit -Hn; ulimit -Sc; df -k /dev/shm | tail -1';
    assert.match((await run(line)).log, /^4096\n\d+\n0\n\S+ +65536 /);
    const limited = { Ulimits: [{ Name: 'nofile', Soft: 100, Hard: 200 }], ShmSize: 1024 * 1024 };
    const first = await run(line, { stepConfig: limited });
    assert.match(first.log, /^100\n200\n0\n\S+ +1024 /);
    assert.ok(!ran(await run(line, { stepConfig: limited })));
    assert.ok(ran(await run(line, { stepConfig: { ...limited, ShmSize: 2 * 1024 * 1024 } })));
  });

  test('limits of the cgroup hold, and are no part of the key', async () => {
    const hungry = 'dd if=/dev/zero of=/dev/null bs=64M count=1';
    const stepConfig = { Memory: 16 * 1024 * 1024, NanoCpus: 500_000_000 };
    await assert.rejects(run(hungry, { stepConfig }), /out of memory/);
    assert.ok(ran(await run(hungry)));
    assert.ok(!ran(await run(hungry, { stepConfig })));
    await assert.rejects(run('true', { stepConfig: { Memory: 1000 } }), (error) =>
      isShaleError(error, 'LIMIT_INVALID'),
    );
  });

  test('a cgroup that those of the steps are made in is no part of the key; one that leads elsewhere is refused', async () => {
    const cgroupParent = `/shale-test-${process.pid}`;
    try {
      const { log } = await run('cat /proc/self/cgroup', { cgroupParent });
      assert.match(log, new RegExp(`:${cgroupParent}/shale-step-|^0::/$`, 'm'));
      assert.ok(!ran(await run('cat /proc/self/cgroup')));
    } finally {
      const root = '/sys/fs/cgroup';
      for (const place of [root, ...readdirSync(root).map((name) => `${root}/${name}`)])
        if (existsSync(place + cgroupParent)) rmdirSync(place + cgroupParent);
    }
    await assert.rejects(run('true', { cgroupParent: '../x' }), (error) => isShaleError(error, 'LIMIT_INVALID'));
  });

  test('proxies that only the command line names are there, and in no key', async () => {
    const proxied = (url: string): BuildHow => ({ buildArgs: { HTTP_PROXY: url } });
    assert.match((await run('echo "$http_proxy $HTTP_PROXY"', proxied('http://a'))).log, /^http:\/\/a http:\/\/a\n/);
    assert.ok(!ran(await run('echo "$http_proxy $HTTP_PROXY"', proxied('http://b'))));
  });
});

test(
  'F-237: RUN --device gets what the machine describes, once it is allowed',
  { skip: cannotRun || BUSYBOX.missing },
  async () => {
    await using lab = await Lab.open();
    await lab.importBusybox();
    const folder = lab.context({
      'gpu.json': JSON.stringify({
        cdiVersion: '0.6.0',
        kind: 'vendor.com/gpu',
        devices: [
          {
            name: '0',
            containerEdits: {
              env: ['GPU=zero'],
              deviceNodes: [{ path: '/dev/gpu0', hostPath: '/dev/full' }],
              mounts: [{ hostPath: lab.newFolder(), containerPath: '/opt/driver', options: ['ro', 'rbind'] }],
              additionalGids: [44],
            },
          },
        ],
      }),
    });
    const engine = await lab.again({ deviceFolders: [folder] });
    try {
      const line = (flag: string): string =>
        `FROM busybox\nRUN --device=${flag} ls -l /dev/gpu0; test -d /opt/driver && ! touch /opt/driver/x 2>/dev/null; echo "[$GPU]"; id -G; { echo x > /dev/gpu0; } 2>&1 || true\n`;
      const name = 'vendor.com/gpu=0';
      for (const allow of [[], ['device=vendor.com/gpu=1'], ['security.insecure']])
        await assert.rejects(
          engine.build({ dockerfile: line(name) }, { allow }),
          (error) => isShaleError(error, 'DOCKERFILE_INVALID') && /device is not allowed/.test(error.message),
        );
      for (const allow of [['device'], [`device=${name}`]]) {
        const { log, imageId } = await engine.build({ dockerfile: line(name) }, { allow, noCache: true });
        assert.match(log, /crw.* 1, +7 .* \/dev\/gpu0/);
        assert.match(log, /\[zero\]\n0 44\n/);
        assert.match(log, /No space left on device/);
        assert.ok(!(await engine.tree(imageId)).has('opt'));
      }
      assert.match(
        (await engine.build({ dockerfile: line('vendor.com/other=0') }, { allow: ['device'] })).log,
        /\[\]\n0\n/,
      );
      await assert.rejects(
        engine.build({ dockerfile: line('vendor.com/other=0,required') }, { allow: ['device'] }),
        (error) => isShaleError(error, 'DEVICE_NOT_FOUND'),
      );
    } finally {
      await engine[Symbol.asyncDispose]();
    }
  },
);
