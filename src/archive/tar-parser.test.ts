import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENTRIES_MAX } from './limits.ts';
import { body, GNU, header, member, octal, parse, paths, pax, refused, tar, A, B } from './tar-parser.fixture.ts';
import { TarParser } from './tar-parser.ts';

test('TarParser accepts checksums that were summed as signed bytes', () => {
  const block = header({ name: '\xff\xfe' });
  const unsigned = Number.parseInt(block.toString('latin1', 148, 154), 8);
  block.write(octal(unsigned - 512, 6), 148, 'latin1');
  assert.deepEqual(paths(tar(block)), ['\xff\xfe']);
});

test('TarParser reads octal numbers as all others do, and refuses those that are read in two ways', () => {
  const size = (field: string): number | undefined => parse(tar(header({ size: field }))).entries[0]?.sizeBytes;
  for (const field of ['00000000000\0', '           0', '\0\0\0\0\0\0\0\0\0\0\0\0', '            ']) {
    assert.equal(size(field), 0, JSON.stringify(field));
  }
  assert.equal(parse(tar(header({ size: '     14 \0' }), body('x'.repeat(12)))).entries[0]?.sizeBytes, 12);
  assert.equal(parse(tar(header({ size: '14\0garbage' }), body('x'.repeat(12)))).entries[0]?.sizeBytes, 12);
  for (const field of ['\0\0\0\0\0\0\x000014', '1 4', '18', '0x1', '1.', '-1']) {
    refused(tar(header({ size: field }), A), 'TAR_NUMBER');
  }
});

test('TarParser does not carry the headers of an entry that is left out to the next one', () => {
  const { entries } = parse(tar(pax({ path: 'evil', uid: '7' }), member({ type: 'V' }), A));
  assert.deepEqual([entries[0]?.path, entries[0]?.uid], ['a', 0]);
});

test('TarParser gives symlink targets verbatim', () => {
  for (const target of ['../../etc/passwd', '/', '.', 'a//b/./', '\xff']) {
    assert.equal(parse(tar(member({ name: 'x', type: '2', link: target }))).entries[0]?.linkTarget, target);
  }
  refused(tar(member({ name: 'x', type: '2' })), 'TAR_PATH');
  refused(tar(pax({ linkpath: 'x'.repeat(4097) }), member({ type: '2', link: 'x' })), 'TAR_PATH');
});

test('TarParser keeps no view of the chunks it was given', () => {
  const bytes = tar(pax({ 'SCHILY.xattr.user.a': 'value', path: 'name' }), A);
  let read: Uint8Array | undefined;
  const parser = new TarParser({ entry: (found) => (read = found.xattrs.get('user.a')) });
  parser.write(bytes);
  bytes.fill(0);
  assert.equal(Buffer.from(read ?? []).toString(), 'value');
});

test('TarParser passes content on without copying it', () => {
  const bytes = tar(A);
  const parser = new TarParser({
    entry: () => {},
    content: (chunk) => {
      assert.equal(chunk.buffer, bytes.buffer);
      assert.equal(chunk.byteOffset, bytes.byteOffset + 512);
    },
  });
  parser.write(bytes);
});

test('TarParser takes the last of several headers of a kind, and refuses a PAX and a GNU name that differ', () => {
  const long = (type: string, text: string): Buffer => member({ type, magic: GNU }, `${text}\0`);
  assert.deepEqual(paths(tar(pax({ path: 'one', uid: '7' }), pax({ path: 'two' }), A)), ['two']);
  assert.equal(parse(tar(pax({ uid: '7' }), pax({ path: 'two' }), A)).entries[0]?.uid, 0);
  assert.deepEqual(paths(tar(long('L', 'one'), long('L', 'two'), A)), ['two']);
  assert.deepEqual(paths(tar(long('L', 'same'), pax({ path: 'same' }), A)), ['same']);
  refused(tar(long('L', 'one'), pax({ path: 'two' }), A), 'TAR_HEADER');
  const link = member({ type: '2', link: 'short' });
  assert.equal(parse(tar(long('K', 'longer'), link)).entries[0]?.linkTarget, 'longer');
  refused(tar(long('K', 'longer'), pax({ linkpath: 'other' }), link), 'TAR_HEADER');
});

