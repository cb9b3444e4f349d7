import type { Field } from '../shell/script.ts';
import type { LintFile } from './file.ts';
import { usesOf, type Use } from './look.ts';

/** A package manager's command line: which programs it has, and which of its options take a value. */
export interface PackageManager {
  readonly programs: readonly string[];
  readonly valued: ReadonlySet<string>;
}

function manager(programs: string, valued: string): PackageManager {
  return { programs: programs.split(' '), valued: new Set(valued.split(' ')) };
}

export const APT: PackageManager = manager(
  'apt-get apt aptitude',
  '-t --target-release --default-release -o --option -c --config-file -a --host-architecture',
);
export const APK: PackageManager = manager(
  'apk',
  '-t --virtual -X --repository -p --root --keys-dir --repositories-file --arch --cache-dir --wait --timeout --cache-max-age',
);
export const YUM: PackageManager = manager('yum', '-c --config --installroot --enablerepo --disablerepo -x --exclude');
export const DNF: PackageManager = manager(
  'dnf microdnf dnf5',
  '-c --config --installroot --enablerepo --disablerepo -x --exclude --repo --setopt --releasever --forcearch',
);
export const ZYPPER: PackageManager = manager(
  'zypper',
  '-R --root -C --cache-dir -D --reposd-dir -r --repo --from -t --type',
);
export const PIP: PackageManager = manager(
  'pip pip2 pip3',
  '-r --requirement -c --constraint -e --editable -t --target -i --index-url --extra-index-url -f --find-links --prefix --root --trusted-host --proxy --cache-dir --platform --python-version --timeout --retries --src --log --no-binary --only-binary',
);
export const NPM: PackageManager = manager(
  'npm',
  '--registry --prefix --cache --loglevel --userconfig --tag --workspace -w -C',
);
export const YARN: PackageManager = manager(
  'yarn yarnpkg',
  '--cwd --cache-folder --registry --network-timeout --modules-folder',
);
export const GEM: PackageManager = manager(
  'gem',
  '-v --version -i --install-dir -n --bindir -s --source -P --platform',
);
export const GO: PackageManager = manager('go', '-ldflags -tags -mod -modfile -gcflags -p -o -C');

/** One call of a package manager: `PROGRAM … VERB … PACKAGES`. */
export interface PackageCall extends Use {
  /** What it is told to do: `install`. */
  readonly verb: Field;
  readonly options: readonly Field[];
  /** The value of each option that has one in a word of its own. */
  readonly values: ReadonlyMap<string, Field>;
  /** What stands behind the verb and is no option. */
  readonly operands: readonly Field[];
}

/** Every call of a package manager with one of these verbs. */
export function* packageCalls(
  file: LintFile,
  { programs, valued }: PackageManager,
  ...verbs: readonly string[]
): Iterable<PackageCall> {
  for (const use of usesOf(file, ...programs)) {
    const call = readCall(use, use.invocation.args, valued);
    if (call !== undefined && verbs.includes(call.verb.text)) yield call;
  }
  if (!programs.includes('pip')) return;
  for (const use of usesOf(file, 'python', 'python2', 'python3')) {
    const { args } = use.invocation;
    const at = args.findIndex(({ text }, index) => text === 'pip' && args[index - 1]?.text === '-m');
    const call = at === -1 ? undefined : readCall(use, args.slice(at + 1), valued);
    if (call !== undefined && verbs.includes(call.verb.text)) yield call;
  }
}

function readCall(use: Use, args: readonly Field[], valued: ReadonlySet<string>): PackageCall | undefined {
  const options: Field[] = [];
  const words: Field[] = [];
  const values = new Map<string, Field>();
  for (let at = 0; at < args.length; at++) {
    const field = args[at];
    if (field === undefined) break;
    if (!field.text.startsWith('-') || field.text === '-') words.push(field);
    else {
      options.push(field);
      const value = args[at + 1];
      if (!valued.has(field.text) || value === undefined) continue;
      values.set(field.text, value);
      at++;
    }
  }
  const [verb, ...operands] = words;
  return verb === undefined ? undefined : { ...use, verb, options, values, operands };
}

/** Packages whose name is written out: no files, no addresses, nothing that a variable of unknown value decides. */
export function namedPackages({ operands }: PackageCall): readonly Field[] {
  return operands.filter(
    ({ text }) => /^[A-Za-z0-9@]/.test(text) && !/[/\\]\S*\.(?:deb|rpm|apk|whl|t?gz|zip)$|:\/\//.test(text),
  );
}

/** `pkg` as a word in which nothing is unknown, so that a version can be put behind it. */
export function canPin(field: Field): boolean {
  return field.isKnown && field.end - field.start === field.text.length;
}

/** What yum and dnf ask about before they do it. */
export const RPM_ASKING: readonly string[] =
  'install groupinstall localinstall reinstall update upgrade remove erase swap'.split(' ');
