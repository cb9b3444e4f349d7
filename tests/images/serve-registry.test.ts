/**
 * What the distribution specification requires of a registry, as a table of checks against `shale serve registry`; and
 * against the reference implementation, where it is there, so that the table says no more than the specification does.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Lab } from '../support/lab.ts';
import { registryProgram, startRegistry, type TestRegistry } from '../support/registry.ts';
import { blobOf, INDEX, MANIFEST, manifestOf, randomBlob, RegistryProbe } from '../support/registry-checks.ts';
import { serveLab } from '../support/serve-lab.ts';

interface Check {
  readonly name: string;
  /** What the reference implementation (2.8.2) does otherwise; it is not asked. */
  readonly not?: string;
  readonly run: (registry: RegistryProbe) => Promise<void>;
}

const ARTIFACT = 'application/vnd.example.thing.v1';
const EMPTY = 'application/vnd.oci.empty.v1+json';

const CHECKS: readonly Check[] = [
  {
    // The official suite is not to be had here; referrers, which the reference lacks, have checks of their own below.
    name: 'F-186: answers each endpoint of the specification’s table, end-1 to end-11, as it says',
    run: async (registry) => {
      const [blob, other] = [randomBlob(), randomBlob()];
      const repository = `t/ends${blob.digest.slice(-6)}`;
      const status = async (method: string, path: string, body?: Uint8Array): Promise<number> =>
        (await registry.ask(method, path, { headers: { Accept: MANIFEST }, ...(body !== undefined && { body }) }))
          .status;
      const base = `/v2/${repository}`;
      assert.equal(await status('GET', '/v2/'), 200, 'end-1');
      assert.equal(await status('HEAD', `${base}/blobs/${blob.digest}`), 404, 'end-2');
      const posted = await status('POST', `${base}/blobs/uploads/?digest=${other.digest}`, other.bytes);
      assert.ok([201, 202].includes(posted), 'end-4b');
      const begun = await registry.ask('POST', `${base}/blobs/uploads/`);
      assert.equal(begun.status, 202, 'end-4a');
      const patched = await registry.chunk(registry.location(begun), blob.bytes);
      assert.equal(patched.status, 202, 'end-5');
      assert.equal((await registry.ask('GET', registry.location(patched))).status, 204, 'end-13');
      const closed = await registry.close(registry.location(patched), blob.digest);
      assert.equal(closed.status, 201, 'end-6');
      assert.equal(await status('GET', registry.location(closed)), 200, 'the place of a blob');
      for (const method of ['GET', 'HEAD'])
        assert.equal(await status(method, `${base}/blobs/${blob.digest}`), 200, 'end-2');
      const manifest = await registry.pushImage(repository, 'one');
      const put = await registry.putManifest(repository, 'two', manifest.bytes);
      assert.equal(put.status, 201, 'end-7');
      assert.equal(await status('GET', registry.location(put)), 200, 'the place of a manifest');
      for (const method of ['GET', 'HEAD'])
        for (const reference of ['one', manifest.digest])
          assert.equal(await status(method, `${base}/manifests/${reference}`), 200, 'end-3');
      assert.equal(await status('GET', `${base}/manifests/none`), 404, 'end-3');
      assert.equal(await status('GET', `${base}/tags/list`), 200, 'end-8a');
      assert.equal(await status('GET', `${base}/tags/list?n=1&last=one`), 200, 'end-8b');
      const mount = `/v2/${repository}-too/blobs/uploads/?mount=${blob.digest}`;
      assert.equal(await status('POST', `${mount}&from=${repository}`), 201, 'end-11');
      assert.ok([201, 202].includes(await status('POST', mount)), 'end-11 without from');
      assert.ok([202, 405].includes(await status('DELETE', `${base}/blobs/${blob.digest}`)), 'end-10');
      assert.equal(await status('DELETE', `${base}/manifests/${manifest.digest}`), 202, 'end-9');
      assert.equal(await status('GET', `${base}/manifests/${manifest.digest}`), 404, 'end-9');
    },
  },
  {
    name: 'says at /v2/ that it is a registry',
    run: async (registry) => {
      assert.equal((await registry.ask('GET', '/v2/')).status, 200);
    },
  },
  {
    name: 'takes a blob with POST and PUT, and gives it byte for byte',
    run: async (registry) => {
      const { digest, bytes } = await registry.pushBlob('t/whole', randomBlob(100_000));
      const got = await registry.ask('GET', `/v2/t/whole/blobs/${digest}`);
      assert.deepEqual([got.status, got.body.equals(bytes)], [200, true]);
      assert.equal(got.headers['docker-content-digest'], digest);
      const head = await registry.ask('HEAD', `/v2/t/whole/blobs/${digest}`);
      assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '100000', 0]);
    },
  },
  {
    name: 'takes a blob with one POST, or says where to go on',
    run: async (registry) => {
      const { digest, bytes } = randomBlob();
      const path = `/v2/t/once/blobs/uploads/?digest=${digest}`;
      const headers = { 'Content-Type': 'application/octet-stream' };
      const posted = await registry.ask('POST', path, { headers, body: bytes });
      assert.ok(posted.status === 201 || posted.status === 202);
      if (posted.status === 202)
        assert.equal((await registry.close(registry.location(posted), digest, bytes)).status, 201);
      assert.equal((await registry.ask('HEAD', `/v2/t/once/blobs/${digest}`)).status, 200);
    },
  },
  {
    name: 'takes a blob in chunks, and says how far it is',
    run: async (registry) => {
      const { digest, bytes } = randomBlob(300);
      let at = await registry.begin('t/chunks');
      const first = await registry.chunk(at, bytes.subarray(0, 100), '0-99');
      assert.deepEqual([first.status, first.headers.range], [202, '0-99']);
      at = registry.location(first);
      const asked = await registry.ask('GET', at);
      assert.deepEqual([asked.status, asked.headers.range], [204, '0-99']);
      const second = await registry.chunk(registry.location(asked), bytes.subarray(100, 200), '100-199');
      assert.deepEqual([second.status, second.headers.range], [202, '0-199']);
      assert.equal((await registry.close(registry.location(second), digest, bytes.subarray(200))).status, 201);
      assert.ok((await registry.ask('GET', `/v2/t/chunks/blobs/${digest}`)).body.equals(bytes));
    },
  },
  {
    name: 'F-190: refuses a chunk out of order with 416, and goes on where it was',
    not: 'it takes them',
    run: async (registry) => {
      const { digest, bytes } = randomBlob(200);
      const begun = await registry.begin('t/order');
      const first = await registry.chunk(begun, bytes.subarray(0, 100), '0-99');
      const at = registry.location(first);
      assert.equal((await registry.chunk(at, bytes.subarray(100), '150-249')).status, 416);
      assert.equal((await registry.chunk(at, bytes.subarray(0, 100), '0-99')).status, 416);
      const second = await registry.chunk(at, bytes.subarray(100), '100-199');
      assert.equal(second.status, 202);
      assert.equal((await registry.close(registry.location(second), digest)).status, 201);
    },
  },
  {
    name: 'F-190: refuses a chunk whose range is malformed or of another length',
    not: 'it fails with 500, or takes them',
    run: async (registry) => {
      const at = await registry.begin('t/malformed');
      for (const range of ['x', '5-1', '0-9999', '-1'])
        assert.equal((await registry.chunk(at, Buffer.alloc(100), range)).status, 400, range);
      assert.equal((await registry.ask('GET', at)).headers.range, '0-0');
      assert.equal((await registry.ask('DELETE', at)).status, 204);
      assert.equal((await registry.chunk(at, Buffer.alloc(1))).status, 404);
    },
  },
  {
    name: 'F-189: refuses bytes that are not those of the digest, and shows none of them',
    run: async (registry) => {
      const { digest } = randomBlob();
      const closed = await registry.close(await registry.begin('t/wrong'), digest, Buffer.from('others'));
      assert.deepEqual([closed.status, closed.code], [400, 'DIGEST_INVALID']);
      assert.equal((await registry.ask('GET', `/v2/t/wrong/blobs/${digest}`)).status, 404);
    },
  },
  {
    name: 'ends an upload that is given up',
    run: async (registry) => {
      const at = await registry.begin('t/given-up');
      assert.equal((await registry.ask('DELETE', at)).status, 204);
      const asked = await registry.ask('GET', at);
      assert.deepEqual([asked.status, asked.code], [404, 'BLOB_UPLOAD_UNKNOWN']);
    },
  },
  {
    name: 'takes a manifest by tag and by digest, and gives its very bytes with its type',
    run: async (registry) => {
      const manifest = await registry.pushImage('t/image', 'one');
      for (const reference of ['one', manifest.digest]) {
        const got = await registry.ask('GET', `/v2/t/image/manifests/${reference}`, { headers: { Accept: MANIFEST } });
        assert.ok(got.body.equals(manifest.bytes));
        assert.equal(got.headers['content-type'], MANIFEST);
        assert.equal(got.headers['docker-content-digest'], manifest.digest);
        const head = await registry.ask('HEAD', `/v2/t/image/manifests/${reference}`, {
          headers: { Accept: MANIFEST },
        });
        assert.deepEqual([head.status, head.headers['content-length']], [200, String(manifest.bytes.length)]);
      }
      assert.equal((await registry.putManifest('t/image', manifest.digest, manifest.bytes)).status, 201);
      const other = await registry.putManifest('t/image', randomBlob().digest, manifest.bytes);
      assert.deepEqual([other.status, other.code], [400, 'DIGEST_INVALID']);
    },
  },
  {
    name: 'says 404 for what is not there',
    run: async (registry) => {
      const { digest } = randomBlob();
      const manifest = await registry.ask('GET', '/v2/t/image/manifests/none');
      assert.deepEqual([manifest.status, manifest.code], [404, 'MANIFEST_UNKNOWN']);
      assert.equal((await registry.ask('GET', `/v2/t/image/manifests/${digest}`)).status, 404);
      const blob = await registry.ask('GET', `/v2/t/image/blobs/${digest}`);
      assert.deepEqual([blob.status, blob.code], [404, 'BLOB_UNKNOWN']);
      const tags = await registry.ask('GET', '/v2/t/no-such/tags/list');
      assert.deepEqual([tags.status, tags.code], [404, 'NAME_UNKNOWN']);
    },
  },
  {
    name: 'F-193: refuses a manifest whose blobs are not there',
    run: async (registry) => {
      const config = await registry.pushBlob('t/missing', randomBlob());
      const manifest = manifestOf(config, ARTIFACT, [randomBlob()]);
      const put = await registry.putManifest('t/missing', 'x', manifest.bytes);
      assert.equal(put.code, 'MANIFEST_BLOB_UNKNOWN');
      assert.ok(put.status >= 400 && put.status < 500);
    },
  },
  {
    name: 'F-193: refuses what is no manifest',
    not: 'it fails with 500 for schema 1',
    run: async (registry) => {
      for (const text of ['', '{', '[]', '{"schemaVersion":1}', `{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`]) {
        const put = await registry.putManifest('t/bad', 'x', Buffer.from(text));
        assert.deepEqual([put.status, put.code], [400, 'MANIFEST_INVALID'], text.slice(0, 20));
      }
    },
  },
  {
    name: 'F-193: takes a manifest of 4 MiB, and refuses one that is too long before it has come',
    not: 'it takes less than the specification asks for',
    run: async (registry) => {
      const config = await registry.pushBlob('t/large', blobOf('{}'));
      const note = { annotations: { note: 'x'.repeat(4 * 1024 * 1024 - 600) } };
      const manifest = manifestOf(config, EMPTY, [], note);
      assert.equal((await registry.putManifest('t/large', 'x', manifest.bytes)).status, 201);
      const got = await registry.ask('GET', '/v2/t/large/manifests/x', { headers: { Accept: MANIFEST } });
      assert.ok(got.body.equals(manifest.bytes));
      const answered = await raw(
        registry,
        'PUT /v2/t/large/manifests/y HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n{',
      );
      assert.match(answered, /^HTTP\/1\.1 413 /);
    },
  },
  {
    name: 'takes an index over manifests that are there, and artifacts of any kind',
    run: async (registry) => {
      const image = await registry.pushImage('t/index', 'one');
      const listed = [{ mediaType: MANIFEST, digest: image.digest, size: image.bytes.length }];
      const index = blobOf(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: listed }));
      assert.equal((await registry.putManifest('t/index', 'all', index.bytes, INDEX)).status, 201);
      const got = await registry.ask('GET', '/v2/t/index/manifests/all', { headers: { Accept: INDEX } });
      assert.deepEqual([got.headers['content-type'], got.body.equals(index.bytes)], [INDEX, true]);
      const config = await registry.pushBlob('t/index', randomBlob());
      const artifact = manifestOf(config, ARTIFACT, [await registry.pushBlob('t/index', randomBlob())]);
      assert.equal((await registry.putManifest('t/index', 'artifact', artifact.bytes)).status, 201);
      const back = await registry.ask('GET', '/v2/t/index/manifests/artifact', { headers: { Accept: MANIFEST } });
      assert.ok(back.body.equals(artifact.bytes));
    },
  },
  {
    name: 'lists tags in order, in pages',
    not: 'it knows neither order nor pages of tags',
    run: async (registry) => {
      const { bytes } = await registry.pushImage('t/tags', 'c');
      for (const tag of ['a', 'B', 'd']) await registry.putManifest('t/tags', tag, bytes);
      const all = await registry.ask('GET', '/v2/t/tags/tags/list');
      assert.deepEqual(all.json, { name: 't/tags', tags: ['B', 'a', 'c', 'd'] });
      const page = await registry.ask('GET', '/v2/t/tags/tags/list?n=2');
      assert.deepEqual(page.json['tags'], ['B', 'a']);
      const [, next = ''] = /^<([^>]+)>; rel="next"$/.exec(String(page.headers['link'])) ?? [];
      const { pathname, search } = new URL(next, `http://${registry.host}`);
      assert.deepEqual((await registry.ask('GET', `${pathname}${search}`)).json['tags'], ['c', 'd']);
      assert.deepEqual((await registry.ask('GET', '/v2/t/tags/tags/list?last=b')).json['tags'], ['c', 'd']);
    },
  },
  {
    name: 'F-195: lists no tags for n=0, refuses an n that is no number, and bears a huge one',
    not: 'it refuses n=0 and large numbers',
    run: async (registry) => {
      await registry.pushImage('t/n', 'a');
      const none = await registry.ask('GET', '/v2/t/n/tags/list?n=0');
      assert.deepEqual([none.status, none.json['tags'], none.headers['link']], [200, [], undefined]);
      for (const n of ['-1', 'abc', '1.5']) {
        assert.equal((await registry.ask('GET', `/v2/t/n/tags/list?n=${n}`)).status, 400, n);
        assert.equal((await registry.ask('GET', `/v2/_catalog?n=${n}`)).status, 400, n);
      }
      assert.deepEqual((await registry.ask('GET', '/v2/t/n/tags/list?n=1000000000')).json['tags'], ['a']);
      assert.deepEqual((await registry.ask('GET', '/v2/t/n/tags/list?n=1&last=zzz')).json['tags'], []);
    },
  },
  {
    name: 'F-196: gives parts of a blob',
    not: 'it promises more than it sends for a range that goes past the end',
    run: async (registry) => {
      const { digest, bytes } = await registry.pushBlob('t/range', randomBlob(1000));
      const path = `/v2/t/range/blobs/${digest}`;
      for (const [range, start, end] of [
        ['bytes=0-0', 0, 0],
        ['bytes=500-', 500, 999],
        ['bytes=900-5000', 900, 999],
        ['bytes=-10', 990, 999],
      ] as const) {
        const part = await registry.ask('GET', path, { headers: { Range: range } });
        assert.deepEqual([part.status, part.headers['content-range']], [206, `bytes ${start}-${end}/1000`], range);
        assert.ok(part.body.equals(bytes.subarray(start, end + 1)), range);
      }
      const past = await registry.ask('GET', path, { headers: { Range: 'bytes=5000-10000' } });
      assert.deepEqual([past.status, past.headers['content-range']], [416, 'bytes */1000']);
    },
  },
  {
    name: 'F-196: gives all of a blob for ranges that mean nothing, and for several',
    not: 'it refuses malformed ones with 416',
    run: async (registry) => {
      const { digest, bytes } = await registry.pushBlob('t/ranges', randomBlob(1000));
      for (const range of ['bytes=abc', 'bytes=500-0', 'bytes=0-1,5-6', 'lines=0-1']) {
        const all = await registry.ask('GET', `/v2/t/ranges/blobs/${digest}`, { headers: { Range: range } });
        assert.deepEqual([all.status, all.body.equals(bytes)], [200, true], range);
      }
    },
  },
  {
    name: 'mounts a blob of another repository',
    run: async (registry) => {
      const { digest } = await registry.pushBlob('t/from', randomBlob());
      const mounted = await registry.ask('POST', `/v2/t/to/blobs/uploads/?mount=${digest}&from=t/from`);
      assert.equal(mounted.status, 201);
      assert.equal((await registry.ask('HEAD', `/v2/t/to/blobs/${digest}`)).status, 200);
    },
  },
  {
    name: 'F-192: gives no blob away that is not where the client says, and does not say that it is here',
    run: async (registry) => {
      const { digest } = await registry.pushBlob('t/secret', randomBlob());
      for (const query of [`mount=${digest}&from=t/elsewhere`, `mount=${randomBlob().digest}&from=t/secret`]) {
        const answer = await registry.ask('POST', `/v2/t/thief/blobs/uploads/?${query}`);
        assert.equal(answer.status, 202);
      }
      assert.equal((await registry.ask('HEAD', `/v2/t/thief/blobs/${digest}`)).status, 404);
    },
  },
  {
    name: 'F-194: lists what refers to a manifest, before and after it is there, by kind',
    not: 'it has no referrers',
    run: async (registry) => {
      const subject = { mediaType: MANIFEST, digest: randomBlob().digest, size: 100 };
      const empty = await registry.ask('GET', `/v2/t/refs/referrers/${subject.digest}`);
      assert.deepEqual([empty.status, empty.headers['content-type'], empty.json['manifests']], [200, INDEX, []]);
      const config = await registry.pushBlob('t/refs', blobOf('{}'));
      const more = { subject, annotations: { a: 'b' } };
      const signature = manifestOf(config, EMPTY, [], { ...more, artifactType: 'a/signature' });
      const other = manifestOf(config, 'a/other', [], more);
      for (const { bytes, digest } of [signature, other]) {
        const put = await registry.putManifest('t/refs', digest, bytes);
        assert.deepEqual([put.status, put.headers['oci-subject']], [201, subject.digest]);
      }
      const all = await registry.ask('GET', `/v2/t/refs/referrers/${subject.digest}`);
      const expected = [[signature, 'a/signature'] as const, [other, 'a/other'] as const].map(
        ([{ digest, bytes }, artifactType]) => ({
          mediaType: MANIFEST,
          digest,
          size: bytes.length,
          annotations: { a: 'b' },
          artifactType,
        }),
      );
      assert.deepEqual(new Set(all.json['manifests'] as unknown[]), new Set(expected));
      const some = await registry.ask('GET', `/v2/t/refs/referrers/${subject.digest}?artifactType=a/other`);
      assert.deepEqual([some.headers['oci-filters-applied'], some.json['manifests']], ['artifactType', [expected[1]]]);
      assert.equal((await registry.ask('GET', '/v2/t/refs/referrers/sha256:x')).status, 400);
    },
  },
  {
    name: 'F-198: removes a tag, and not what it led to',
    not: 'it removes no tags',
    run: async (registry) => {
      const { digest } = await registry.pushImage('t/rm', 'a');
      assert.equal((await registry.ask('DELETE', '/v2/t/rm/manifests/a')).status, 202);
      assert.equal((await registry.ask('GET', '/v2/t/rm/manifests/a')).status, 404);
      assert.equal((await registry.ask('DELETE', '/v2/t/rm/manifests/a')).status, 404);
      assert.equal((await registry.ask('GET', `/v2/t/rm/manifests/${digest}`)).status, 200);
    },
  },
  {
    name: 'F-198: removes a manifest by its digest, with its tags, and takes it again',
    run: async (registry) => {
      const { digest, bytes } = await registry.pushImage('t/rm-digest', 'a');
      await registry.putManifest('t/rm-digest', 'b', bytes);
      const path = `/v2/t/rm-digest/manifests/${digest}`;
      assert.equal((await registry.ask('DELETE', path)).status, 202);
      for (const reference of ['a', 'b', digest])
        assert.equal((await registry.ask('GET', `/v2/t/rm-digest/manifests/${reference}`)).status, 404, reference);
      assert.equal((await registry.ask('DELETE', path)).status, 404);
      assert.equal((await registry.putManifest('t/rm-digest', 'a', bytes)).status, 201);
      assert.equal((await registry.ask('GET', path, { headers: { Accept: MANIFEST } })).status, 200);
    },
  },
  {
    name: 'F-194: lists no referrer any more that was removed',
    not: 'it has no referrers',
    run: async (registry) => {
      const subject = { mediaType: MANIFEST, digest: randomBlob().digest, size: 100 };
      const config = await registry.pushBlob('t/unref', blobOf('{}'));
      const { digest, bytes } = manifestOf(config, EMPTY, [], { subject, artifactType: 'a/b' });
      await registry.putManifest('t/unref', digest, bytes);
      assert.equal((await registry.ask('DELETE', `/v2/t/unref/manifests/${digest}`)).status, 202);
      const left = await registry.ask('GET', `/v2/t/unref/referrers/${subject.digest}`);
      assert.deepEqual([left.status, left.json['manifests']], [200, []]);
    },
  },
  {
    name: 'F-187: takes no name that is none, and no path of another spelling',
    not: 'it takes upper-case names',
    run: async (registry) => {
      const { digest } = randomBlob();
      const names = ['t/../x', 't//x', 'T/x', '%2e%2e/x', 't/%00', 't\\x', '_uploads', '.x', 'x'.repeat(300)];
      for (const name of names) {
        const answer = await registry.ask('POST', `/v2/${name}/blobs/uploads/`);
        assert.ok([400, 404, 301, 308].includes(answer.status), `${name}: ${answer.status}`);
        const got = await registry.ask('GET', `/v2/${name}/blobs/${digest}`);
        assert.ok([400, 404, 301, 308].includes(got.status), `${name}: ${got.status}`);
      }
    },
  },
  {
    name: 'F-188: takes no digest and no tag that is none',
    not: 'it redirects some',
    run: async (registry) => {
      for (const digest of ['sha256:../../x', 'sha256:abc', `sha256:${'A'.repeat(64)}`, 'x:y'])
        for (const kind of ['blobs', 'manifests']) {
          const answer = await registry.ask('GET', `/v2/t/x/${kind}/${digest}`);
          assert.ok(answer.status === 400 || answer.status === 404, `${kind}/${digest}: ${answer.status}`);
        }
      for (const tag of ['x'.repeat(129), '.hidden', 'a/b', '-x']) {
        const answer = await registry.putManifest('t/x', tag, Buffer.from('{}'));
        assert.ok(answer.status >= 400 && answer.status < 500, `${tag}: ${answer.status}`);
      }
    },
  },
  {
    name: 'F-203: refuses requests that two programs would read differently, and headers without end',
    not: 'its server is more patient',
    run: async (registry) => {
      const start = 'POST /v2/t/x/blobs/uploads/ HTTP/1.1\r\nHost: x\r\n';
      const requests = [
        `${start}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        `${start}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`,
        `${start}X: a\r\n b\r\n\r\n`,
        `${start.replaceAll('\r\n', '\n')}\n`,
        `${start}X: ${'x'.repeat(100 * 1024)}\r\n\r\n`,
        `${start}${'X: y\r\n'.repeat(10_000)}\r\n`,
      ];
      for (const text of requests) assert.match(await raw(registry, text), /^HTTP\/1\.1 (?:400|431) /);
    },
  },
];

/** Sends bytes as they are, and gives what comes until the connection ends. */
async function raw(registry: RegistryProbe, text: string): Promise<string> {
  const [host = '', port] = registry.host.split(':');
  return new Promise((resolve) => {
    let got = '';
    const socket = connect(Number(port), host, () => socket.write(text));
    socket.on('data', (data) => (got += data.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(got));
  });
}

describe('shale serve registry', () => {
  let lab: Lab;
  let server: TestRegistry;
  before(async () => {
    lab = await Lab.open();
    server = await serveLab(lab);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });
  for (const { name, run } of CHECKS) test(name, () => run(new RegistryProbe(server.host)));
});

const program = registryProgram();
describe('the reference registry', { skip: program === undefined && 'docker-registry cannot be fetched' }, () => {
  let lab: Lab;
  let server: TestRegistry;
  before(async () => {
    lab = await Lab.open();
    server = await startRegistry(program ?? '', join(lab.folder, 'registry'));
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });
  // Where it does not keep to the specification, the check says how; there is nothing to run then.
  for (const { name, run } of CHECKS.filter(({ not }) => not === undefined))
    test(name, () => run(new RegistryProbe(server.host)));
});
