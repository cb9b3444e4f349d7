/** What is fuzzed beside Dockerfiles: for each format good files, and what must hold whatever becomes of them. */
import assert from 'node:assert/strict';
import { bzip2, xz } from './compressed.ts';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { decompress, readTar, TarParser, type ReadTarEntry } from '../../src/archive/index.ts';
import { GNU, base256, header, member, pax, tar } from '../../src/archive/tar-parser.fixture.ts';
import { isShaleError, streamOf } from '../../src/base/index.ts';
import { BASE_TARGETS } from '../../src/bases/fuzz-targets.fixture.ts';
import { compileIgnore, parseIgnoreFile } from '../../src/dockerfile/index.ts';
import { mendIndex } from '../../src/erofs/mended-index.fixture.ts';
import { IndexBuilder, mergeIndexes, openIndex } from '../../src/erofs/index.ts';
import { familiarName, formatReference, parseImageConfig, parseManifest, parseReference } from '../../src/oci/index.ts';
import { imageOf, indexOf, layerOf } from '../support/image-of.ts';
import { ANSWERS, checkAnswer } from './registry-answers.ts';
import type { Random } from '../support/random.ts';
import { build, dir, entry, file, hardlink, symlink } from '../support/tar-entries.ts';
import { walk } from '../support/tree-text.ts';

export interface Target {
  /** Begins the name of its test. */
  readonly name: string;
  readonly seeds: () => readonly Buffer[];
  readonly tokens: readonly string[];
  readonly binary?: boolean;
  /** Only the first of the whole files is taken; the others are refusals, or answers to other questions. */
  readonly refusals?: boolean;
  /** Puts checksums right, so that what lies behind them is reached. */
  readonly mend?: (bytes: Buffer, random: Random) => Buffer;
  /** Throws, with anything but a ShaleError, when something does not hold. */
  readonly check: (bytes: Buffer, random: Random) => void | Promise<void>;
}

const words = (text: string): readonly string[] => text.split(' ');

/** A clean path is relative, and every component is a name. */
function assertClean(path: string): void {
  const parts = path === '' ? [] : path.split('/');
  assert.ok(
    parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0')),
    `unclean path ${JSON.stringify(path)}`,
  );
}

interface Listing {
  readonly lines: readonly string[];
  readonly entries: readonly ReadTarEntry[];
  readonly error: string | undefined;
}

/** What a tar that comes in pieces of so many bytes has. */
function listing(bytes: Buffer, step: number): Listing {
  const lines: string[] = [];
  const entries: ReadTarEntry[] = [];
  let content = 0;
  const parser = new TarParser(
    {
      entry: (one) => {
        assertClean(one.path);
        if (one.kind === 'hardlink') assertClean(one.linkTarget);
        content = 0;
        entries.push(one);
        lines.push(`${one.kind} ${one.path} ${one.linkTarget} ${one.mode} ${one.uid} ${one.sizeBytes} ${one.mtimeNs}`);
      },
      content: (chunk) => (content += chunk.length),
      contentEnd: () => lines.push(`content ${content}`),
    },
    { whiteouts: true },
  );
  try {
    for (let at = 0; at < bytes.length; at += step) parser.write(bytes.subarray(at, at + step));
    parser.end();
  } catch (error) {
    if (!isShaleError(error)) throw error;
    return { lines, entries, error: error.code };
  }
  return { lines, entries, error: undefined };
}

