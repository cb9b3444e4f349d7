import { type ByteString, toBytes } from '../../base/index.ts';
import { findField, formatParagraph, type Paragraph } from './paragraph.ts';
import { linesOf } from './control-tar.ts';
import type { OwnFile } from '../rootfs/own-files.ts';
import type { UnpackedPackage } from './unpack.ts';

export const DPKG_FOLDER = 'var/lib/dpkg';

/** The folders that dpkg's database has besides files. */
export const DPKG_FOLDERS: readonly ByteString[] = ['alternatives', 'info', 'parts', 'triggers', 'updates'].map(
  (name) => `${DPKG_FOLDER}/${name}`,
);

/**
 * dpkg's database for packages that are unpacked and not yet configured, as `dpkg --unpack` leaves it: status, the
 * info folder, triggers.
 */
export function dpkgDatabase(packages: readonly UnpackedPackage[], architecture: string): OwnFile[] {
  const sorted = packages.toSorted((a, b) => (a.databaseName < b.databaseName ? -1 : 1));
  return [
    file('status', sorted.map((each) => formatParagraph(statusOf(each))).join('\n')),
    file('available', ''),
    file('diversions', ''),
    file('statoverride', ''),
    file('arch', `${architecture}\n`),
    file('info/format', '1\n'),
    ...sorted.flatMap(infoFiles),
    ...triggerFiles(sorted),
  ];
}

function file(name: ByteString, content: ByteString): OwnFile {
  return { path: `${DPKG_FOLDER}/${name}`, content: toBytes(content) };
}

/** The fields of a package with `Status` where dpkg has it, and the configuration files that are still to be put in place. */
function* statusOf(unpacked: UnpackedPackage): Generator<readonly [string, string]> {
  const { control, conffiles } = unpacked;
  const first = ['Package', 'Essential', 'Protected'];
  for (const name of first) {
    const value = findField(control, name);
    if (value !== undefined) yield [name, value];
  }
  yield ['Status', 'install ok unpacked'];
  for (const [name, value] of control) {
    if (first.includes(name) || name === 'Status' || name === 'Conffiles' || name === 'Description') continue;
    yield [name, value];
  }
  if (conffiles.length > 0) yield ['Conffiles', conffiles.map((path) => `\n ${path} newconffile`).join('')];
  const description = findField(control, 'Description');
  if (description !== undefined) yield ['Description', description];
}

function infoFiles(unpacked: UnpackedPackage): OwnFile[] {
  const path = (name: ByteString): ByteString => `${DPKG_FOLDER}/info/${unpacked.databaseName}.${name}`;
  return [
    { path: path('list'), content: toBytes(unpacked.paths.map((each) => `${each}\n`).join('')) },
    ...[...unpacked.files].map(([name, { mode, bytes, mtimeNs }]) => ({
      path: path(name),
      content: bytes,
      mode,
      mtimeNs,
    })),
  ];
}

/** Who waits for which trigger (deb-triggers(5)): paths in one file, other names in a file each. */
function triggerFiles(packages: readonly UnpackedPackage[]): OwnFile[] {
  const byPath: string[] = [];
  const byName = new Map<string, string[]>();
  for (const each of packages) {
    for (const line of linesOf(each.files.get('triggers'))) {
      const [, directive, trigger] = /^(interest(?:-await|-noawait)?)\s+(\S+)$/.exec(line) ?? [];
      if (directive === undefined || trigger === undefined) continue;
      const waiter = `${each.databaseName}${directive === 'interest-noawait' ? '/noawait' : ''}`;
      if (trigger.startsWith('/')) byPath.push(`${trigger} ${waiter}\n`);
      else byName.set(trigger, [...(byName.get(trigger) ?? []), `${waiter}\n`]);
    }
  }
  return [
    file('triggers/File', byPath.join('')),
    file('triggers/Unincorp', ''),
    ...[...byName].map(([name, waiters]) => file(`triggers/${name}`, waiters.join(''))),
  ];
}

/** The states that dpkg's status file tells of: `bash` → `install ok installed`. */
export function readStates(status: readonly Paragraph[]): Map<string, string> {
  return new Map(status.map((each) => [findField(each, 'Package') ?? '', findField(each, 'Status') ?? '']));
}
