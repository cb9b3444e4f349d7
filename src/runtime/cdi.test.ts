import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isShaleError } from '../base/index.ts';
import { findDevices, type DeviceEdits } from './cdi.ts';

const GPU = `
cdiVersion: 0.6.0
kind: vendor.com/gpu
containerEdits:
  env: [COMMON=1]
  mounts:
    - { hostPath: /usr/lib/driver, containerPath: /usr/lib/driver, options: [ro, nosuid, nodev, bind] }
  hooks:
    - { hookName: createContainer, path: /usr/bin/hook, args: [hook, ldcache] }
devices:
  - name: "0"
    containerEdits:
      env: [GPU=0]
      deviceNodes: [{ path: /dev/gpu0, hostPath: /dev/null, permissions: rw }]
      additionalGids: [44]
  - name: "1"
    annotations: { org.mobyproject.buildkit.device.class: "fast,gpu" }
    containerEdits: { deviceNodes: [{ path: /dev/gpu1 }] }
`;
const NIC = {
  cdiVersion: '0.6.0',
  kind: 'vendor.com/nic',
  devices: [{ name: 'a', containerEdits: { env: ['NIC=static'] } }],
};

async function withSpecs(
  files: Readonly<Record<string, string>>,
  work: (find: (...names: string[]) => Promise<DeviceEdits>) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'shale-cdi-'));
  try {
    for (const name of ['etc', 'run']) mkdirSync(join(folder, name));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const folders = ['none', 'etc', 'run'].map((name) => join(folder, name));
    await work((...names) =>
      findDevices(
        names.map((name) => ({ name: name.replace('!', ''), required: name.endsWith('!') })),
        folders,
      ),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('findDevices()', () => {
  const files = { 'etc/gpu.yaml': GPU, 'etc/nic.json': JSON.stringify(NIC) };

  test('joins what a device and its file add to a container', async () => {
    await withSpecs(files, async (find) => {
      assert.deepEqual(await find('vendor.com/gpu=0'), {
        env: ['COMMON=1', 'GPU=0'],
        devices: [{ source: '/dev/null', target: '/dev/gpu0', access: 'rw' }],
        mounts: [
          {
            kind: 'bind',
            source: '/usr/lib/driver',
            target: '/usr/lib/driver',
            readonly: true,
            recursive: false,
            flags: ['nosuid', 'nodev'],
          },
        ],
        groups: ['44'],
        hooks: { createContainer: [{ path: '/usr/bin/hook', args: ['hook', 'ldcache'] }] },
      });
    });
  });

  test('takes a kind for its first device, a star for all, and a class of BuildKit’s', async () => {
    await withSpecs(files, async (find) => {
      const paths = async (...names: string[]): Promise<string[]> =>
        (await find(...names)).devices.map(({ target }) => target);
      assert.deepEqual(await paths('vendor.com/gpu'), ['/dev/gpu0']);
      assert.deepEqual(await paths('vendor.com/gpu=*'), ['/dev/gpu0', '/dev/gpu1']);
      assert.deepEqual(await paths('fast'), ['/dev/gpu1']);
      assert.deepEqual(await paths('vendor.com/gpu=1', 'vendor.com/gpu=1'), ['/dev/gpu1']);
      assert.equal((await find('vendor.com/gpu=*')).mounts.length, 1, 'what is common to both, once');
    });
  });

  test('leaves a device out that is not there, or says so where it is required', async () => {
    await withSpecs(files, async (find) => {
      assert.deepEqual((await find('vendor.com/gpu=7', 'other')).devices, []);
      await assert.rejects(
        find('vendor.com/gpu=7!'),
        (error) => isShaleError(error, 'DEVICE_NOT_FOUND') && /vendor.com\/gpu=0/.test(error.hint ?? ''),
      );
    });
    await withSpecs({}, (find) => assert.rejects(find('gpu!'), (error) => isShaleError(error, 'DEVICE_NOT_FOUND')));
  });

  test('lets a specification of this boot win over one of the machine', async () => {
    const now = { ...NIC, devices: [{ name: 'a', containerEdits: { env: ['NIC=now'] } }] };
    await withSpecs({ ...files, 'run/nic.json': JSON.stringify(now) }, async (find) => {
      assert.deepEqual((await find('vendor.com/nic=a')).env, ['NIC=now']);
    });
  });

  test('refuses specifications that it cannot read, by their file', async () => {
    for (const text of [
      '{',
      'kind: nothing\ndevices: []',
      'devices: [',
      'kind: a/b\ndevices: [{name: x, containerEdits: {intelRdt: {}}}]',
      '&a [*a, *a]',
    ])
      await withSpecs({ 'etc/bad.yaml': text }, (find) =>
        assert.rejects(
          find('a/b=x'),
          (error) => isShaleError(error, 'CDI_INVALID', 'JSON_INVALID') && error.message.includes('bad.yaml'),
          text,
        ),
      );
  });
});