/** Cut in whatever way, a tar is the same; and what can be indexed can be read. */
async function checkTar(bytes: Buffer, random: Random): Promise<void> {
  const whole = listing(bytes, Math.max(bytes.length, 1));
  const parts = listing(bytes, 1 + random.below(1500));
  assert.deepEqual([parts.lines, parts.error], [whole.lines, whole.error]);
  let pulled = 0;
  try {
    for await (const each of readTar(streamOf(bytes), { whiteouts: true })) {
      pulled++;
      for await (const _ of each.content);
    }
    assert.equal(whole.error, undefined);
  } catch (error) {
    if (!isShaleError(error)) throw error;
    assert.equal(error.code, whole.error);
  }
  assert.ok(pulled <= whole.entries.length);
  if (whole.error !== undefined) return;
  const builder = new IndexBuilder();
  try {
    for (const one of whole.entries) builder.add(one, new Uint8Array(32));
  } catch (error) {
    if (isShaleError(error)) return;
    throw error;
  }
  const { image, contents } = builder.finish(bytes.length);
  walk(openIndex(image, contents).root, (_path, node) => {
    const { offset } = node.data();
    if (node.kind === 'file' && node.data().source === 'tar') assert.ok(offset + node.sizeBytes <= bytes.length + 512);
  });
}

/** The sum over a header with its checksum field taken as spaces. */
function sumOf(block: Buffer): number {
  const taken = Buffer.from(block);
  taken.fill(' ', 148, 156);
  return taken.reduce((sum, byte) => sum + byte, 0);
}

/** Headers whose checksum a mutation has broken are right again, mostly. */
function mendTar(bytes: Buffer, random: Random): Buffer {
  if (random.below(5) === 0) return bytes;
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (bytes.toString('latin1', at + 257, at + 262) !== 'ustar' || bytes[at] === 0) continue;
    bytes.write(
      `${sumOf(bytes.subarray(at, at + 512))
        .toString(8)
        .padStart(6, '0')}\0 `,
      at + 148,
      'latin1',
    );
  }
  return bytes;
}

const TARS = (): readonly Buffer[] => [
  tar(
    member({ name: 'etc/', type: '5' }),
    member({ name: 'etc/passwd' }, 'root:x:0:0\n'),
    member({ name: 'l', type: '2', link: '../etc' }),
    member({ name: 'h', type: '1', link: 'etc/passwd' }),
  ),
  tar(
    pax({ path: 'x'.repeat(200), size: '3', mtime: '1.5', 'SCHILY.xattr.user.a': 'b' }),
    member({ name: 'short' }, 'abc'),
  ),
  tar(
    pax({ comment: 'c' }, 'g'),
    member({ name: '././@LongLink', type: 'L', magic: GNU }, `${'y'.repeat(150)}\0`),
    member({ name: 'y' }, 'z'),
  ),
  tar(
    member({ name: 'a/.wh.b' }),
    member({ name: 'a/.wh..wh..opq' }),
    member({ name: 'dev/null', type: '3', devices: ['0000001\0', '0000003\0'] }),
    member({ name: 'p', type: '6' }),
  ),
  tar(
    pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 's', 'GNU.sparse.realsize': '2000' }),
    member(
      { name: 'GNUSparseFile.0/s' },
      Buffer.concat([Buffer.from('1\n1000\n10\n'.padEnd(512, '\0')), Buffer.alloc(10, 1)]),
    ),
  ),
  tar(
    pax([
      ['GNU.sparse.size', '100'],
      ['GNU.sparse.numblocks', '1'],
      ['GNU.sparse.offset', '0'],
      ['GNU.sparse.numbytes', '5'],
    ]),
    member({ name: 's2' }, 'abcde'),
  ),
  Buffer.concat([
    header({ name: 'big', size: base256(700n), uid: base256(70000n, 8), magic: GNU }),
    Buffer.alloc(1024 + 1024),
  ]),
];

const INDEXES = (): readonly Buffer[] => {
  const xattrs = new Map([
    ['user.shared', Buffer.from('v')],
    ['security.capability', Buffer.alloc(20, 2)],
  ]);
  return [
    build([
      dir('', { xattrs }),
      dir('a', { xattrs }),
      ...Array.from({ length: 40 }, (_, i) => file(`a/name-${i}`, { sizeBytes: i * 100 })),
      symlink('l', 'a/b'),
      hardlink('h', 'a/name-3'),
      entry('c', 'character', { deviceMajor: 5 }),
      file('.wh.gone'),
      file('a/.wh..wh..opq'),
    ]).image,
    build([file('x', { sizeBytes: 5000, xattrs }), symlink('long', 'x'.repeat(900))]).image,
    build([]).image,
  ];
};

