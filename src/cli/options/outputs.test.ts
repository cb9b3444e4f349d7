import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fakeContext } from '../fake-context.fixture.ts';
import { parseAnnotations } from './annotations.ts';
import { parseCacheFrom, parseCacheTo } from './caches.ts';
import { parseOutputs } from './outputs.ts';

const usage = (message: RegExp): { code: string; message: RegExp } => ({ code: 'USAGE', message });

describe('parseOutputs()', () => {
  const { context } = fakeContext();
  const parse = (...words: readonly string[]): unknown => parseOutputs(context, words);

  test('a word without attributes is a folder, and "-" a tar on standard output', () => {
    assert.deepEqual(parse('out'), [{ kind: 'local', folder: '/project/out', mode: 'copy' }]);
    assert.deepEqual(parse('-'), [{ kind: 'tar', to: { kind: 'stream', write: context.stdout.write } }]);
  });

  test('each type has its attributes; one that holds a comma stands in quotes', () => {
    assert.deepEqual(parse('type=local,dest=/o,mode=delete,platform-split=false'), [
      { kind: 'local', folder: '/o', mode: 'delete', platformSplit: false },
    ]);
    assert.deepEqual(parse('type=tar,"dest=a,b.tar"'), [
      { kind: 'tar', to: { kind: 'file', path: '/project/a,b.tar' } },
    ]);
    assert.deepEqual(parse('type=oci,tar=false,dest=l,"name=a,b:1",compression=zstd,compression-level=5'), [
      {
        kind: 'archive',
        format: 'oci',
        to: { kind: 'folder', path: '/project/l' },
        names: ['a', 'b:1'],
        packing: { compression: 'zstd', level: 5, mediaTypes: 'oci' },
        annotations: [],
      },
    ]);
    assert.deepEqual(parse('type=docker,dest=-,compression=uncompressed,oci-mediatypes=false,force-compression'), [
      {
        kind: 'archive',
        format: 'docker',
        to: { kind: 'stream', write: context.stdout.write },
        names: [],
        packing: { compression: 'none', mediaTypes: 'docker' },
        annotations: [],
      },
    ]);
  });

  test('docker without a file and image are the store; cacheonly is nothing at all', () => {
    const stored = { kind: 'image', names: [], annotations: [] };
    assert.deepEqual(parse('type=docker'), [stored]);
    assert.deepEqual(
      parseOutputs(context, ['type=image,push=true,name=x,compression=zstd']).map(({ kind }) => kind),
      ['registry', 'image'],
    );
    assert.deepEqual(parse('type=registry,name=a/b:1,push-by-digest=true,compression-level=9'), [
      {
        kind: 'registry',
        names: ['a/b:1'],
        annotations: [],
        byDigest: true,
        packing: { compression: 'gzip', mediaTypes: 'oci', level: 9 },
      },
    ]);
    assert.deepEqual(parse('type=image,push=false,store=true,unpack=false'), [stored]);
    assert.deepEqual(parse('type=cacheonly'), []);
  });

  test('annotations of an output keep the letters of their keys', () => {
    assert.deepEqual(
      parse('type=image,annotation.Org.Key=V,annotation-index.a.b=c,annotation-manifest[linux/arm64].x=y'),
      [
        {
          kind: 'image',
          names: [],
          annotations: [
            { place: 'manifest', key: 'Org.Key', value: 'V' },
            { place: 'index', key: 'a.b', value: 'c' },
            { place: 'manifest', platform: 'linux/arm64', key: 'x', value: 'y' },
          ],
        },
      ],
    );
  });

  for (const [word, message] of [
    ['type=foo', /type is one of local, tar, oci, docker, image, registry, cacheonly, not "foo"/],
    ['dest=x', /type= is missing/],
    ['', /type= is missing|no name/],
    ['type=local', /dest= is missing/],
    ['type=oci,tar=false', /dest= is missing/],
    ['type=docker,tar=false,dest=x', /what docker load reads is a tar/],
    ['type=oci,dest=x,bad=1', /bad is not known there/],
    ['type=oci,dest=x,dest=y', /dest stands there twice/],
    ['type=oci,compression=lz4', /compression is one of/],
    ['type=oci,compression=estargz', /does not write estargz/],
    ['type=oci,compression-level=x', /compression-level is a number from 1 to 9/],
    ['type=oci,compression=zstd,oci-mediatypes=false', /no media type for zstd/],
    ['type=registry,force-compression=true', /stay as they came/],
    ['type=image,compression=zstd', /compression is not known there/],
    ['type=local,dest=x,mode=sync', /mode is one of copy, delete/],
    ['type=tar,"dest=x', /its quotes do not fit/],
    ['type=tar,platform-split=maybe', /true or false/],
  ] as const) {
    test(`"${word}" is refused`, () => assert.throws(() => parse(word), usage(message)));
  }

  test('two outputs cannot both go to standard output, and none goes to a terminal', () => {
    assert.throws(() => parse('-', 'type=oci'), usage(/only one output/));
    const terminal = { ...context, stdout: { ...context.stdout, isTerminal: true } };
    assert.throws(() => parseOutputs(terminal, ['-']), usage(/not written to a terminal/));
  });
});

