import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ImageCopyRequest, PullRequest, PushRequest } from '../../engine/index.ts';
import { runFake } from '../fake-context.fixture.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

async function* several<T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

describe('push', () => {
  const pushing = (requests: PushRequest[]) => ({
    push: async (request: PushRequest) => {
      requests.push(request);
      return { name: 'r.example/web:1', digest: DIGEST, sizeBytes: 500 };
    },
    pushAllTags: (request: PushRequest) => {
      requests.push(request);
      const one = (tag: string) => ({ name: `r.example/web:${tag}`, digest: DIGEST, sizeBytes: 500 });
      return several(one('a'), one('b'));
    },
  });

  test('hands on what was asked for, and prints what docker prints', async () => {
    for (const [words, request, stdout] of [
      [['web'], { image: 'web', force: false }, `1: digest: ${DIGEST} size: 500\n`],
      [
        ['-q', '--force', 'web', 'docker://r.example/web:1'],
        { image: 'web', destination: 'r.example/web:1', force: true },
        'r.example/web:1\n',
      ],
      [
        ['--compression=zstd', '--compression-level=19', '--format', 'oci', '--platform', 'linux/arm64', 'web'],
        { image: 'web', compression: 'zstd', level: 19, format: 'oci', platform: 'linux/arm64', force: false },
        `1: digest: ${DIGEST} size: 500\n`,
      ],
      [
        ['-a', 'r.example:5000/web'],
        { image: 'r.example:5000/web', force: false },
        `a: digest: ${DIGEST} size: 500\nb: digest: ${DIGEST} size: 500\n`,
      ],
    ] as const) {
      const requests: PushRequest[] = [];
      const run = await runFake(['push', ...words], { engine: pushing(requests) });
      assert.equal(run.status, 0, run.stderr);
      assert.deepEqual(requests, [request]);
      assert.equal(run.stdout, stdout);
    }
  });

  test('says what is wrong with a command line', async () => {
    for (const [words, expected] of [
      [['-a', 'web:1'], /one name without a tag/],
      [['-a', '--platform=linux/arm64', 'web'], /exclude each other/],
      [['--compression-level=0', 'web'], /is 1 to 9, not "0"/],
      [['--compression=zstd', '--compression-level=20', 'web'], /is 1 to 19/],
      [['--compression=none', '--compression-level=1', 'web'], /no meaning/],
      [['--compression=lz4', 'web'], /gzip, zstd, none/],
    ] as const) {
      const run = await runFake(['push', ...words], { engine: pushing([]) });
      assert.equal(run.status, 125, run.stderr);
      assert.match(run.stderr, expected);
    }
  });
});

test('pull -a brings every tag, --all-platforms every image, and neither goes with what contradicts it', async () => {
  const requests: PullRequest[] = [];
  const result = { imageId: DIGEST, name: 'web:1', digest: DIGEST, changed: true };
  const engine = {
    pull: async (request: PullRequest) => (requests.push(request), result),
    pullAllTags: (request: PullRequest) => (requests.push(request), several(result, { ...result, name: 'web:2' })),
  };
  assert.equal((await runFake(['pull', '-a', '-q', 'r.example:5000/web'], { engine })).stdout, 'web:1\nweb:2\n');
  assert.equal((await runFake(['pull', '--all-platforms', 'web'], { engine })).stdout, 'web:1\n');
  assert.deepEqual(
    requests.map((request) => [request.image, request.allPlatforms]),
    [
      ['r.example:5000/web', false],
      ['web', true],
    ],
  );
  for (const words of [
    ['-a', 'web:1'],
    ['-a', `web@${DIGEST}`],
    ['--all-platforms', '--platform=linux/arm64', 'web'],
  ])
    assert.equal((await runFake(['pull', ...words], { engine })).status, 125);
});

