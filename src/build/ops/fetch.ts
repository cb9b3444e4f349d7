import { ShaleError } from '../../base/index.ts';
import { hexOf } from '../../oci/index.ts';
import type { GitOp, HttpOp } from '../../graph/index.ts';
import { parseGitReference, type GitReference } from '../sources/git-url.ts';
import { isShownWhole, shownUrl } from '../sources/url-text.ts';
import type { GitTree } from '../sources/git-source.ts';
import type { FetchedResult } from '../result.ts';
import type { Operation } from './operation.ts';

/** What is outside may have changed: it is asked for in every build, and sent only when it has. */
const lookedAtAlways = { fastInputs: async () => undefined, contentInputs: async () => undefined };

/** The name that a URL without one gives. */
const UNNAMED = '__unnamed__';

/** ADD of a URL. What was fetched is known by its digest, which is what the steps that use it are keyed by. */
export const httpOperation: Operation<HttpOp> = {
  ...lookedAtAlways,
  async execute({ op }, session, context): Promise<FetchedResult> {
    const file = await session.sources.url(op.url, op.checksum, {
      signal: context.signal,
      progress: (current, total) => context.progress('fetching', current, total),
    });
    const name = op.fileName === UNNAMED ? (file.fileName ?? UNNAMED) : op.fileName;
    const about = {
      url: shownUrl(op.url),
      ...(isShownWhole(op.url) ? {} : { redacted: true }),
      digest: file.digest,
      sizeBytes: file.sizeBytes,
    };
    const sha256 = Buffer.from(hexOf(file.digest), 'hex');
    return {
      kind: 'fetched',
      tree: { kind: 'file', name, file: { path: file.path, sizeBytes: file.sizeBytes, sha256 } },
      mtimeNs: undefined,
      about,
    };
  },
};

/** ADD of a git repository. */
export const gitOperation: Operation<GitOp> = {
  ...lookedAtAlways,
  async execute({ op }, session, { signal }): Promise<FetchedResult> {
    const reference = withFlags(parseGitReference(op.url), op);
    return gitResult(reference, await session.sources.git(reference, { signal }));
  },
};

/** A tree of a repository as the result of a step. */
export function gitResult(reference: GitReference, { commit, commitTime, layer }: GitTree): FetchedResult {
  return {
    kind: 'fetched',
    tree: { kind: 'layer', layer },
    mtimeNs: reference.mtime === 'commit' ? BigInt(commitTime) * 1_000_000_000n : undefined,
    about: { repository: reference.shown, ref: reference.ref, commit, subdir: reference.subdir, layer },
  };
}

/** The flags of ADD and the address may both say it, but not two things. @throws GIT_ADDRESS */
function withFlags(reference: GitReference, { keepGitDir, checksum }: GitOp): GitReference {
  if (keepGitDir !== undefined && reference.keepGitDir !== undefined && keepGitDir !== reference.keepGitDir)
    throw new ShaleError('GIT_ADDRESS', `${reference.shown} and --keep-git-dir say different things of .git`);
  if (checksum !== undefined && reference.checksum !== undefined && checksum !== reference.checksum)
    throw new ShaleError('GIT_ADDRESS', `${reference.shown} and --checksum name different commits`);
  return {
    ...reference,
    keepGitDir: reference.keepGitDir ?? keepGitDir,
    checksum: reference.checksum ?? checksum,
  };
}
