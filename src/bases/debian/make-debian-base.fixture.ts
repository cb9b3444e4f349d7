import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readTar } from '../../archive/index.ts';
import { type ByteStream, collect, ShaleError, streamOf } from '../../base/index.ts';
import { asDiffId, digestFromHex } from '../../oci/index.ts';
import type { BaseHost, StepRequest } from '../host.ts';
import { TestKey } from '../openpgp/test-key.ts';
import { TarFileWriter } from '../rootfs/tar-file.ts';
import { plainInode } from '../rootfs/tree.ts';
import { type BaseImage, makeDebianBase } from './make-debian-base.ts';
import type { DebianBaseOptions } from './options.ts';
import { debFile, type TestDeb } from './test-deb.ts';

/** A mirror of a few made-up packages, and what stands in for the rest of shale. */
export const MIRROR: string = 'http://mirror.example/debian';
export const RELEASED: number = Date.UTC(2026, 8, 12) / 1000;
export const KEY: TestKey = new TestKey({ algorithm: 'ed25519-legacy', createdAt: RELEASED - 1000 });

const DEBS: readonly TestDeb[] = [
  {
    control: 'Package: base-files\nVersion: 13\nArchitecture: amd64\nEssential: yes\nPriority: required',
    scripts: { preinst: '#!/bin/sh\n', conffiles: '/etc/issue\n' },
    files: [
      ['usr/'],
      ['usr/bin/'],
      ['etc/'],
      ['etc/issue', 'Test'],
      ['bin', '-> usr/bin'],
      ['tmp/', '', 0o1777],
      ['var/'],
      ['var/log/'],
    ],
  },
  {
    control: 'Package: dpkg\nVersion: 1.22\nArchitecture: amd64\nEssential: yes\nPriority: required\nPre-Depends: libx',
    files: [['usr/'], ['usr/bin/'], ['usr/bin/dpkg', 'x', 0o755]],
  },
  {
    control: 'Package: libx\nVersion: 2\nArchitecture: amd64\nMulti-Arch: same',
    files: [
      ['usr/'],
      ['usr/share/'],
      ['usr/share/doc/'],
      ['usr/share/doc/libx/'],
      ['usr/share/doc/libx/README', 'r'],
      ['usr/share/doc/libx/copyright', 'c'],
    ],
  },
  {
    control: 'Package: apt\nVersion: 3\nArchitecture: amd64\nPriority: required\nDepends: libx (>= 2)',
    files: [['bin/'], ['bin/apt', 'x', 0o755]],
  },
  { control: 'Package: extra\nVersion: 1\nArchitecture: all', files: [] },
];

export interface Repository {
  /** What the mirror serves, by URL. */
  readonly files: Map<string, Buffer>;
  release: string;
  sign(): void;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function repository(): Repository {
  const files = new Map<string, Buffer>();
  const paragraphs = DEBS.map((deb) => {
    const bytes = debFile(deb, '.gz', (plain) => gzipSync(plain));
    const name = /^Package: (.*)$/m.exec(deb.control)?.[1] ?? '';
    const path = `pool/main/${name}_1+1.deb`;
    files.set(`${MIRROR}/${path}`, bytes);
    return `${deb.control}\nFilename: ${path}\nSize: ${bytes.length}\nSHA256: ${sha256(bytes)}\n`;
  });
  const packages = gzipSync(paragraphs.join('\n'));
  files.set(`${MIRROR}/dists/stable/main/binary-amd64/by-hash/SHA256/${sha256(packages)}`, packages);
  const made: Repository = {
    files,
    release:
      `Suite: stable\nCodename: trixie\nVersion: 13.7\nDate: ${new Date(RELEASED * 1000).toUTCString()}\n` +
      `Valid-Until: ${new Date((RELEASED + 7 * 86_400) * 1000).toUTCString()}\nAcquire-By-Hash: yes\nArchitectures: all amd64\n` +
      `SHA256:\n ${sha256(packages)} ${packages.length} main/binary-amd64/Packages.gz`,
    sign: () =>
      void files.set(`${MIRROR}/dists/stable/InRelease`, KEY.clearsign(made.release, { createdAt: RELEASED })),
  };
  made.sign();
  return made;
}

export class FakeHost implements BaseHost {
  readonly requests: string[] = [];
  readonly steps: StepRequest[] = [];
  readonly folder: string;
  readonly files: ReadonlyMap<string, Buffer>;
  exitCode = 0;
  script = '';
  now: () => Date = () => new Date((RELEASED + 3600) * 1000);
  /** What stands in for dpkg --configure: every package is installed afterwards. */
  configured: (status: string) => string = (status) =>
    status.replaceAll('install ok unpacked', 'install ok installed').replaceAll(' newconffile', ' 0123');

