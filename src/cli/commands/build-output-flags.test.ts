import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { BuildRequest } from '../../engine/index.ts';
import { runFake } from '../fake-context.fixture.ts';

const ID = `sha256:${'a'.repeat(64)}`;

describe('what build gives out', () => {
  let folder: string;
  const requests: BuildRequest[] = [];
  const engine = {
    build: async (given: BuildRequest) => {
      requests.push(given);
      return { imageId: ID, buildId: 'b1', tags: [], metadata: { 'image.name': 'x', 'buildx.build.ref': 'b1' } };
    },
  };
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'shale-outputs-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const last = (): BuildRequest | undefined => requests.at(-1);
  const run = (...words: readonly string[]) => runFake(['build', ...words], { engine });

  test('--iidfile and --metadata-file are written, the latter with its names in order', async () => {
    const [iid, metadata] = [join(folder, 'iid'), join(folder, 'metadata.json')];
    await run('-t', 'x', '--iidfile', iid, '--metadata-file', metadata);
    assert.equal(readFileSync(iid, 'utf8'), ID);
    assert.equal(readFileSync(metadata, 'utf8'), '{\n  "buildx.build.ref": "b1",\n  "image.name": "x"\n}');
  });

  test('--iidfile and --metadata-file that cannot be written fail before anything is built', async () => {
    const before = requests.length;
    const metadata = await run('--metadata-file', join(folder, 'absent/file'));
    assert.equal(metadata.status, 1);
    assert.match(metadata.stderr, /cannot write the metadata to .*: there is no folder .*absent/);
    const iid = await run('--iidfile', folder);
    assert.equal(iid.status, 1);
    assert.match(iid.stderr, /cannot write the image id to .*: it is a folder/);
    assert.equal(requests.length, before);
  });

  test('without --output the image goes into the store; --load=false leaves it out', async () => {
    await run('-t', 'x');
    assert.equal(last()?.outputs, undefined);
    await run('-t', 'x', '--load=false');
    assert.deepEqual(last()?.outputs, []);
    await run('-o', 'type=cacheonly');
    assert.deepEqual(last()?.outputs, []);
    await run('-o', 'out', '--load');
    assert.deepEqual(
      last()?.outputs?.map(({ kind }) => kind),
      ['local', 'image'],
    );
  });

  test('the id is printed for an image without a name, and never beside a tar on standard output', async () => {
    assert.equal((await run('-q', '-o', 'type=image,name=x')).stdout, `${ID}\n`);
    assert.equal((await run('-o', 'type=oci,dest=x.tar')).stdout, `${ID}\n`);
    for (const output of ['-', 'type=oci', 'out', 'type=cacheonly'])
      assert.equal((await run('-q', '-o', output)).stdout, '', output);
  });

  test('platforms, stages and places come separated by commas or one by one', async () => {
    await run(
      '--platform',
      'linux/amd64,linux/arm64',
      '--platform',
      'linux/386',
      '--no-cache-filter',
      'a,b',
      '--squash',
    );
    assert.deepEqual(last()?.platforms, ['linux/amd64', 'linux/arm64', 'linux/386']);
    assert.deepEqual(last()?.noCacheStages, ['a', 'b']);
    assert.equal(last()?.squash, true);
  });
});
