import type { Field } from '../../../shell/script.ts';
import type { Span } from '../../../syntax/source.ts';
import type { LintFile, Step } from '../../file.ts';
import { exampleRecord, megabytes, type MeasuredStep } from '../../measured.ts';
import { APK, APT, namedPackages, packageCalls, type PackageCall } from '../../packages.ts';
import type { LintFound, LintRule } from '../../rule.ts';

/** Packages that one message names. */
const SHOWN_MAX = 10;

type UnusedPackage = NonNullable<MeasuredStep['unusedPackages']>[number];

export const unusedPackage: LintRule = {
  id: 'unused-package',
  aliases: [],
  topic: 'measured',
  severity: 'info',
  title: 'an image has no packages that nothing in it uses',
  why: 'A package that no program opens makes the image larger and has to be kept up to date all the same; a compiler or a shell tool serves whoever breaks in. The rule needs a trace: `shale run --trace-files FILE` takes down which files of the image a container opens, and `shale lint --trace FILE` tells which packages that a RUN installed with apt or apk had none among them. Packages of the base are left out, those without files, and those that a used package depends on, since they could not be removed. A trace knows what it has seen: run what the image is for, its tests or a day of its work, and give the traces of several runs with several `--trace`.',
  bad: 'FROM debian:12\nCOPY server /server\nRUN apt-get update && apt-get install -y gcc',
  good: 'FROM debian:12\nCOPY server /server',
  fix: 'none',
  record: exampleRecord({
    line: 3,
    unusedPackages: [
      { name: 'gcc', bytes: 60_000_000 },
      { name: 'binutils', bytes: 20_000_000 },
    ],
  }),
  *check(file) {
    for (const { line, unusedPackages = [] } of file.measured?.steps ?? []) {
      const step = file.steps.find(({ node, instruction }) => node.firstLine === line && instruction?.kind === 'run');
      if (step !== undefined && unusedPackages.length > 0) yield* foundIn(file, step, unusedPackages);
    }
  },
};

/** Those that the instruction names at their word each; what came along with others all together. */
function* foundIn(file: LintFile, step: Step, unused: readonly UnusedPackage[]): Iterable<LintFound> {
  const words = namedIn(file, step);
  const along: UnusedPackage[] = [];
  for (const each of unused) {
    const word = words.get(each.name);
    if (word === undefined) along.push(each);
    else yield { message: `no file of ${shown(each)} was opened in the trace`, span: word };
  }
  if (along.length === 0) return;
  const [first] = words.values();
  const span = (first && callOf(file, step, first)) ?? step.node;
  yield { message: `no file of ${listed(along)}, which came along, was opened in the trace`, span };
}

/** The packages that calls of the step name, without versions and whatever else stands behind a name. */
function namedIn(file: LintFile, step: Step): ReadonlyMap<string, Field> {
  const words = new Map<string, Field>();
  for (const call of installs(file, step)) {
    for (const field of namedPackages(call)) {
      const name = field.text.replace(/[=<>~@:/].*$/s, '');
      if (!words.has(name)) words.set(name, field);
    }
  }
  return words;
}

function installs(file: LintFile, step: Step): PackageCall[] {
  return [...packageCalls(file, APT, 'install', 'reinstall'), ...packageCalls(file, APK, 'add')].filter(
    (call) => call.step === step,
  );
}

/** The call that names a package. */
function callOf(file: LintFile, step: Step, { start, end }: Field): Span | undefined {
  const call = installs(file, step).find(({ invocation }) => invocation.start <= start && end <= invocation.end);
  return call && { start: call.invocation.word.start, end: call.invocation.end };
}

function shown({ name, bytes }: UnusedPackage): string {
  return `${name} (${megabytes(bytes)})`;
}

function listed(packages: readonly UnusedPackage[]): string {
  const [only] = packages;
  if (only !== undefined && packages.length === 1) return shown(only);
  const names = packages.slice(0, SHOWN_MAX).map(shown).join(', ');
  const more = packages.length <= SHOWN_MAX ? '' : ` and ${packages.length - SHOWN_MAX} more`;
  const bytes = packages.reduce((sum, each) => sum + each.bytes, 0);
  return `${packages.length} packages of ${megabytes(bytes)} (${names}${more})`;
}