  constructor(folder: string, files: ReadonlyMap<string, Buffer>) {
    this.folder = folder;
    this.files = files;
    mkdirSync(join(folder, 'cache'), { recursive: true });
    writeFileSync(join(folder, 'keyring.gpg'), KEY.certificate);
  }

  readonly aptSources: BaseHost['aptSources'] = async () => [
    { path: 'sources.list', text: `deb ${MIRROR} trixie main` },
  ];

  readonly fetcher: BaseHost['fetcher'] = {
    fetch: async (url) => {
      this.requests.push(url.slice(MIRROR.length));
      const bytes = this.files.get(url);
      if (bytes === undefined) throw new ShaleError('FETCH_NOT_FOUND', `${url} is not there`);
      return streamOf(bytes.subarray(0, 10), bytes.subarray(10));
    },
  };

  readonly cache: BaseHost['cache'] = {
    find: async (hash) => (existsSync(join(this.folder, 'cache', hash)) ? join(this.folder, 'cache', hash) : undefined),
    put: async (hash, stream) => {
      const bytes = await collect(stream, 1e9, 'download');
      writeFileSync(join(this.folder, 'cache', hash), bytes);
      return join(this.folder, 'cache', hash);
    },
  };

  readonly seen: Map<string, number> = new Map();
  readonly seenLists: BaseHost['seenLists'] = {
    find: async (name) => this.seen.get(name),
    record: async (name, madeAt) => void this.seen.set(name, madeAt),
  };

  readonly runner: BaseHost['runner'] = {
    run: async (request) => {
      this.steps.push(request);
      request.onOutput(Buffer.from('Setting up everything\ndpkg: error\n'));
      const changesTar = `${request.rootfsTar}.changes`;
      using tar = new TarFileWriter(changesTar);
      let status = '';
      for await (const { entry, content } of readTar(streamOf(readFileSync(request.rootfsTar)))) {
        if (entry.path === 'var/lib/dpkg/status') status = (await collect(content, 1e6, 'status')).toString();
        if (`/${entry.path}` === request.args[1]) this.script = (await collect(content, 1e6, 'script')).toString();
      }
      const write = (path: string, text: string): void => {
        tar.startEntry(path, plainInode('file', 0o640, BigInt(Date.now()) * 1_000_000n), text.length);
        tar.writeContent(Buffer.from(text));
        tar.endContent();
      };
      write('var/lib/dpkg/status', this.configured(status));
      write('var/log/dpkg.log', `${Date.now()}`);
      write('etc/machine-id', `${Math.random()}`);
      write('etc/shadow', 'root:*:99999:0:99999:7:::\n');
      write('etc/.wh.issue.dpkg-new', '');
      write('tmp/left', 'over');
      tar.finish();
      return { exitCode: this.exitCode, changesTar };
    },
  };

  layer: Buffer = Buffer.alloc(0);

  readonly layers: BaseHost['layers'] = {
    tarOf: () => assert.fail('no tar is asked for'),
    write: async (stream: ByteStream) => {
      this.layer = await collect(stream, 1e9, 'layer');
      return { diffId: asDiffId(digestFromHex(sha256(this.layer))), sizeBytes: this.layer.length };
    },
  };

  async makeWorkFolder(): ReturnType<BaseHost['makeWorkFolder']> {
    const path = mkdtempSync(join(this.folder, 'work-'));
    return { path, [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true }) };
  }

  make(options: Partial<DebianBaseOptions> = {}): Promise<BaseImage> {
    return makeDebianBase(
      {
        architecture: 'amd64',
        scripts: 'container',
        tool: 'shale 1',
        keyrings: [join(this.folder, 'keyring.gpg')],
        ...options,
      },
      this,
    );
  }
}

export async function withHost(work: (host: FakeHost, mirror: Repository) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'shale-base-'));
  try {
    const mirror = repository();
    await work(new FakeHost(folder, mirror.files), mirror);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('work-')),
      [],
      'work folders are removed',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function listLayer(layer: Buffer): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  for await (const { entry, content } of readTar(streamOf(layer))) {
    assert.ok(entry.mtimeNs <= BigInt(RELEASED) * 1_000_000_000n, `${entry.path} is newer than the epoch`);
    entries.set(
      entry.path,
      entry.kind === 'file'
        ? (await collect(content, 1e6, entry.path)).toString()
        : `${entry.kind} ${entry.linkTarget}`,
    );
  }
  return entries;
}
