import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Where a working tree stands, as its repository says it. Changes that were not committed are not looked for. */
export interface Revision {
  /** 40 hex digits, 64 in a repository of sha256. */
  readonly commit: string;
  /** `main`; absent where no branch is checked out. */
  readonly branch?: string;
}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const BRANCH = /^ref: (refs\/heads\/[^\0\s]{1,200})$/;
/** Folders above a context in which a repository is looked for. */
const DEPTH_MAX = 40;

/**
 * The commit that is checked out in the repository which a folder lies in; undefined where there is none, or nothing is
 * committed yet. Reads the files that gitrepository-layout(5) names, without starting git: it is asked in every build.
 */
export function readRevision(directory: string): Revision | undefined {
  const gitDirectory = findGitDirectory(directory);
  const head = gitDirectory === undefined ? undefined : readLine(join(gitDirectory, 'HEAD'));
  if (gitDirectory === undefined || head === undefined) return undefined;
  if (COMMIT.test(head)) return { commit: head };
  const [, ref] = BRANCH.exec(head) ?? [];
  if (ref === undefined) return undefined;
  // A linked working tree has a HEAD of its own; branches are in the repository that it is linked to.
  const common = resolve(gitDirectory, readLine(join(gitDirectory, 'commondir')) ?? '.');
  const commit = readLine(join(common, ref)) ?? packedRef(common, ref);
  if (commit === undefined || !COMMIT.test(commit)) return undefined;
  return { commit, branch: ref.slice('refs/heads/'.length) };
}

function findGitDirectory(directory: string): string | undefined {
  let at = resolve(directory);
  for (let depth = 0; depth < DEPTH_MAX; depth++) {
    const git = join(at, '.git');
    const stat = statSync(git, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) return git;
    const [, linked] = stat?.isFile() === true ? (/^gitdir: (.+)$/.exec(readLine(git) ?? '') ?? []) : [];
    if (linked !== undefined) return resolve(at, linked);
    if (dirname(at) === at) return undefined;
    at = dirname(at);
  }
  return undefined;
}

function packedRef(common: string, ref: string): string | undefined {
  const line = readText(join(common, 'packed-refs'))
    ?.split('\n')
    .find((text) => text.endsWith(` ${ref}`));
  return line?.split(' ')[0];
}

function readLine(path: string): string | undefined {
  return readText(path)?.trim();
}

/** What cannot be read is not there: a build does not fail of the repository around it. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
