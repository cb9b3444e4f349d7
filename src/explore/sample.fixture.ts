/**
 * A small image with something of everything that an exploration tells of: a base with packages of dpkg, a layer of each
 * cause of waste, a program (ELF), setuid and capabilities, links, a device, names that are no UTF-8, and the build that
 * made it. The faces are tested with it.
 */
import { explore } from './exploration.ts';
import { partsOf } from './parts.fixture.ts';
import type { TarOfEntry } from '../../tests/support/tar-of.ts';
import type { Exploration } from './tree-types.ts';
import type { DockerfileLine, ExploredBuild, ExploredStep } from './types.ts';

const STATUS = ['bash 5.2.15-2 admin', 'libc6 2.36-9 libs', 'curl 7.88.1-10 web']
  .map((line) => {
    const [name, version, section] = line.split(' ');
    return `Package: ${name}\nStatus: install ok installed\nSection: ${section}\nArchitecture: amd64\nVersion: ${version}\nMaintainer: Someone <someone@example.org>\nDescription: ${name}\n`;
  })
  .join('\n');

/** `cap_net_raw=ep` as linux/capability.h stores it. */
const NET_RAW = Buffer.from('0100000200200000000000000000000000000000', 'hex');

const dir = (path: string, rest: Partial<TarOfEntry> = {}): TarOfEntry => ({ path, kind: 'directory', ...rest });
const file = (path: string, content: string | Buffer, rest: Partial<TarOfEntry> = {}): TarOfEntry => ({
  path,
  mode: 0o644,
  content,
  ...rest,
});

/** The least that is an ELF program for amd64: a header, an interpreter, no sections. */
export function tinyElf(): Buffer {
  const elf = Buffer.alloc(512);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeUInt16LE(3, 16);
  elf.writeUInt16LE(62, 18);
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(64, 52);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(3, 64);
  elf.writeBigUInt64LE(256n, 72);
  elf.writeBigUInt64LE(28n, 96);
  elf.write('/lib64/ld-linux-x86-64.so.2\0', 256, 'latin1');
  return elf;
}

const LISTS = 'Package: everything\n'.repeat(4000);
const APP = 'console.log("hello");\n'.repeat(500);

