/**
 * Tars of other programs, read and compared with what the reference readers list; and tars of ours, read by them.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, openSync, ftruncateSync, closeSync, writeSync } from 'node:fs';
import { readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test, type TestContext } from 'node:test';
import type { ReadTarEntry } from './entry.ts';
import { entry, parse } from './tar-parser.fixture.ts';
import { encodeTarHeader, TAR_END, tarPadding } from './write-tar.ts';

const work = mkdtempSync(path.join(tmpdir(), 'shale-tar-peers-'));
after(() => rmSync(work, { recursive: true, force: true }));

function has(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Skips the test, saying what is missing, unless all programs are there. */
function needs(t: TestContext, ...programs: string[]): boolean {
  const missing = programs.filter((program) => !has(program));
  if (missing.length > 0) t.skip(`not installed: ${missing.join(', ')}`);
  return missing.length === 0;
}

/** One entry as every reader can list it. */
interface Row {
  readonly path: string;
  readonly kind: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly link: string;
  readonly device: string;
  readonly sha256: string;
}

const LIST_WITH_PYTHON = `
import sys, tarfile, json, hashlib
kinds = {b'5': 'directory', b'2': 'symlink', b'1': 'hardlink', b'3': 'character', b'4': 'block', b'6': 'fifo', b'D': 'directory'}
rows = []
def text(name):
    return name.encode('utf-8', 'surrogateescape').decode('latin1')
with tarfile.open(sys.argv[1], 'r:', encoding='utf-8', errors='surrogateescape') as tar:
    for member in tar:
        kind = kinds.get(member.type, 'file')
        digest = ''
        if kind == 'file':
            hash = hashlib.sha256()
            stream = tar.extractfile(member)
            while chunk := stream.read(1 << 20):
                hash.update(chunk)
            digest = hash.hexdigest()
        link = member.linkname if kind in ('symlink', 'hardlink') else ''
        device = f'{member.devmajor}:{member.devminor}' if kind in ('character', 'block') else '0:0'
        rows.append(dict(path=text(member.name), kind=kind, mode=member.mode & 0o7777, uid=member.uid, gid=member.gid,
            size=member.size if kind == 'file' else 0, mtime=int(member.mtime // 1), link=text(link), device=device, sha256=digest))
json.dump(rows, sys.stdout)
`;

function listWithPython(file: string): Row[] {
  const python = execFileSync('python3', ['-c', LIST_WITH_PYTHON, file], { maxBuffer: 2 ** 28 });
  const rows: Row[] = JSON.parse(python.toString());
  return rows.map((row) => ({
    ...row,
    path: clean(row.path),
    link: row.kind === 'hardlink' ? clean(row.link) : row.link,
  }));
}

function clean(name: string): string {
  return name
    .replace(/^(?:\.?\/)+/, '')
    .replace(/\/$/, '')
    .replace(/^\.$/, '');
}

function listOurs(bytes: Buffer, step?: number): Row[] {
  const { entries, contents } = parse(bytes, {}, step);
  return entries.map((read, i) => ({
    path: read.path,
    kind: read.kind,
    mode: read.mode,
    uid: read.uid,
    gid: read.gid,
    size: read.sizeBytes,
    mtime: Number(read.mtimeNs / 1_000_000_000n),
    link: read.linkTarget,
    device: `${read.deviceMajor}:${read.deviceMinor}`,
    sha256: read.kind === 'file' ? sha256(expanded(read, contents[i] ?? Buffer.alloc(0))) : '',
  }));
}

