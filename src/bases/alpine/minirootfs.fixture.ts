import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  packApk,
  packIndex,
  type PackedApk,
  type TestApk,
  type TestApkFile,
  type TestSigner,
} from './packed-apk.fixture.ts';

/** Alpine's minimal root file system, from which tests take the real apk, and what its packages are made of. */
export function findMinirootfs(): string | undefined {
  const shared = process.env['SHALE_SHARED'] ?? resolve(import.meta.dirname, '../../../../shared');
  const file = join(shared, 'fixtures/alpine-minirootfs-3.20.3-x86_64.tar.gz');
  return existsSync(file) ? file : undefined;
}

/** Unpacks it into a new folder. */
export function unpackMinirootfs(file: string, root: string): void {
  mkdirSync(root);
  const { status, stderr } = spawnSync('tar', ['-xpzf', file, '-C', root, '--numeric-owner'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/**
 * The packages of an installed system as package files again: from its database and its files. Files that the system
 * changed since are taken as they are.
 */
export function repackInstalled(root: string): TestApk[] {
  const database = join(root, 'lib/apk/db');
  const triggers = new Map(
    readFileSync(join(database, 'triggers'), 'latin1')
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
  );
  return readFileSync(join(database, 'installed'), 'latin1')
    .trim()
    .split('\n\n')
    .map((block) => repack(root, block, triggers));
}

function repack(root: string, block: string, triggers: ReadonlyMap<string, string>): TestApk {
  const lines = block.split('\n').map((line) => [line.slice(0, 1), line.slice(2)] as const);
  const field = (letter: string): string | undefined => lines.find(([each]) => each === letter)?.[1];
  const get = (letter: string): string => field(letter) ?? '';
  const files: TestApkFile[] = [];
  let folder = '';
  for (const [letter, value] of lines) {
    if (letter === 'F') {
      folder = value;
      if (folder !== '') files.push({ path: `${folder}/`, mode: 0o755 });
    } else if (letter === 'R') files.push(fileOf(root, folder === '' ? value : `${folder}/${value}`));
    else if (letter === 'M' || letter === 'a') {
      const last = files.pop();
      const [uid = '0', gid = '0', mode = '644'] = value.split(':');
      // Names would be looked up again; these come from a system that has settled them.
      const owner = { user: '', group: '', uid: Number(uid), gid: Number(gid) };
      if (last !== undefined) files.push({ ...last, mode: Number.parseInt(mode, 8), owner });
    }
  }
  const trigger = triggers.get(get('C'));
  return {
    name: get('P'),
    version: get('V'),
    builtAt: Number(get('t')),
    installedBytes: Number(get('I')),
    origin: get('o'),
    scripts: scriptsOf(root, `${get('P')}-${get('V')}.${get('C')}.`),
    files,
    ...(field('D') !== undefined && { depends: get('D') }),
    ...(field('p') !== undefined && { provides: get('p') }),
    ...(field('i') !== undefined && { installIf: get('i') }),
    ...(field('r') !== undefined && { replaces: get('r') }),
    ...(field('q') !== undefined && { replacesPriority: Number(get('q')) }),
    ...(field('k') !== undefined && { providerPriority: Number(get('k')) }),
    ...(trigger !== undefined && { triggers: trigger }),
  };
}

function fileOf(root: string, path: string): TestApkFile {
  const place = join(root, path);
  try {
    return { path, symlink: readlinkSync(place) };
  } catch {
    return { path, content: readFileSync(place) };
  }
}

function scriptsOf(root: string, prefix: string): Record<string, string> {
  const tar = join(root, 'lib/apk/db/scripts.tar');
  const names = spawnSync('tar', ['-tf', tar], { encoding: 'latin1' }).stdout.trim().split('\n');
  return Object.fromEntries(
    names
      .filter((name) => name.startsWith(prefix))
      .map((name) => [name.slice(prefix.length), spawnSync('tar', ['-xOf', tar, name], { encoding: 'latin1' }).stdout]),
  );
}

/** Writes a signed repository into a folder, and its key beside. */
export function writeRepository(
  folder: string,
  apks: readonly TestApk[],
  signer: TestSigner,
  architecture = 'x86_64',
): PackedApk[] {
  mkdirSync(join(folder, architecture), { recursive: true });
  const packed = apks.map((apk) => packApk(apk, signer));
  for (const { fileName, bytes } of packed) writeFileSync(join(folder, architecture, fileName), bytes);
  writeFileSync(join(folder, architecture, 'APKINDEX.tar.gz'), packIndex(packed, signer));
  return packed;
}