/** Everything that is there is looked at; where the image is damaged that is said, and nothing goes on for ever. */
function checkIndex(bytes: Buffer): void {
  const good = openIndex(build([dir('a'), file('a/x'), file('.wh.l')]).image);
  const index = openIndex(bytes);
  const read = (root: Parameters<typeof walk>[0]): void => {
    let nodes = 0;
    walk(root, (_path, node) => {
      if (++nodes > 100_000) throw new Error('a damaged index goes on for ever');
      node.linkTarget();
      node.xattrs();
      node.data();
    });
  };
  read(index.root);
  index.find('a/name-7');
  for (const stack of [
    [index, good],
    [good, index],
  ]) {
    const view = mergeIndexes(stack);
    view.resolve('a/l/x', { followLast: true });
    let left = 2000;
    const look = (node: ReturnType<typeof mergeIndexes>['root']): void => {
      for (const [, child] of node.children()) if (left-- > 0) look(child);
    };
    look(view.root);
  }
}

/** A directory that need not be read has nothing below it that is taken in. */
function checkIgnore(bytes: Buffer, random: Random): void {
  const matcher = compileIgnore(parseIgnoreFile(bytes.toString('utf8')));
  const names = ['a', 'b.go', 'node_modules', '.git', 'x y', 'é'];
  for (let i = 0; i < 8; i++) {
    const path = Array.from({ length: 1 + random.below(4) }, () => random.pick(names) ?? 'a');
    let scope = matcher.root;
    let skipped = false;
    let at = '';
    for (const name of path.slice(0, -1)) {
      at = at === '' ? name : `${at}/${name}`;
      skipped ||= matcher.canSkip(at, (scope = matcher.enter(at, scope)));
    }
    const full = path.join('/');
    const ignored = matcher.isIgnored(full, scope);
    assert.equal(matcher.matches(full), ignored, full);
    if (skipped) assert.ok(ignored, `${full} is taken in below a directory that was skipped`);
  }
}

/** What was read is written as the same name, and that is read as the same. */
function checkReference(bytes: Buffer): void {
  const reference = parseReference(bytes.toString('utf8'));
  assert.deepEqual(parseReference(formatReference(reference)), reference);
  assert.deepEqual(parseReference(familiarName(reference)), reference);
  assert.doesNotMatch(reference.repository, /\.\.|\/\/|^\/|[^a-z0-9._/-]/);
  assert.doesNotMatch(reference.tag ?? '', /[^\w.-]/);
}

function checkManifest(bytes: Buffer, random: Random): void {
  const types = [
    '',
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.oci.image.index.v1+json',
    'text/html',
  ];
  const document = parseManifest(bytes, random.pick(types));
  const descriptors =
    document.kind === 'index' ? document.index.manifests : [document.manifest.config, ...document.manifest.layers];
  for (const { digest, size } of descriptors) {
    assert.match(digest, /^sha256:[0-9a-f]{64}$/);
    assert.ok(Number.isSafeInteger(size) && size >= 0);
  }
}

function checkConfig(bytes: Buffer): void {
  const { diffIds, history } = parseImageConfig(bytes);
  for (const diffId of diffIds) assert.match(diffId, /^sha256:[0-9a-f]{64}$/);
  assert.ok(history.filter(({ emptyLayer }) => emptyLayer !== true).length <= diffIds.length);
}

async function checkCompressed(bytes: Buffer): Promise<void> {
  let count = 0;
  const { stream } = await decompress(streamOf(bytes), { maxBytes: 4 << 20 });
  for await (const chunk of stream) count += chunk.length;
  assert.ok(count <= 4 << 20);
}