/** The content of a file with the holes of its sparse map. */
function expanded(read: ReadTarEntry, stored: Buffer): Buffer {
  if (read.sparse === undefined) return stored;
  const content = Buffer.alloc(read.sizeBytes);
  let at = 0;
  for (const { offset, lengthBytes } of read.sparse) {
    stored.copy(content, offset, at, at + lengthBytes);
    at += lengthBytes;
  }
  assert.equal(at, stored.length);
  return content;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A tree with everything that the old formats can hold, and more when `names` are long. */
function makeTree(name: string, options: { readonly longNames: boolean; readonly sparse: boolean }): string {
  const root = path.join(work, name);
  mkdirSync(path.join(root, 'dir/sub'), { recursive: true });
  writeFileSync(path.join(root, 'empty'), '');
  writeFileSync(path.join(root, 'dir/text'), 'some text\n');
  writeFileSync(path.join(root, 'dir/block'), Buffer.alloc(512, 7));
  writeFileSync(path.join(root, 'dir/large'), Buffer.alloc(300_001, 'content'));
  writeFileSync(path.join(root, 'setuid'), 'x');
  chmodSync(path.join(root, 'setuid'), 0o4755);
  chmodSync(path.join(root, 'dir/sub'), 0o1777);
  symlinkSync('../empty', path.join(root, 'dir/link'));
  symlinkSync('/etc/passwd', path.join(root, 'absolute'));
  linkSync(path.join(root, 'dir/text'), path.join(root, 'zz-hard'));
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe, 0x41])]), 'not UTF-8');
  writeFileSync(path.join(root, 'émoji 🪨'), 'UTF-8');
  utimesSync(path.join(root, 'empty'), 1_000_000, 1_700_000_000);
  if (options.longNames) makeLongNames(root);
  if (options.sparse) makeSparse(root);
  return root;
}

function makeLongNames(root: string): void {
  const deep = path.join(root, ...Array.from({ length: 8 }, (_, i) => `${i}`.repeat(40)));
  mkdirSync(deep, { recursive: true });
  writeFileSync(path.join(deep, 'n'.repeat(200)), 'deep');
  symlinkSync('t'.repeat(180), path.join(deep, 'long-target'));
  linkSync(path.join(deep, 'n'.repeat(200)), path.join(root, 'zz-hard-to-long'));
  utimesSync(path.join(deep, 'n'.repeat(200)), 1.25, 1_700_000_000.123);
}

/** A file with many holes, one that starts with a hole and one that is nothing else. */
function makeSparse(root: string): void {
  const write = (name: string, size: number, parts: readonly number[]): void => {
    const file = openSync(path.join(root, name), 'w');
    for (const at of parts) writeSync(file, Buffer.alloc(5000, `part ${at} `), 0, 5000, at);
    ftruncateSync(file, size);
    closeSync(file);
  };
  write(
    'sparse-many',
    5_000_000,
    Array.from({ length: 40 }, (_, i) => i * 120_000),
  );
  write('sparse-hole-first', 2_000_000, [1_500_000]);
  write('sparse-only-hole', 1_000_000, []);
}

/** Fails unless we list the tar as python does, whole and cut into pieces. */
function compare(file: string): Row[] {
  const bytes = readFileSync(file);
  const ours = listOurs(bytes);
  assert.deepEqual(ours, listWithPython(file));
  assert.deepEqual(listOurs(bytes, 1013), ours);
  return ours;
}

const GNU_FORMATS = [
  ['v7', false],
  ['oldgnu', true],
  ['gnu', true],
  ['ustar', false],
  ['posix', true],
] as const;

for (const [format, longNames] of GNU_FORMATS) {
  test(`F-303: TarParser lists a ${format} tar of GNU tar as python does`, (t) => {
    if (!needs(t, 'tar', 'python3')) return;
    const root = makeTree(`gnu-${format}`, { longNames, sparse: false });
    const file = path.join(work, `gnu-${format}.tar`);
    execFileSync('tar', ['--sort=name', `--format=${format}`, '-cf', file, '-C', root, '.']);
    assert.ok(compare(file).length >= 12);
  });
}

for (const version of ['oldgnu', 'gnu', '0.0', '0.1', '1.0']) {
  test(`F-022: TarParser reads GNU tar's sparse files, version ${version}, as python does`, (t) => {
    if (!needs(t, 'tar', 'python3')) return;
    const root = makeTree(`sparse-${version}`, { longNames: true, sparse: true });
    const file = path.join(work, `sparse-${version}.tar`);
    const isPax = version.includes('.');
    const options = isPax ? ['--format=posix', `--sparse-version=${version}`] : [`--format=${version}`];
    execFileSync('tar', ['--sort=name', '--sparse', ...options, '-cf', file, '-C', root, '.']);
    const rows = compare(file);
    const sparse = parse(readFileSync(file)).entries.filter((read) => read.sparse !== undefined);
    assert.deepEqual(
      sparse.map((read) => [read.path, read.sizeBytes]),
      [
        ['sparse-hole-first', 2_000_000],
        ['sparse-many', 5_000_000],
        ['sparse-only-hole', 1_000_000],
      ],
    );
    const original = rows.find((row) => row.path === 'sparse-many');
    assert.equal(original?.sha256, sha256(readFileSync(path.join(root, 'sparse-many'))));
  });
}

