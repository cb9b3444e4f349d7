import { execFileSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';

const CACHE = resolve(import.meta.dirname, '../../.cache/debian-tools');
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const DOWNLOAD_TIMEOUT_MS = 240_000;

/**
 * A program from a package of a Debian release, without installing anything: the package and what it depends on are
 * fetched by the host's apt from the mirror that the host uses, verified by its keys, unpacked into a cache of this
 * checkout, and run by the release's own loader and libraries.
 *
 * Returns the path of a wrapper that takes the program's arguments; undefined where there is no apt, no network or no
 * such package. `debianTool('trixie', 'erofs-utils', 'usr/bin/fsck.erofs')`
 */
export function debianTool(release: string, packageName: string, program: string): string | undefined {
  const home = join(CACHE, `${release}-${packageName}`);
  const root = join(home, 'root');
  try {
    if (!existsSync(root)) install(release, [packageName], home);
    return wrapper(home, root, program);
  } catch {
    return undefined;
  }
}

/** A file of a package as it is, fetched in the same way: a static program needs neither loader nor libraries. */
export function debianFile(release: string, packageName: string, file: string): string | undefined {
  const home = join(CACHE, `${release}-${packageName}`);
  const path = join(home, 'root', file);
  try {
    if (!existsSync(join(home, 'root'))) install(release, [packageName], home);
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/**
 * As `debianTool` for several programs, for tests that look for them in PATH: a folder with a wrapper for each under its own
 * name; undefined as above. `programs`: file in the package's root, and package.
 */
export function debianToolFolder(
  release: string,
  programs: readonly (readonly [program: string, packageName: string])[],
): string | undefined {
  const packages = [...new Set(programs.map(([, packageName]) => packageName))].toSorted();
  const home = join(CACHE, `${release}-${packages.join('-')}`);
  const bin = join(home, 'bin');
  try {
    if (!existsSync(home)) install(release, packages, home);
    mkdirSync(bin, { recursive: true });
    for (const [program] of programs) {
      const place = join(bin, basename(program));
      const script = wrapper(home, join(home, 'root'), program);
      if (script !== undefined && !existsSync(place)) symlinkSync(script, place);
    }
    return bin;
  } catch {
    return undefined;
  }
}

function install(release: string, packages: readonly string[], home: string): void {
  const work = `${home}.${process.pid}`;
  try {
    for (const folder of ['lists/partial', 'archives/partial', 'etc', 'root'])
      mkdirSync(join(work, folder), { recursive: true });
    writeFileSync(join(work, 'status'), '');
    writeFileSync(join(work, 'etc/sources.list'), sourceOf(release));
    const options = aptOptions(work);
    apt([...options, 'update']);
    apt([...options, '--yes', '--no-install-recommends', '--download-only', 'install', ...packages]);
    for (const name of readdirSync(join(work, 'archives'))) {
      if (name.endsWith('.deb')) run('dpkg-deb', ['-x', join(work, 'archives', name), join(work, 'root')]);
    }
    for (const folder of ['lists', 'archives']) rmSync(join(work, folder), { recursive: true });
    mkdirSync(CACHE, { recursive: true });
    if (!existsSync(home)) renameSync(work, home);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The mirror that is named or the host's, with another release of Debian in the place of the host's. */
function sourceOf(release: string): string {
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : '';
  const named = process.env['SHALE_MIRROR_DEBIAN'];
  if (named !== undefined && named !== '') return `deb ${signed}${named} ${release} main\n`;
  const rows = run('apt-get', [
    'indextargets',
    '--format',
    '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(SITE)',
    'Created-By: Packages',
  ]);
  for (const row of rows.split('\n')) {
    const [origin, label, component, site] = row.split('|');
    if (origin !== 'Debian' || label !== 'Debian' || component !== 'main' || site === undefined) continue;
    return `deb ${signed}${site} ${release} main\n`;
  }
  throw new Error('the host has no mirror of Debian');
}

function aptOptions(work: string): string[] {
  const settings = {
    'Dir::Etc::sourcelist': join(work, 'etc/sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': join(work, 'lists'),
    'Dir::State::status': join(work, 'status'),
    'Dir::Cache::archives': join(work, 'archives'),
    'Dir::Cache::pkgcache': '',
    'Dir::Cache::srcpkgcache': '',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Debug::NoLocking': 'true',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

function apt(args: readonly string[]): void {
  run('apt-get', ['-qq', ...args]);
}

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    timeout: DOWNLOAD_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function wrapper(home: string, root: string, program: string): string | undefined {
  const path = join(root, program);
  // Before Debian 13 packages put the loader and some libraries into /lib.
  const [loader] = globSync(join(root, '{usr/,}lib/*/ld-linux-*.so.*'));
  if (!existsSync(path) || loader === undefined) return undefined;
  const script = join(home, `run-${program.replaceAll('/', '-')}`);
  if (!existsSync(script)) writeFileSync(script, wrapperText(root, loader, realpathSync(path)), { mode: 0o755 });
  return script;
}

function wrapperText(root: string, loader: string, path: string): string {
  // The host's interpreter is new enough for what is written in perl.
  if (readFileSync(path).subarray(0, 2).toString() === '#!') return `#!/bin/sh\nexec '${path}' "$@"\n`;
  const libraries = [...globSync(join(root, '{usr/,}lib/*-linux-gnu*')), join(root, 'usr/lib')].join(':');
  const python = basename(path).startsWith('python') ? `PYTHONHOME='${join(root, 'usr')}' ` : '';
  return `#!/bin/sh\n${python}exec '${loader}' --library-path '${libraries}' '${path}' "$@"\n`;
}
