import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import type { ByteStream } from '../base/index.ts';
import { asDiffId, digestFromHex } from '../oci/index.ts';
import { readHostAptSources } from './debian/host-sources.ts';
import type { HttpFetcher } from './fetch.ts';
import type { BaseHost, StepRequest, StepResult, StoredLayer, WorkFolder } from './host.ts';
import { TarFileWriter } from './rootfs/tar-file.ts';
import { type Inode, plainInode } from './rootfs/tree.ts';

/** What the tests of this folder need besides root; undefined when everything is there, else what is missing. */
export function missingForTestHost(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = ['tar', 'unshare', 'chroot', 'mount', 'python3'].filter(
    (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0,
  );
  return missing.length === 0 ? undefined : `${missing.join(', ')} not installed`;
}

/**
 * A BaseHost for tests, made of GNU tar, overlayfs and chroot in namespaces of its own: everything that the real one
 * does with store, mounts and runtime, done in the plainest way there is.
 */
export class TestHost implements BaseHost {
  readonly fetcher: HttpFetcher;
  readonly #folder: string;
  readonly #now: () => Date;
  lastLayer: string | undefined;

  constructor(folder: string, fetcher: HttpFetcher, now: () => Date = () => new Date()) {
    this.#folder = folder;
    this.fetcher = fetcher;
    this.#now = now;
    mkdirSync(join(folder, 'cache'), { recursive: true });
  }

  now(): Date {
    return this.#now();
  }

  readonly aptSources: BaseHost['aptSources'] = () => readHostAptSources();

  readonly cache: BaseHost['cache'] = {
    find: async (sha256: string): Promise<string | undefined> => {
      const path = join(this.#folder, 'cache', sha256);
      return existsSync(path) ? path : undefined;
    },
    put: async (sha256: string, stream: ByteStream): Promise<string> => {
      const path = join(this.#folder, 'cache', sha256);
      await writeStream(`${path}.part`, stream);
      renameSync(`${path}.part`, path);
      return path;
    },
  };

  readonly #seen = new Map<string, number>();
  readonly seenLists: BaseHost['seenLists'] = {
    find: async (name) => this.#seen.get(name),
    record: async (name, madeAt) => void this.#seen.set(name, madeAt),
  };

  readonly #tars = new Map<string, string>();
  readonly layers: BaseHost['layers'] = {
    write: async (layer: ByteStream): Promise<StoredLayer> => {
      const path = join(this.#folder, `layer-${Date.now()}-${Math.random()}.tar`);
      const { hex, sizeBytes } = await writeStream(path, layer);
      this.lastLayer = path;
      this.#tars.set(digestFromHex(hex), path);
      return { diffId: asDiffId(digestFromHex(hex)), sizeBytes };
    },
    tarOf: async ({ diffId }) => this.#tars.get(diffId) ?? '',
  };

  readonly runner: BaseHost['runner'] = { run: runStep };

  async makeWorkFolder(): Promise<WorkFolder> {
    const path = mkdtempSync(join(this.#folder, 'work-'));
    return { path, [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true, force: true }) };
  }
}

async function writeStream(path: string, stream: ByteStream): Promise<{ hex: string; sizeBytes: number }> {
  const fd = openSync(path, 'w');
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const chunk of stream) {
      hash.update(chunk);
      writeSync(fd, chunk);
      sizeBytes += chunk.byteLength;
    }
  } finally {
    closeSync(fd);
  }
  return { hex: hash.digest('hex'), sizeBytes };
}

// The mounts are made in a mount namespace of their own and go with it.
const SCRIPT = `set -e
cd "$0"
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,redirect_dir=nofollow,metacopy=off,index=off,xino=off,volatile merged
mount -t proc proc merged/proc
mount -t sysfs -o ro sysfs merged/sys
mount -t tmpfs tmpfs merged/dev
for each in null zero full random urandom tty; do touch merged/dev/$each; mount --bind /dev/$each merged/dev/$each; done
exec chroot merged "$@" </dev/null`;

async function runStep(request: StepRequest): Promise<StepResult> {
  const folder = join(request.rootfsTar, '..', 'run');
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(join(folder, name), { recursive: true });
  const extracted = spawnSync('tar', [
    '-xpf',
    request.rootfsTar,
    '-C',
    join(folder, 'lower'),
    '--numeric-owner',
    '--xattrs',
  ]);
  if (extracted.status !== 0) throw new Error(`tar: ${extracted.stderr.toString()}`);
  const child = spawn(
    'unshare',
    ['-m', '-n', '-p', '-u', '-i', '-f', '--', '/bin/sh', '-c', SCRIPT, folder, ...request.args],
    {
      env: request.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  child.stdout.on('data', request.onOutput);
  child.stderr.on('data', request.onOutput);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  const changesTar = join(folder, 'changes.tar');
  using tar = new TarFileWriter(changesTar);
  const opaque = new Set(
    spawnSync('python3', ['-c', OPAQUE, join(folder, 'upper')], { encoding: 'latin1' })
      .stdout.split('\n')
      .filter((line) => line !== ''),
  );
  writeUpper(tar, join(folder, 'upper'), '', opaque, new Map());
  tar.finish();
  return { exitCode: exitCode ?? 255, changesTar };
}

const OPAQUE = `import os, sys
for d, _, _ in os.walk(sys.argv[1]):
    try:
        if os.getxattr(d, "trusted.overlay.opaque") == b"y": print(os.path.relpath(d, sys.argv[1]))
    except OSError: pass`;

function writeUpper(
  tar: TarFileWriter,
  upper: string,
  path: string,
  opaque: ReadonlySet<string>,
  links: Map<number, string>,
): void {
  const plain = (kind: Inode['kind']): Inode => plainInode(kind, 0o644, 0n);
  if (opaque.has(path)) tar.startEntry(`${path}/.wh..wh..opq`, plain('file'), 0);
  for (const name of readdirSync(join(upper, path), { encoding: 'latin1' }).toSorted()) {
    const below = path === '' ? name : `${path}/${name}`;
    const file = Buffer.from(join(upper, below), 'latin1');
    const stat = lstatSync(file, { bigint: true });
    const inode = (kind: Inode['kind'], linkTarget = ''): Inode => ({
      ...plainInode(kind, Number(stat.mode) & 0o7777, stat.mtimeNs),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      linkTarget,
    });
    if (stat.isCharacterDevice() && stat.rdev === 0n)
      tar.startEntry(path === '' ? `.wh.${name}` : `${path}/.wh.${name}`, plain('file'), 0);
    else if (stat.isDirectory()) {
      if (!['dev', 'proc', 'sys'].includes(below)) tar.startEntry(below, inode('directory'), 0);
      writeUpper(tar, upper, below, opaque, links);
    } else if (stat.isSymbolicLink()) tar.startEntry(below, inode('symlink', readlinkSync(file, 'latin1')), 0);
    else if (links.has(Number(stat.ino))) tar.writeHardLink(below, links.get(Number(stat.ino)) ?? '', inode('file'));
    else {
      links.set(Number(stat.ino), below);
      const bytes = readFileSync(file);
      tar.startEntry(below, inode('file'), bytes.length);
      tar.writeContent(bytes);
      tar.endContent();
    }
  }
}