describe('parseAnnotations()', () => {
  test('takes keys with colons, several places at once, and platforms', () => {
    assert.deepEqual(
      parseAnnotations([
        'org.a:b=c=d',
        'index,manifest[linux/amd64]:k=v',
        'index-descriptor:e=',
        'manifest-descriptor:f=g',
      ]),
      [
        { place: 'manifest', key: 'org.a:b', value: 'c=d' },
        { place: 'index', key: 'k', value: 'v' },
        { place: 'manifest', platform: 'linux/amd64', key: 'k', value: 'v' },
        { place: 'index-descriptor', key: 'e', value: '' },
        { place: 'manifest-descriptor', key: 'f', value: 'g' },
      ],
    );
  });

  test('refuses what has no value, an unknown place, and a platform of an index', () => {
    assert.throws(() => parseAnnotations(['foo']), usage(/no name and value/));
    assert.throws(() => parseAnnotations(['index:=x']), usage(/no name and value/));
    assert.throws(() => parseAnnotations(['zzz:foo=b']), usage(/zzz is no place/));
    assert.throws(() => parseAnnotations(['index[linux/amd64]:foo=b']), usage(/for all platforms/));
    assert.throws(() => parseAnnotations(['manifest[a/b/c/d]:foo=b']), usage(/is not a platform/));
  });
});

describe('caches', () => {
  test('parseCacheTo() takes folders with their mode and compression, and inline', () => {
    assert.deepEqual(parseCacheTo('/project', ['type=local,dest=c', 'type=inline']), [
      {
        kind: 'local',
        folder: '/project/c',
        mode: 'min',
        packing: { compression: 'zstd', mediaTypes: 'oci' },
        ignoreErrors: false,
      },
      { kind: 'inline' },
    ]);
    const [to] = parseCacheTo('/', [
      'type=local,dest=/c,mode=max,tag=t,compression=gzip,compression-level=1,ignore-error=true,image-manifest=true',
    ]);
    assert.deepEqual(to, {
      kind: 'local',
      folder: '/c',
      mode: 'max',
      tag: 't',
      packing: { compression: 'gzip', level: 1, mediaTypes: 'oci' },
      ignoreErrors: true,
    });
  });

  test('parseCacheFrom() takes folders and names of images', () => {
    assert.deepEqual(parseCacheFrom('/project', ['type=local,src=c,tag=t', 'web:cache']), [
      { kind: 'local', folder: '/project/c', tag: 't' },
      { kind: 'image', name: 'web:cache' },
    ]);
  });

  test('what cannot be carried out is refused by name', () => {
    for (const [word, message] of [
      ['type=registry', /ref= is missing/],
      ['type=gha', /folders, registries and images/],
      ['type=local', /dest= is missing/],
      ['type=local,dest=x,mode=all', /mode is one of min, max/],
      ['type=local,dest=x,oci-mediatypes=false', /one form/],
      ['type=inline,mode=max', /mode is not known there/],
      ['dest=x', /type= is missing/],
    ] as const)
      assert.throws(() => parseCacheTo('/', [word]), usage(message), word);
    assert.throws(() => parseCacheFrom('/', ['type=s3,bucket=x']), usage(/in folders, registries and images/));
    assert.deepEqual(parseCacheFrom('/', ['type=registry,ref=r.example/c:1']), [
      { kind: 'registry', name: 'r.example/c:1' },
    ]);
    assert.throws(() => parseCacheFrom('/', ['type=local,dest=x']), usage(/src= is missing/));
  });
});