const LAYERS: readonly (readonly TarOfEntry[])[] = [
  // debian:12
  [
    dir('bin'),
    file('bin/bash', tinyElf(), { mode: 0o755 }),
    { path: 'bin/sh', kind: 'symlink', linkTarget: 'bash', mode: 0o777 },
    dir('dev'),
    { path: 'dev/null', kind: 'character', mode: 0o666, deviceMajor: 1, deviceMinor: 3 },
    dir('etc'),
    file('etc/hosts', '127.0.0.1 localhost\n'),
    file('etc/motd', 'welcome\nto debian\nand have fun\n'),
    file('etc/os-release', 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'),
    dir('lib'),
    file('lib/libc.so.6', Buffer.alloc(40_000, 7), { mode: 0o755 }),
    dir('tmp', { mode: 0o1777 }),
    dir('usr'),
    dir('usr/bin'),
    file('usr/bin/su', tinyElf(), { mode: 0o4755 }),
    dir('usr/share'),
    dir('usr/share/doc'),
    dir('usr/share/doc/bash'),
    file('usr/share/doc/bash/README', 'how to bash\n'.repeat(300)),
    dir('usr/share/locale'),
    file('usr/share/locale/de.mo', Buffer.alloc(3000, 1)),
    dir('var'),
    dir('var/lib'),
    dir('var/lib/dpkg'),
    file('var/lib/dpkg/status', STATUS.split('\n\n').slice(0, 2).join('\n\n')),
    dir('var/lib/dpkg/info'),
    file('var/lib/dpkg/info/bash.list', '/.\n/bin\n/bin/bash\n/bin/sh\n/usr/share/doc/bash/README\n'),
    file('var/lib/dpkg/info/libc6.list', '/.\n/lib/libc.so.6\n'),
  ],
  // RUN apt-get update && apt-get install -y curl
  [
    file('etc/motd', 'welcome\nto our image\nand have fun\n'),
    file('usr/bin/curl', Buffer.concat([tinyElf(), Buffer.alloc(20_000, 3)]), { mode: 0o755 }),
    file('usr/bin/ping', tinyElf(), { mode: 0o755, xattrs: { 'security.capability': NET_RAW } }),
    file('var/lib/apt/lists/debian_Packages', LISTS),
    file('var/lib/dpkg/status', STATUS),
    file('var/lib/dpkg/info/curl.list', '/.\n/usr/bin/curl\n'),
    file('var/cache/apt/pkgcache.bin', Buffer.alloc(15_000, 9)),
  ],
  // COPY . /app
  [
    dir('app'),
    file('app/main.js', APP),
    file('app/copy of main.js', APP),
    file('app/unnamed-\xff\xfe', 'a name that is no UTF-8\n'),
    dir('app/.git'),
    file('app/.git/pack', Buffer.alloc(9000, 5)),
    file('app/cache/big.bin', Buffer.alloc(60_000, 2)),
    file('app/hard1', 'one file with two names\n'.repeat(50)),
    { path: 'app/hard2', kind: 'hardlink', linkTarget: 'app/hard1', mode: 0o644 },
  ],
  // RUN chown -R 1000 /app/main.js && touch /app/hard1
  [file('app/main.js', APP, { uid: 1000, gid: 1000 }), file('app/hard1', 'one file with two names\n'.repeat(50))],
  // RUN rm -rf /app/cache /var/lib/apt/lists/*
  [
    file('app/.wh.cache', ''),
    file('var/lib/apt/lists/.wh..wh..opq', ''),
    file('var/log/build.log', 'done\n'.repeat(40)),
  ],
];

const HISTORY: readonly (readonly [createdBy: string, isEmptyLayer: boolean])[] = [
  ['/bin/sh -c #(nop) ADD file:0123456789abcdef in / ', false],
  ['/bin/sh -c #(nop)  CMD ["bash"]', true],
  ['RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit', false],
  ['COPY . /app # buildkit', false],
  ['RUN /bin/sh -c chown -R 1000 /app/main.js && touch /app/hard1 # buildkit', false],
  ['RUN /bin/sh -c rm -rf /app/cache /var/lib/apt/lists/* # buildkit', false],
  ['CMD ["node" "/app/main.js"]', true],
];

const STARTED = Date.UTC(2024, 4, 1, 12);
const line = (first: number): DockerfileLine => ({ file: '/src/sample/Dockerfile', first, last: first });
const step = (number: number, name: string, rest: Partial<ExploredStep>): ExploredStep => ({
  number,
  name,
  stage: 'stage-0',
  outcome: 'ran',
  reason: 'it has never been built here before',
  changes: [],
  startedMs: STARTED,
  endedMs: STARTED,
  seconds: 0,
  needs: [],
  isCritical: true,
  layer: undefined,
  line: undefined,
  ...rest,
});

const BUILD: ExploredBuild = {
  id: 'bsampleabcd',
  startedMs: STARTED,
  endedMs: STARTED + 14_500,
  seconds: 14.5,
  criticalSeconds: 13.9,
  dockerfile: '/src/sample/Dockerfile',
  isDockerfileSame: true,
  context: '/src/sample',
  target: undefined,
  steps: [
    step(1, '[1/5] FROM debian:12', {
      outcome: 'base',
      reason: 'the base image is debian:12',
      layer: 0,
      line: line(1),
    }),
    step(2, '[2/5] RUN apt-get update && apt-get install -y curl', {
      endedMs: STARTED + 12_000,
      seconds: 12,
      needs: [1],
      layer: 1,
      line: line(2),
    }),
    step(3, 'load build context', {
      stage: undefined,
      outcome: 'ran',
      reason: 'it is looked at in every build',
      endedMs: STARTED + 600,
      seconds: 0.6,
      isCritical: false,
    }),
    step(4, '[3/5] COPY . /app', {
      reason: '1 file changed: main.js',
      changes: [{ input: 'main.js', before: '0644 0:0 d690916cdea3', after: '0644 0:0 1b2c3d4e5f60' }],
      startedMs: STARTED + 12_000,
      endedMs: STARTED + 12_400,
      seconds: 0.4,
      needs: [2, 3],
      layer: 2,
      line: line(3),
    }),
    step(5, '[4/5] RUN chown -R 1000 /app/main.js && touch /app/hard1', {
      reason: 'the files below it changed: an earlier step or the base image gave another result',
      startedMs: STARTED + 12_400,
      endedMs: STARTED + 13_900,
      seconds: 1.5,
      needs: [4],
      layer: 3,
      line: line(4),
    }),
    step(6, '[5/5] RUN rm -rf /app/cache /var/lib/apt/lists/*', {
      outcome: 'cached',
      reason: 'nothing that it depends on has changed',
      startedMs: STARTED + 13_900,
      endedMs: STARTED + 13_900,
      needs: [5],
      layer: 4,
      line: line(5),
    }),
  ],
};

/** Opens the sample; disposing it removes its files. */
export function sampleExploration(): Exploration {
  return explore(
    partsOf(LAYERS, {
      image: {
        name: 'sample',
        id: `sha256:${'5a'.repeat(32)}`,
        digest: `sha256:${'d1'.repeat(32)}`,
        source: 'store',
        platform: 'linux/amd64',
        created: '2024-05-01T12:00:14Z',
        tags: ['sample:latest'],
        bases: [{ name: 'debian:12', digest: `sha256:${'ba'.repeat(32)}`, layers: 1, knownBy: 'build' }],
        config: { Cmd: ['node', '/app/main.js'], Env: ['PATH=/usr/bin:/bin'] },
      },
      history: HISTORY.map(([createdBy, isEmptyLayer]) => ({
        createdBy,
        comment: createdBy.includes('buildkit') ? 'buildkit.dockerfile.v0' : '',
        created: '2024-05-01T12:00:00Z',
        isEmptyLayer,
      })),
      build: BUILD,
      lines: new Map([
        [2, line(2)],
        [3, line(3)],
        [4, line(4)],
        [5, line(5)],
        [6, line(6)],
      ]),
    }),
  );
}