test('copy hands on both places and prints the digest', async () => {
  const requests: ImageCopyRequest[] = [];
  const engine = { copyImage: async (request: ImageCopyRequest) => (requests.push(request), { digest: DIGEST }) };
  const words = ['copy', '-q', '--referrers', '-f', 'docker', 'docker://a', 'oci:b:1'];
  assert.equal((await runFake(words, { engine })).stdout, `${DIGEST}\n`);
  const request = {
    source: 'docker://a',
    destination: 'oci:b:1',
    folder: '/project',
    format: 'docker',
    referrers: true,
  };
  assert.deepEqual(requests, [request]);
  assert.match((await runFake(['copy', '--src-creds=a:b', 'docker://a', 'oci:b'], { engine })).stderr, /shale login/);
});

test('search and the lists of a registry print what they find', async () => {
  const asked: unknown[] = [];
  const found = { name: 'nginx', description: `Official\nbuild ${'x'.repeat(60)}`, stars: 20_000, official: true };
  const referrer = { mediaType: 'm', digest: DIGEST, size: 1500, artifactType: 'application/spdx+json' };
  const registry = {
    search: async (request: unknown) => (asked.push(request), [found]),
    tags: () => several('1', '2'),
    repositories: () => several('a/b'),
    remove: async (name: string) => void asked.push(name),
    referrers: async () => [referrer],
  };
  const engine = { registry };
  const listed = await runFake(['search', '--limit=5', 'localhost:5000/web'], { engine });
  assert.deepEqual(asked, [{ registry: 'localhost:5000', term: 'web', limit: 5 }]);
  assert.match(listed.stdout, /^NAME +DESCRIPTION +STARS +OFFICIAL\nnginx +Official build x+… +20000 +\[OK\]\n$/);
  assert.equal((await runFake(['search', '--format={{.Name}}', 'nginx'], { engine })).stdout, 'nginx\n');
  assert.equal((await runFake(['search', '--limit=0', 'nginx'], { engine })).status, 125);
  assert.equal((await runFake(['registry', 'tags', 'a/b'], { engine })).stdout, '1\n2\n');
  assert.equal((await runFake(['tags', 'a/b'], { engine })).stdout, '1\n2\n');
  assert.equal((await runFake(['registry', 'repositories', 'r.example'], { engine })).stdout, 'a/b\n');
  assert.equal(
    (await runFake(['registry', 'delete', 'a:1', 'a:2'], { engine })).stdout,
    'Deleted: a:1\nDeleted: a:2\n',
  );
  const table = await runFake(['registry', 'referrers', 'a:1'], { engine });
  assert.match(table.stdout, /^DIGEST +TYPE +SIZE\nsha256:a+ +application\/spdx\+json +1.5kB\n$/);
});

test('manifest commands hand on lists and print documents', async () => {
  const asked: unknown[] = [];
  const document = { bytes: Buffer.from('{"schemaVersion":2}'), digest: DIGEST, mediaType: 'm' };
  const manifests = {
    create: async (request: { list: string }) => (asked.push(request), { id: DIGEST, name: request.list }),
    annotate: async (request: unknown) => (asked.push(request), { id: DIGEST }),
    inspect: async () => document,
    remove: async (list: string) => void asked.push(list),
  };
  const engine = { manifests, push: async () => ({ name: 'l', digest: DIGEST, sizeBytes: 1 }) };
  const created = await runFake(['manifest', 'create', '-a', 'list', 'one', 'two'], { engine });
  assert.equal(created.stdout, 'Created manifest list list\n');
  await runFake(['manifest', 'annotate', '--arch=arm', '--variant=v6', '--annotation=a=b', 'list', 'one'], { engine });
  assert.equal((await runFake(['manifest', 'inspect', 'list'], { engine })).stdout, '{\n   "schemaVersion": 2\n}\n');
  assert.equal((await runFake(['manifest', 'inspect', '--raw', 'list'], { engine })).stdout, '{"schemaVersion":2}');
  assert.equal((await runFake(['manifest', 'push', '-p', '-q', 'list'], { engine })).stdout, `${DIGEST}\n`);
  assert.deepEqual(asked, [
    { list: 'list', images: ['one', 'two'], amend: true },
    { list: 'list', image: 'one', architecture: 'arm', variant: 'v6', annotations: { a: 'b' } },
    'list',
  ]);
});
