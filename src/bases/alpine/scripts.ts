import { type ByteString, compareBytes, ShaleError } from '../../base/index.ts';
import { addFile, type Rootfs } from '../rootfs/own-files.ts';
import type { Tree } from '../rootfs/tree.ts';
import type { ScriptKind } from './apk-reader.ts';
import type { InstalledPackage } from './unpack.ts';

/** Where apk puts the scripts that it runs. */
export const SCRIPTS_FOLDER = 'lib/apk/exec';
/** Runs the others, in apk's order. */
export const DRIVER: string = `${SCRIPTS_FOLDER}/shale-configure`;

/** What scripts see: what apk gives them, and by what time they may tell the hour. */
export function scriptEnvironment(epochSeconds: number): Record<string, string> {
  return { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', SOURCE_DATE_EPOCH: String(epochSeconds) };
}

/**
 * Puts the scripts that an installation runs into the root filesystem, with one that runs them: for each package, in
 * order, before and after it is installed, then the triggers. False when there is none to run.
 * @throws CONFIGURE_FAILED when nothing could run them
 */
export function addScripts(rootfs: Rootfs, packages: readonly InstalledPackage[]): boolean {
  const runs = [...packages.flatMap(installRuns), ...packages.flatMap((each) => triggerRuns(each, packages))];
  if (runs.length === 0) return false;
  if (!hasShell(rootfs.tree)) {
    const names = [...new Set(runs.map(({ owner }) => owner))];
    throw new ShaleError('CONFIGURE_FAILED', `${names.join(', ')}: there are scripts, and no /bin/sh to run them`, {
      data: { packages: names },
      hint: 'add busybox-binsh to the packages, or leave the scripts out with --scripts none',
    });
  }
  for (const { path, script } of runs) addFile(rootfs, { path, content: script, mode: 0o755 });
  const lines = runs.map(({ path, args }) => {
    const command = [`/${path}`, ...args].map(quote).join(' ');
    return `${command} || { echo ${quote(`${path.slice(SCRIPTS_FOLDER.length + 1)} failed`)}; exit 1; }`;
  });
  addFile(rootfs, { path: DRIVER, content: Buffer.from(`cd /\numask 022\n${lines.join('\n')}\n`, 'latin1') });
  return true;
}

interface Run {
  /** The package. */
  readonly owner: string;
  readonly path: ByteString;
  readonly script: Buffer;
  readonly args: readonly ByteString[];
}

function installRuns(each: InstalledPackage): Run[] {
  return [
    ...runOf(each, 'pre-install', [each.package.version]),
    ...runOf(each, 'post-install', [each.package.version]),
  ];
}

/** A new package's trigger runs for all folders of all packages that its patterns match. */
function triggerRuns(each: InstalledPackage, all: readonly InstalledPackage[]): Run[] {
  const patterns = each.triggers.filter((pattern) => pattern.startsWith('/')).map(pathPattern);
  if (patterns.length === 0) return [];
  const folders = new Set(all.flatMap(({ folders: shipped }) => [...shipped.keys()].map((path) => `/${path}`)));
  const matching = [...folders].filter((path) => patterns.some((pattern) => pattern.test(path))).toSorted(compareBytes);
  return matching.length === 0 ? [] : runOf(each, 'trigger', matching);
}

function runOf(
  { package: { name, version }, scripts }: InstalledPackage,
  kind: ScriptKind,
  args: readonly ByteString[],
): Run[] {
  const script = scripts.get(kind);
  return script === undefined
    ? []
    : [{ owner: name, path: `${SCRIPTS_FOLDER}/${name}-${version}.${kind}`, script, args }];
}

// fnmatch(3) with FNM_PATHNAME: a wildcard does not match a slash.
function pathPattern(pattern: string): RegExp {
  const source = pattern.replace(/\[!?\]?[^\]/]*\]|\*+|\?|[^\w]/g, (part) => {
    if (part.startsWith('*')) return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.length > 1) return `[${part.slice(1, -1).replace(/^!/, '^').replaceAll('\\', '\\\\')}]`;
    return `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}

function hasShell(tree: Tree): boolean {
  return tree.find(tree.resolve('bin/sh', { followLast: true }))?.kind === 'file';
}

// Names come from packages that were verified, and are still never given to a shell as they are.
function quote(text: ByteString): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
