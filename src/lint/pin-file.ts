import { spawnSync } from 'node:child_process';
import {
  applyFixes,
  lintDockerfile,
  parseDockerfile,
  type LintFinding,
  type LintOptions,
  type Pin,
} from '../dockerfile/index.ts';
import type { PinAnswer, PinQuery } from '../engine/index.ts';
import { alpineBranchOf, debianSuiteOf } from './distributions.ts';

export interface PinnedFile {
  readonly text: string;
  readonly pinned: readonly { readonly finding: LintFinding; readonly version: string }[];
  /** What could not be looked up, and why. */
  readonly left: readonly { readonly finding: LintFinding; readonly problem: string }[];
}

/** Answers queries in their order, as `Engine.pinVersions`. */
export type LookUp = (queries: readonly PinQuery[]) => Promise<readonly PinAnswer[]>;

export interface PinOptions {
  readonly lookUp: LookUp;
  /** What the lock file says; it is asked first. */
  readonly locked?: (pin: Pin) => string | undefined;
  readonly name?: string;
}

const PROGRAM_TIME_MAX_MS = 60_000;

/**
 * Writes a version at everything that has none: that of the lock file, else the newest: of packages from the signed indexes of the base's
 * distribution, of images the digest from the registry, of npm and pip what these programs say on this machine.
 */
export async function pinFile(
  text: string,
  options: LintOptions,
  { lookUp, locked = () => undefined, name = 'Dockerfile' }: PinOptions,
): Promise<PinnedFile> {
  const { findings } = await lintDockerfile(parseDockerfile(text, name), options);
  const wanted = findings.flatMap((finding) => (finding.pin === undefined ? [] : [{ finding, pin: finding.pin }]));
  const queries = wanted.map(({ pin }) => {
    const version = locked(pin);
    return version === undefined ? queryOf(pin) : { version };
  });
  const asked = queries.flatMap((query) => ('kind' in query ? [query] : []));
  const answers = (asked.length === 0 ? [] : await lookUp(asked)).values();
  const pinned: { finding: LintFinding; version: string; edits: readonly ReturnType<Pin['edit']>[] }[] = [];
  const left: { finding: LintFinding; problem: string }[] = [];
  for (const [index, { finding, pin }] of wanted.entries()) {
    const query = queries[index];
    const answer = query !== undefined && 'kind' in query ? (answers.next().value ?? NO_ANSWER) : (query ?? NO_ANSWER);
    if ('version' in answer) pinned.push({ finding, version: answer.version, edits: [pin.edit(answer.version)] });
    else left.push({ finding, problem: answer.problem });
  }
  return { text: applyFixes(text, pinned).text, pinned, left };
}

const NO_ANSWER: PinAnswer = { problem: 'nobody answered' };

/** What is asked, or the answer where it is known here. */
function queryOf({ kind, name, base }: Pin): PinQuery | PinAnswer {
  switch (kind) {
    case 'image':
      return { kind, name };
    case 'apt': {
      const suite = debianSuiteOf(base);
      return suite === undefined ? unknownBase(base, 'suite of Debian') : { kind, name, suite };
    }
    case 'apk': {
      const branch = alpineBranchOf(base);
      return branch === undefined ? unknownBase(base, 'branch of Alpine') : { kind, name, branch };
    }
    case 'npm':
      return ask('npm', ['view', `${name}@latest`, 'version'], /^(\d+\.\S+)$/m);
    case 'pip':
      return ask('pip', ['index', 'versions', '--disable-pip-version-check', name], /\(([^)\s]+)\)/);
    case 'gem':
      return { problem: 'versions of gems are not looked up' };
  }
}

function unknownBase(base: string, what: string): PinAnswer {
  return { problem: `the name of the base ${base === '' ? 'image' : base} says no ${what}` };
}

/** Asks a package manager of this machine, which knows its registry and its logins. */
function ask(program: string, args: readonly string[], pattern: RegExp): PinAnswer {
  const { status, stdout, error } = spawnSync(program, [...args], { timeout: PROGRAM_TIME_MAX_MS, encoding: 'utf8' });
  if (error !== undefined)
    return { problem: `the program ${program}, which knows the versions, cannot be started here` };
  const version = pattern.exec(stdout)?.[1];
  if (status !== 0 || version === undefined) return { problem: `${program} ${args.join(' ')} gave no version` };
  return { version };
}
