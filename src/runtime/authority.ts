import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { fromBytes, isShaleError, isSystemError, ShaleError, toText } from '../base/index.ts';
import { findAt2, O_PATH, openAt2, RESOLVE, setTimesAt } from '../sys/index.ts';

/** Where systems keep the list of authorities that programs trust, all in one file, by folders that most systems lack one of. */
const BUNDLES: readonly (readonly [folder: string, paths: readonly string[]])[] = [
  ['etc/ssl', ['etc/ssl/certs/ca-certificates.crt', 'etc/ssl/cert.pem', 'etc/ssl/ca-bundle.pem']],
  ['etc/pki', ['etc/pki/tls/certs/ca-bundle.crt', 'etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem']],
];
/** Bytes of a list; ten times of what Mozilla's has. */
const BUNDLE_MAX_BYTES = 4 * 1024 * 1024;
/** Links lead nowhere out of the root file system. */
const INSIDE: number = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;
/** Milliseconds between looks whether a package has written a list anew. */
const LOOK_AGAIN_MS = 20;

/** Programs that bring a list of their own along take another one from these variables. */
export const AUTHORITY_VARIABLES: readonly string[] = ['NODE_EXTRA_CA_CERTS', 'PIP_CERT', 'REQUESTS_CA_BUNDLE'];
/** Where the certificate lies in the step for them. */
export const AUTHORITY_PATH = '/run/shale-authority.pem';

/**
 * Makes the programs of a step trust an authority: its certificate stands at the end of every list that the root filesystem
 * has, also of one that a package writes while the step runs, until this is disposed. `removeAuthority` takes it out again.
 * `access` is the mounted root filesystem.
 */
export function plantAuthority(access: string, certificate: string): Disposable {
  const root = openSync(access, O_PATH | constants.O_DIRECTORY);
  const block = blockOf(certificate);
  const seen = new Map<string, string>();
  const look = (): void => {
    for (const path of BUNDLES.flatMap(([folder, paths]) => (isThere(root, folder) ? paths : []))) {
      try {
        plantIn(root, path, block, seen);
      } catch (error) {
        // About to be replaced: there is another look.
        if (!isShaleError(error) && !isSystemError(error)) throw error;
      }
    }
  };
  look();
  const timer = setInterval(look, LOOK_AGAIN_MS);
  let isOpen = true;
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      if (isOpen) closeSync(root);
      isOpen = false;
    },
  };
}

/** An empty line before it tells it from what ends without a newline. */
function blockOf(certificate: string): Buffer {
  return Buffer.from(`\n${certificate}`);
}

/** False also for what cannot be looked at. */
function isThere(root: number, path: string): boolean {
  try {
    const found = findAt2(root, path, { flags: O_PATH, resolve: INSIDE });
    if (found !== undefined) closeSync(found);
    return found !== undefined;
  } catch (error) {
    if (!isShaleError(error)) throw error;
    return false;
  }
}

function plantIn(root: number, path: string, block: Buffer, seen: Map<string, string>): void {
  const looked = findAt2(root, path, { flags: O_PATH, resolve: INSIDE });
  if (looked === undefined) return;
  let identity: string;
  try {
    const stat = fstatSync(looked, { bigint: true });
    if (!stat.isFile() || stat.size === 0n || stat.size > BUNDLE_MAX_BYTES) return;
    identity = `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
  } finally {
    closeSync(looked);
  }
  if (seen.get(path) === identity) return;
  const fd = openAt2(root, path, { flags: constants.O_RDWR, resolve: INSIDE });
  try {
    const { atimeNs, mtimeNs, size } = fstatSync(fd, { bigint: true });
    if (!readFileSync(fd).includes(block)) {
      writeSync(fd, block, 0, block.length, Number(size));
      setTimesAt(fd, undefined, atimeNs, mtimeNs);
    }
    const after = fstatSync(fd, { bigint: true });
    seen.set(path, `${after.ino} ${after.size} ${after.mtimeNs}`);
  } finally {
    closeSync(fd);
  }
}

/** Larger files are not looked into: no program writes its list of authorities into one. */
const SEARCHED_MAX_BYTES = 16 * 1024 * 1024;

/**
 * Takes the certificate out of every file below a directory, wherever a program has copied a list with it, and leaves times
 * as they are. Nothing may change there meanwhile.
 * @throws AUTHORITY_LEFT where it stands in a form that cannot be taken out
 */
export function removeAuthority(directory: string, certificate: string): void {
  const block = blockOf(certificate);
  // Any line of the text tells it, and so do the bytes that it stands for.
  const der = Buffer.from(certificate.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  const traces = [Buffer.from(certificate.split('\n')[2] ?? ''), der.subarray(-32)];
  const open: Buffer[] = [Buffer.from(directory)];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    for (const name of readdirSync(folder, { encoding: 'buffer' })) {
      const path = Buffer.concat([folder, Buffer.from('/'), name]);
      const stat = lstatSync(path);
      if (stat.isDirectory()) open.push(path);
      else if (stat.isFile() && stat.size >= der.length && stat.size <= SEARCHED_MAX_BYTES)
        cleanFile(path, { block, traces, shown: path.subarray(directory.length) });
    }
  }
}

interface Sought {
  readonly block: Buffer;
  readonly traces: readonly Buffer[];
  readonly shown: Buffer;
}

function cleanFile(path: Buffer, { block, traces, shown }: Sought): void {
  const bytes = readFileSync(path);
  if (!traces.some((trace) => bytes.includes(trace))) return;
  const kept: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(block); at >= 0; at = bytes.indexOf(block, from)) {
    kept.push(bytes.subarray(from, at));
    from = at + block.length;
  }
  const clean = Buffer.concat([...kept, bytes.subarray(from)]);
  if (traces.some((trace) => clean.includes(trace)))
    throw new ShaleError(
      'AUTHORITY_LEFT',
      `the step has put the certificates that it trusts into ${toText(fromBytes(shown))}, and that of this build with them`,
      {
        hint: 'a lock cannot be made of a step that converts the list of authorities; do that where nothing is fetched',
      },
    );
  const fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    const { atimeNs, mtimeNs } = fstatSync(fd, { bigint: true });
    writeSync(fd, clean, 0, clean.length, 0);
    ftruncateSync(fd, clean.length);
    setTimesAt(fd, undefined, atimeNs, mtimeNs);
  } finally {
    closeSync(fd);
  }
}
