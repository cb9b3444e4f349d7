/** Formats of packages and their lists for the fuzzer: good files, and what must hold whatever becomes of them. */
import { gzipSync } from 'node:zlib';
import { streamOf } from '../base/index.ts';
import { parseDependencies } from './alpine/dependency.ts';
import { makeSigner, packApk, packIndex, signIndexText } from './alpine/packed-apk.fixture.ts';
import { readSignedIndex } from './alpine/package-index.ts';
import { resolveWorld } from './alpine/resolve.ts';
import { parseControlTar } from './debian/control-tar.ts';
import { openDeb } from './debian/deb-contents.ts';
import { PackagesIndex } from './debian/packages-index.ts';
import { parseRelease } from './debian/release.ts';
import { resolveOnly } from './debian/resolve.ts';
import { controlTar, debFile } from './debian/test-deb.ts';

const words = (text: string): readonly string[] => text.split(' ');

export interface BaseTarget {
  readonly name: string;
  readonly seeds: () => readonly Buffer[];
  readonly tokens: readonly string[];
  readonly binary?: boolean;
  /** Throws anything but a ShaleError when something does not hold. */
  readonly check: (bytes: Buffer) => void | Promise<void>;
}

const signer = makeSigner();
const KEYS = new Map([[signer.name, { name: signer.name, fingerprint: '', pem: signer.pem, key: signer.privateKey }]]);
const apkOptions = { keys: KEYS, what: 'APKINDEX.tar.gz', repository: 0 };
const APK = packApk({ name: 'a', version: '1.2-r0', depends: 'b>1 !c so:libc.musl', provides: 'd=1' }, signer);
const APK_TEXT =
  'C:Q1aaaaaaaaaaaaaaaaaaaaaaaaaaa=\nP:a\nV:1.2.3_rc1-r0\nA:x86_64\nS:10\nI:20\nT:text\nD:b>1 !c\np:d=1 so:x=2\ni:e f\nk:10\n\nC:Q1baaaaaaaaaaaaaaaaaaaaaaaaaa=\nP:b\nV:2\nS:1\n';

function checkApkText(bytes: Buffer): void {
  const { packages } = readSignedIndex(signIndexText(bytes.toString('latin1'), signer), apkOptions);
  resolveWorld({ packages, world: parseDependencies('a b'), tags: [undefined] });
}

const CONTROL =
  'Package: a\nVersion: 1:2-3\nArchitecture: amd64\nDepends: b (>= 2) | c, d [amd64]\nPre-Depends: e\nDescription: d\n more\n';
const PACKAGES = `Package: a\nVersion: 1\nArchitecture: amd64\nPriority: required\nDepends: b (>= 1)\nFilename: pool/a.deb\nSize: 1\nSHA256: ${'a'.repeat(64)}\n\nPackage: b\nVersion: 2\nArchitecture: all\nProvides: c (= 3)\nFilename: pool/b.deb\nSize: 2\nSHA256: ${'b'.repeat(64)}\n`;
const RELEASE = `Origin: Debian\nSuite: stable\nCodename: trixie\nDate: Sat, 06 Sep 2025 10:00:00 UTC\nValid-Until: Sat, 13 Sep 2025 10:00:00 UTC\nAcquire-By-Hash: yes\nSHA256:\n ${'c'.repeat(64)} 100 main/binary-amd64/Packages.xz\n`;

async function checkControl(bytes: Buffer): Promise<void> {
  parseControlTar(controlTar({ control: bytes.toString('latin1') }));
}

async function checkPackages(bytes: Buffer): Promise<void> {
  const index = new PackagesIndex('amd64');
  await index.add(streamOf(bytes), 'http://m');
  resolveOnly(index, { architecture: 'amd64', include: ['a'], exclude: [] });
}

async function checkDeb(bytes: Buffer): Promise<void> {
  const { control, data } = await openDeb(bytes);
  parseControlTar(control);
  for await (const _ of data);
}

export const BASE_TARGETS: readonly BaseTarget[] = [
  {
    name: 'APKINDEX',
    seeds: () => [Buffer.from(APK_TEXT)],
    tokens: [...words('P: V: D: p: i: k: C:Q1 > < = ~ ! so: cmd: @edge -r0 _alpha'), '\n', '\n\n'],
    check: checkApkText,
  },
  {
    name: 'APKINDEX.tar.gz',
    seeds: () => [packIndex([APK], signer)],
    tokens: ['\0', '.SIGN.RSA.'],
    binary: true,
    check: (bytes) => void readSignedIndex(bytes, apkOptions),
  },
  {
    name: 'deb control',
    seeds: () => [Buffer.from(CONTROL)],
    tokens: [...words('Package: Version: Depends: (>= ) | , [amd64] <!nocheck> :any ${x}'), '\n', '\n ', ' .\n'],
    check: checkControl,
  },
  {
    name: 'Packages',
    seeds: () => [Buffer.from(PACKAGES)],
    tokens: [
      ...words(
        'Package: Version: Depends: Provides: Essential: yes Filename: Size: SHA256: (>= ) | , 99999999999999999999',
      ),
      '\n',
      '\n\n',
    ],
    check: checkPackages,
  },
  {
    name: 'Release',
    seeds: () => [Buffer.from(RELEASE)],
    tokens: [...words('SHA256: Date: Valid-Until: 0 -1 ../'), '\n', '\n '],
    check: (bytes) => void parseRelease(bytes.toString('latin1')),
  },
  {
    name: 'deb',
    seeds: () => [
      debFile(
        { control: CONTROL, scripts: { conffiles: '/etc/a\n' }, files: [['etc/'], ['etc/a', 'content']] },
        '.gz',
        (plain) => gzipSync(plain),
      ),
    ],
    tokens: ['!<arch>\n', '`\n', 'debian-binary', 'data.tar.gz', '\0'],
    binary: true,
    check: checkDeb,
  },
];