const IMAGE = imageOf([layerOf('a', 10), layerOf('b', 20)]);
const JSON_TOKENS = [
  ...words(
    '{ } [ ] : , " null true -1 1e999 9007199254740993 1.5 "mediaType" "manifests" "layers" "config" "digest" "size" "sha256: "data" "urls" "schemaVersion" 1 2 \\u0000 \\ud800 "__proto__" "constructor" "rootfs" "diff_ids" "history" "empty_layer"',
  ),
  '"a":',
  `"sha256:${'a'.repeat(64)}"`,
  '\ufeff',
];

export const TARGETS: readonly Target[] = [
  {
    name: 'registry answers',
    seeds: ANSWERS,
    refusals: true,
    tokens: [
      ...words(
        'HTTP/1.1 200 206 301 401 404 500 Content-Length: Content-Range: Transfer-Encoding: chunked Location: Bearer Basic realm=" scope= Retry-After: 99999999999 {"tags":[ null',
      ),
      '\r\n',
      '\r\n\r\n',
      '\n',
      '\0',
      'Link: </v2/a/b/tags/list?last=z>; rel="next"\r\n',
    ],
    check: checkAnswer,
  },
  {
    name: 'tar',
    seeds: TARS,
    tokens: [
      ...words('ustar ../ / . .. .wh. .wh..wh..opq @LongLink GNU.sparse.map= 0000000 7777777'),
      '\0',
      '30 mtime=1.5\n',
      '11 size=9\n',
      '20 path=../../../x\n',
    ],
    binary: true,
    mend: mendTar,
    check: checkTar,
  },
  {
    name: 'compressed streams',
    seeds: () => {
      const plain = tar(member({ name: 'a' }, 'x'.repeat(3000)));
      return [gzipSync(plain), zstdCompressSync(plain), Buffer.concat([gzipSync(plain), gzipSync('y')]), bzip2, xz];
    },
    tokens: ['\x1f\x8b\x08', '(\xb5/\xfd', 'BZh9', '\xfd7zXZ\0', '\0'],
    binary: true,
    check: checkCompressed,
  },
  {
    name: 'EROFS index',
    seeds: INDEXES,
    tokens: ['\0', '\xff\xff\xff\xff', 'user.', '..', '/'],
    binary: true,
    mend: mendIndex,
    check: checkIndex,
  },
  {
    name: 'ignore file',
    seeds: () =>
      [
        'node_modules\n**/*.go\n!a/b.go\n# c\n',
        '*\n!a\na/*/b\n',
        '.git/\n/x y/\n\\!a\n[a-z]?*\n',
        '**\n!**/*.md\na**b\n',
      ].map((text) => Buffer.from(text)),
    tokens: [...words('** * ? ! / [ ] [^a-z] \\ .. . # a b.go node_modules'), '\n', '\r\n', ' ', '\ufeff'],
    check: checkIgnore,
  },
  {
    name: 'reference',
    seeds: () =>
      [
        'debian',
        'docker.io/library/debian:stable-slim',
        'localhost:5000/a/b:1',
        `r.example/a@sha256:${'a'.repeat(64)}`,
        '[::1]:5000/x:y',
        'Host.example/a__b/c-d.e:T_1',
      ].map((text) => Buffer.from(text)),
    tokens: [
      ...words(': / @ . .. - -- _ __ ___ A localhost [ ] :5000 docker.io index.docker.io library/ sha256:'),
      'a'.repeat(64),
      '0'.repeat(128),
    ],
    check: checkReference,
  },
  {
    name: 'manifest',
    seeds: () => [IMAGE.manifest, indexOf([{ ...IMAGE, architecture: 'amd64' }])],
    tokens: JSON_TOKENS,
    check: checkManifest,
  },
  { name: 'config', seeds: () => [IMAGE.config], tokens: JSON_TOKENS, check: checkConfig },
  ...BASE_TARGETS,
];