test('TarParser says where the headers of an entry begin and where its content lies', () => {
  const bytes = tar(A, pax({ uid: '7' }), member({ name: 'c' }, 'content of c'));
  const { entries } = parse(bytes);
  assert.deepEqual(
    entries.map(({ headerOffset, dataOffset, storedBytes }) => [headerOffset, dataOffset, storedBytes]),
    [
      [0, 512, 12],
      [1024, 2560, 12],
    ],
  );
  assert.equal(bytes.toString('latin1', 2560, 2572), 'content of c');
});

test('TarParser reads a file with a slash at its end as a directory', () => {
  for (const type of ['0', '\0']) {
    assert.equal(parse(tar(member({ name: 'dir/', type }))).entries[0]?.kind, 'directory');
  }
  refused(tar(member({ name: 'dir/', type: '0' }, 'content')), 'TAR_HEADER');
  assert.deepEqual(paths(tar(header({ name: 'dir/', type: '\0', size: 7 }), B)), ['dir', 'b']);
});

test('TarParser takes no content for an entry that is no file, as Go', () => {
  for (const type of ['1', '2', '3', '4', '5', '6']) {
    const { entries } = parse(tar(header({ name: 'x', type, link: 'y', size: 5000 }), B));
    assert.deepEqual([entries[0]?.sizeBytes, entries[1]?.path], [0, 'b'], type);
  }
});

test('TarParser reads device numbers and refuses those that Linux does not have', () => {
  const device = tar(
    member({ type: '3', devices: ['0000001\0', '0000003\0'] }),
    member({ type: '4', devices: ['0000010\0', '3777777\0'] }),
  );
  assert.deepEqual(
    parse(device).entries.map(({ kind, deviceMajor, deviceMinor }) => [kind, deviceMajor, deviceMinor]),
    [
      ['character', 1, 3],
      ['block', 8, 1_048_575],
    ],
  );
  refused(tar(member({ type: '3', devices: ['0010000\0', '0000003\0'] })), 'TAR_NUMBER');
  refused(tar(member({ type: '3', devices: ['0000000\0', '4000000\0'] })), 'TAR_NUMBER');
  refused(tar(member({ type: '3', devices: ['garbage\0', '0000003\0'] })), 'TAR_NUMBER');
});

test('TarParser counts headers', () => {
  refused(tar(A, B), 'TAR_LIMIT', { entriesMax: 1 });
  refused(tar(pax({ uid: '1' }), pax({ uid: '1' }), A), 'TAR_LIMIT', { entriesMax: 2 });
  assert.ok(ENTRIES_MAX >= 1_000_000);
});

test('TarParser warns of an extended header without an entry', () => {
  assert.deepEqual(
    parse(tar(A, pax({ path: 'x' }))).warnings.map(({ code, offset }) => [code, offset]),
    [['TAR_DANGLING_HEADER', 1024]],
  );
});

test('TarParser fails again with the same error after a failure', () => {
  const parser = new TarParser({ entry: () => {} });
  assert.throws(() => parser.write(Buffer.alloc(512, 1)), { code: 'TAR_CHECKSUM' });
  assert.throws(() => parser.write(A), { code: 'TAR_CHECKSUM' });
  assert.throws(() => parser.end(), { code: 'TAR_CHECKSUM' });
});

test('TarParser tells the end of each content', () => {
  const seen: string[] = [];
  const parser = new TarParser({
    entry: ({ path }) => seen.push(path),
    content: (chunk) => seen.push(Buffer.from(chunk).toString()),
    contentEnd: () => seen.push('end'),
  });
  parser.write(tar(A, member({ name: 'empty' }), member({ name: 'dir', type: '5' }), B));
  assert.deepEqual(seen, ['a', 'content of a', 'end', 'empty', 'end', 'dir', 'b', 'content of b', 'end']);
});
