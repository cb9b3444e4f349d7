import { ShaleError, toText } from '../../base/index.ts';
import { contentBytes } from '../rootfs/layer-of-tree.ts';
import type { Tree } from '../rootfs/tree.ts';
import { DPKG_FOLDER, readStates } from './dpkg-database.ts';
import { findField, parseParagraphs } from './paragraph.ts';
import type { UnpackedPackage } from './unpack.ts';

/** Where the script lies while it runs: as an argument it could be longer than the kernel takes. */
export const CONFIGURE_SCRIPT: string = `${DPKG_FOLDER}/shale-configure`;

export interface ConfigureOptions {
  /** Every package, each after what it depends on. */
  readonly packages: readonly UnpackedPackage[];
  readonly essential: ReadonlySet<string>;
  /** Where the image lies for the programs that configure it: empty when they are its own, else an absolute path. */
  readonly root?: string;
}

/** What the scripts of packages see. Fixed, so that the machine has no say in what they write. */
export function configureEnvironment(epochSeconds: number): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive',
    DEBCONF_NONINTERACTIVE_SEEN: 'true',
    SOURCE_DATE_EPOCH: String(epochSeconds),
    // Hashes of perl programs come out in the same order every time.
    PERL_HASH_SEED: '0',
    PERL_PERTURB_KEYS: '0',
    // As dpkg sets it for its scripts.
    PERL_DL_NONLAZY: '1',
  };
}

/**
 * The shell script that turns unpacked packages into configured ones: first what dpkg would have run before unpacking
 * (base-passwd makes /etc/passwd there, so it is first), then the essential packages, which others take for granted
 * without naming them, then the rest.
 */
export function configureScript(options: ConfigureOptions): string {
  const running = options.packages
    .map((each) => each.control)
    .find((control) => findField(control, 'Package') === 'dpkg');
  const { root = '' } = options;
  const dpkg = root === '' ? 'dpkg' : `dpkg --root=${root} --force-script-chrootless`;
  const lines = [
    'set -e',
    `export DPKG_ADMINDIR=${root}/${DPKG_FOLDER} DPKG_ROOT=${root} DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1`,
  ];
  lines.push(`export DPKG_RUNNING_VERSION=${quote(findField(running ?? new Map(), 'Version') ?? '')}`);
  const first = ['base-passwd', 'base-files'];
  const rank = (each: UnpackedPackage): number => (first.indexOf(nameOf(each)) + first.length + 1) % (first.length + 1);
  for (const each of options.packages.toSorted((a, b) => rank(a) - rank(b))) {
    if (!each.files.has('preinst')) continue;
    lines.push(
      `DPKG_MAINTSCRIPT_PACKAGE=${quote(nameOf(each))} DPKG_MAINTSCRIPT_ARCH=${quote(findField(each.control, 'Architecture') ?? '')} ` +
        // By this debconf knows whose questions they are; dpkg itself runs the script from a folder with the control file.
        `DEBCONF_PACKAGE=${quote(nameOf(each))} DPKG_MAINTSCRIPT_NAME=preinst ${quote(`${root}/${DPKG_FOLDER}/info/${each.databaseName}.preinst`)} install`,
    );
  }
  lines.push('unset DPKG_ADMINDIR DPKG_ROOT DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT DPKG_RUNNING_VERSION');
  const essential = options.packages.filter((each) => options.essential.has(nameOf(each)));
  lines.push(`${dpkg} --force-depends --configure ${essential.map((each) => quote(each.databaseName)).join(' ')}`);
  lines.push(`${dpkg} --configure -a`);
  return `${lines.join('\n')}\n`;
}

function nameOf(unpacked: UnpackedPackage): string {
  return findField(unpacked.control, 'Package') ?? '';
}

// Names come from packages that were verified, and are still never given to a shell as they are.
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** @throws CONFIGURE_FAILED when dpkg's database does not say of every package that it is installed. */
export function checkConfigured(tree: Tree, packages: readonly UnpackedPackage[]): void {
  const status = tree.find(`${DPKG_FOLDER}/status`)?.content;
  const states = readStates(status === undefined ? [] : parseParagraphs(contentBytes(status).toString('latin1')));
  const failed = packages.map(nameOf).filter((name) => states.get(name) !== 'install ok installed');
  if (failed.length === 0) return;
  const told = failed.map((name) => `${name} (${states.get(name) ?? 'unknown'})`).join(', ');
  throw new ShaleError('CONFIGURE_FAILED', `packages that were not configured: ${toText(told)}`, {
    data: { packages: failed },
  });
}
