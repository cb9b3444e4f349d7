import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { streamOf } from '../../base/index.ts';
import type { CacheEngine, CacheEntry, MountExportRequest, CachePruneRequest } from '../../engine/index.ts';
import { runFake } from '../fake-context.fixture.ts';

const MOUNT: CacheEntry = {
  kind: 'mount',
  id: 'ab'.repeat(16),
  name: '/root/.npm',
  sizeBytes: 2_000_000,
  uses: 3,
  costMs: 1500,
  createdMs: 0,
  lastUsedMs: 0,
  inUse: true,
};
const STEP: CacheEntry = { ...MOUNT, kind: 'step', id: 's12', name: 'web/run/1', inUse: false };

function withCache(cache: Partial<CacheEngine>): { engine: { cache: CacheEngine } } {
  return { engine: { cache: cache as CacheEngine } }; // The commands call nothing else.
}

describe('cache', () => {
  test('ls shows mounts and steps, one kind of them, or ids', async () => {
    const fake = withCache({ list: async () => [MOUNT, STEP] });
    const { stdout } = await runFake(['cache', 'ls'], fake);
    assert.match(
      stdout,
      /^ID +TYPE +NAME +SIZE +USES +SAVES +LAST USED +IN USE\nabababababab +mount +\/root\/\.npm +2MB +3 +1\.5s .* true\ns12 +step /,
    );
    assert.equal((await runFake(['cache', 'ls', '-q', '--no-trunc', '--type', 'mount'], fake)).stdout, `${MOUNT.id}\n`);
  });

  test('df shows the cap', async () => {
    const row = { total: 1, active: 0, sizeBytes: 1000, reclaimableBytes: 1000 };
    const usage = async (): ReturnType<CacheEngine['usage']> =>
      Promise.resolve({
        rows: [
          { type: 'Steps', ...row },
          { type: 'Mounts', ...row },
        ],
        capBytes: 5e9,
      });
    const { stdout } = await runFake(['cache', 'df'], withCache({ usage }));
    assert.match(stdout, /Steps +1 +0 +1kB +1kB\nMounts +1 +0 +1kB +1kB\n\n2kB of at most 5GB\n$/);
  });

  test('rm prints what is gone, prune takes its limits', async () => {
    assert.equal(
      (await runFake(['cache', 'rm', 'x'], withCache({ remove: async () => [MOUNT] }))).stdout,
      `${MOUNT.id}\n`,
    );
    let asked: CachePruneRequest | undefined;
    const prune: CacheEngine['prune'] = async (request) => {
      asked = request;
      return { steps: 1, mounts: 2, reclaimedBytes: 3000 };
    };
    const { stdout } = await runFake(['cache', 'prune', '-f', '--max-size', '1m'], withCache({ prune }));
    assert.deepEqual(asked, { maxBytes: 1024 ** 2 });
    assert.equal(stdout, 'deleted steps: 1\ndeleted mounts: 2\nTotal reclaimed space: 3kB\n');
  });

  test('export writes the archive to standard output and says on the other what is in it', async () => {
    let asked: MountExportRequest | undefined;
    const exportMounts: CacheEngine['exportMounts'] = async (request) => {
      asked = request;
      return { exported: [MOUNT], skipped: [{ entry: STEP, why: 'it is large' }], archive: streamOf('tar') };
    };
    const { stdout, stderr } = await runFake(['cache', 'export', 'x'], withCache({ exportMounts }));
    assert.deepEqual([stdout, asked], ['tar', { names: ['x'] }]);
    assert.equal(stderr, 'exported /root/.npm (2MB)\nleft out web/run/1: it is large\n');
    await runFake(['cache', 'export', '--registry', 'r.example/m'], withCache({ exportMounts }));
    assert.deepEqual(asked, { names: [], registry: 'r.example/m' });
    const both = await runFake(['cache', 'export', '-o', 'a', '--folder', 'b'], withCache({ exportMounts }));
    assert.equal(both.status, 125);
  });
});