for (const format of ['v7', 'ustar', 'pax', 'paxr', 'gnutar']) {
  test(`F-303: TarParser lists a ${format} tar of bsdtar as python does`, (t) => {
    if (!needs(t, 'bsdtar', 'python3')) return;
    const longNames = format !== 'v7' && format !== 'ustar';
    const root = makeTree(`bsd-${format}`, { longNames, sparse: format === 'pax' });
    const file = path.join(work, `bsd-${format}.tar`);
    execFileSync('bsdtar', ['--format', format, '-cf', file, '-C', root, '.'], {
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    assert.ok(compare(file).length >= 12);
  });
}

const WRITE_WITH_PYTHON = `
import sys, tarfile, io
formats = dict(ustar=tarfile.USTAR_FORMAT, gnu=tarfile.GNU_FORMAT, pax=tarfile.PAX_FORMAT)
format = sys.argv[2]
with tarfile.open(sys.argv[1], 'w', format=formats[format], encoding='utf-8', errors='surrogateescape') as tar:
    def add(name, type=tarfile.REGTYPE, content=b'', **fields):
        member = tarfile.TarInfo(name)
        member.type = type
        member.size = len(content)
        for key, value in fields.items():
            setattr(member, key, value)
        tar.addfile(member, io.BytesIO(content))
    add('plain', content=b'x' * 1000, mtime=1700000000, uid=1000, gid=1001, mode=0o640)
    add('old', type=tarfile.AREGTYPE, content=b'old')
    add('contiguous', type=tarfile.CONTTYPE, content=b'cont')
    add('null', type=tarfile.CHRTYPE, devmajor=1, devminor=3)
    add('sda', type=tarfile.BLKTYPE, devmajor=8, devminor=300)
    add('pipe', type=tarfile.FIFOTYPE)
    add('link', type=tarfile.SYMTYPE, linkname='../x')
    add('hard', type=tarfile.LNKTYPE, linkname='plain')
    if format != 'ustar':
        add('d/' * 150 + 'n' * 180, content=b'long')
        add('ids', uid=3000000000, gid=4294967294)
        add('longlink', type=tarfile.SYMTYPE, linkname='t' * 300)
        add('longhard', type=tarfile.LNKTYPE, linkname='d/' * 150 + 'n' * 180)
        add('before-1970', mtime=-5)
    if format == 'pax':
        add('caf\\u00e9' * 40, content=b'utf8')
        add('fraction', mtime=1700000000.5)
`;

for (const format of ['ustar', 'gnu', 'pax']) {
  test(`F-303: TarParser lists a ${format} tar of python as python does`, (t) => {
    if (!needs(t, 'python3')) return;
    const file = path.join(work, `python-${format}.tar`);
    execFileSync('python3', ['-c', WRITE_WITH_PYTHON, file, format]);
    assert.ok(compare(file).length >= 8);
  });
}

test('TarParser lists a GNU incremental dump with its directories, and leaves the volume label out', (t) => {
  if (!needs(t, 'tar')) return;
  const root = makeTree('incremental', { longNames: false, sparse: false });
  const file = path.join(work, 'incremental.tar');
  execFileSync('tar', ['--format=gnu', '--incremental', '-V', 'label', '-cf', file, '-C', root, '.']);
  const { entries, warnings } = parse(readFileSync(file));
  const listed = execFileSync('tar', ['-tf', file, '--quoting-style=literal'], { encoding: 'latin1' });
  const names = listed
    .split('\n')
    .slice(0, -1)
    .filter((name) => name !== 'label');
  assert.deepEqual(
    entries.map((read) => read.path),
    names.map(clean),
  );
  assert.equal(entries.filter((read) => read.kind === 'directory').length, 3);
  assert.deepEqual(
    warnings.map((warning) => warning.code),
    ['TAR_TYPE_SKIPPED'],
  );
});

test('TarParser reads the attributes that bsdtar and GNU tar write', (t) => {
  if (!needs(t, 'bsdtar', 'tar', 'python3')) return;
  const root = path.join(work, 'xattrs');
  mkdirSync(root);
  writeFileSync(path.join(root, 'file'), '');
  const set = `import os, sys; os.setxattr(sys.argv[1], 'user.binary', bytes(range(256))); os.setxattr(sys.argv[1], 'user.plain', b'text')`;
  if (spawnSync('python3', ['-c', set, path.join(root, 'file')], { stdio: 'ignore' }).status !== 0) {
    return t.skip('the file system of the temporary folder has no user attributes');
  }
  const commands = {
    tar: ['--xattrs', '--format=posix', '-cf'],
    bsdtar: ['--xattrs', '--format', 'pax', '-cf'],
  };
  for (const [program, options] of Object.entries(commands)) {
    const file = path.join(work, `xattrs-${program}.tar`);
    execFileSync(program, [...options, file, '-C', root, '.']);
    const xattrs = parse(readFileSync(file)).entries.find((read) => read.path === 'file')?.xattrs;
    assert.deepEqual(
      Buffer.from(xattrs?.get('user.binary') ?? []),
      Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      program,
    );
    assert.equal(Buffer.from(xattrs?.get('user.plain') ?? []).toString(), 'text', program);
  }
});

/** A tar of ours with everything that needs a PAX header. */
function ourTar(): Buffer {
  const long = `${'d'.repeat(100)}/${'e'.repeat(100)}/${'f'.repeat(100)}`;
  const content = Buffer.from('content');
  const nanoseconds = 1_700_000_000_123_456_789n;
  const headers = [
    entry({ path: '', kind: 'directory', mode: 0o755 }),
    entry({ path: 'd', kind: 'directory', mode: 0o1777, mtimeNs: nanoseconds }),
    entry({ path: 'd/null', kind: 'character', deviceMajor: 1, deviceMinor: 3 }),
    entry({ path: 'd/pipe', kind: 'fifo' }),
    entry({ path: 'big-ids', uid: 3_000_000_000, gid: 4_294_967_294, mode: 0o6755 }),
    entry({ path: long, sizeBytes: content.length, mtimeNs: nanoseconds }),
    entry({ path: 'hard', kind: 'hardlink', linkTarget: long }),
    entry({ path: 'soft', kind: 'symlink', linkTarget: `../${long}` }),
    entry({ path: `p/${'q'.repeat(90)}/${'r'.repeat(90)}`, kind: 'directory' }),
    entry({ path: 'attributes', xattrs: new Map([['user.a', Buffer.from('x=y\n\0')]]) }),
    entry({ path: 'not UTF-8 \xff' }),
    entry({ path: `not UTF-8 \xff${'n'.repeat(120)}` }),
  ];
  const blocks = headers.flatMap((written) =>
    written.sizeBytes > 0
      ? [encodeTarHeader(written), content, tarPadding(content.length)]
      : [encodeTarHeader(written)],
  );
  return Buffer.concat([...blocks, TAR_END]);
}

test('python reads what encodeTarHeader() writes', (t) => {
  if (!needs(t, 'python3')) return;
  const file = path.join(work, 'ours.tar');
  writeFileSync(file, ourTar());
  assert.deepEqual(listWithPython(file), listOurs(ourTar()));
});

for (const program of ['tar', 'bsdtar']) {
  test(`${program} reads what encodeTarHeader() writes, without a complaint`, (t) => {
    if (!needs(t, program)) return;
    const file = path.join(work, `ours-for-${program}.tar`);
    writeFileSync(file, ourTar());
    const options = program === 'tar' ? ['--quoting-style=literal'] : [];
    const result = spawnSync(program, ['-tf', file, ...options], { env: { ...process.env, LC_ALL: 'C' } });
    // GNU tar does not know `hdrcharset` and says so; it takes names as bytes anyway.
    const complaints = result.stderr
      .toString()
      .split('\n')
      .filter((line) => line !== '' && !line.includes('hdrcharset'));
    assert.deepEqual(complaints, []);
    assert.equal(result.status, 0);
    const names = result.stdout.toString('latin1').split('\n').slice(0, -1);
    const unescaped = names.map((name) => clean(name.replaceAll('\\377', '\xff')));
    assert.deepEqual(
      unescaped,
      listOurs(ourTar()).map((row) => row.path),
    );
  });
}
