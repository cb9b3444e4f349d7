import { closeSync, constants, lstatSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { framedHash, isJsonObject, isSystemError, ShaleError } from '../../base/index.ts';
import { compileIgnore } from '../../dockerfile/index.ts';
import type { Layers } from '../../layers/index.ts';
import { isDigest, parseDiffId, type DiffId } from '../../oci/index.ts';
import { openContextTree } from '../context/context-tree.ts';
import { Destination } from '../copy/destination.ts';
import { planCopy } from '../copy/plan.ts';
import type { CopyPlan } from '../copy/planned.ts';
import { serveAgent, type SshAgent } from '../ssh/agent.ts';
import { runGit, type GitAnswer, type GitOptions, type SshAccess } from './git-program.ts';
import { checkCommitPrefix, isCommit, type GitReference } from './git-url.ts';
import type { ReadSecret } from './http-source.ts';

/** A tree of a repository, in the store as a layer: modes are 644 and 755, owner root, times 0. */
export interface GitTree {
  /** In full. */
  readonly commit: string;
  /** Seconds since 1970. */
  readonly commitTime: number;
  readonly layer: DiffId;
}

export interface GitSourceOptions {
  readonly layers: Layers;
  readonly signal: AbortSignal;
  readonly secret: ReadSecret;
  readonly ssh: GitSsh;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Makes a private folder that is gone when it is disposed. */
  readonly makeFolder: () => Promise<AsyncDisposable & { readonly path: string }>;
  /** Writes a layer from what is planned. */
  readonly writeLayer: (plan: CopyPlan) => Promise<DiffId>;
}

/** What ssh may use to say who we are: nothing, an agent of the build, or what the user's own ssh would. */
export type GitSsh = Exclude<SshAccess, { kind: 'agent' }> | { readonly kind: 'agent'; readonly agent: SshAgent };

/** The kind and version of what is remembered of a commit. */
const DOMAIN = 'shale git tree 1';

/**
 * A tree of a repository. The remote is asked where a branch or tag stands, unless the address names the commit; what is
 * in a commit is fetched once.
 * @throws GIT_MISSING, GIT_FAILED, GIT_REF_UNKNOWN, GIT_CHECKSUM, GIT_SUBDIR, GIT_ADDRESS
 */
export async function fetchGitTree(reference: GitReference, options: GitSourceOptions): Promise<GitTree> {
  const { layers } = options;
  const settings = await authorization(reference, options.secret);
  await using ssh = await openSsh(options);
  await using work = lazyFolder(options.makeFolder);
  const open = async (): Promise<GitOptions> => ({
    ...options,
    settings,
    ssh: ssh.access,
    folder: await work.path(),
  });
  const found = await resolve(reference, open);
  const keepGitDir = reference.keepGitDir === true && reference.subdir === '';
  const key = framedHash(DOMAIN, {
    remote: reference.shown,
    commit: found.commit,
    subdir: reference.subdir,
    submodules: reference.submodules,
    gitDir: keepGitDir ? (found.refName ?? '') : null,
  });
  const { cacheRecords } = layers.store;
  const record = await cacheRecords.find(key);
  const known = record?.trusted === true && isJsonObject(record.result) ? record.result : {};
  const { layer, commitTime } = known;
  if (isDigest(layer) && typeof commitTime === 'number' && (await layers.isAvailable(parseDiffId(layer))))
    return { commit: found.commit, commitTime, layer: parseDiffId(layer) };
  const made = await checkOut(reference, { found, keepGitDir, git: await open(), options });
  await cacheRecords.put(
    { keys: [key], slot: `git ${key}`, result: { ...made }, diffIds: [made.layer], trusted: true },
    { replace: true },
  );
  return { commit: found.commit, ...made };
}

/** An agent of the build listens at a socket of its own for as long as git may ask it. */
async function openSsh({
  ssh,
  makeFolder,
}: GitSourceOptions): Promise<AsyncDisposable & { readonly access: SshAccess }> {
  if (ssh.kind !== 'agent') return { access: ssh, [Symbol.asyncDispose]: async () => {} };
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await makeFolder());
  const fd = openSync(folder.path, constants.O_RDONLY | constants.O_DIRECTORY);
  stack.defer(() => closeSync(fd));
  const owner = { mode: 0o600, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  stack.use(await serveAgent(ssh.agent, { path: join(folder.path, 'agent'), ...owner }));
  const held = stack.move();
  // A socket's path may have 107 bytes, and a store may lie deep.
  const access = { kind: 'agent', socket: `/proc/${process.pid}/fd/${fd}/agent` } as const;
  return { access, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** A folder that is made when it is first asked for. */
function lazyFolder(make: GitSourceOptions['makeFolder']): AsyncDisposable & { readonly path: () => Promise<string> } {
  let made: ReturnType<typeof make> | undefined;
  return {
    path: async () => (await (made ??= make())).path,
    async [Symbol.asyncDispose]() {
      await (await made)?.[Symbol.asyncDispose]();
    },
  };
}

/** Where a reference stands. */
interface Found {
  readonly commit: string;
  /** What is fetched first: a whole name of a ref, or the commit. */
  readonly want: string;
  /** The whole name of the ref, where the remote has one. */
  readonly refName: string | undefined;
}

async function resolve(reference: GitReference, open: () => Promise<GitOptions>): Promise<Found> {
  const { ref, checksum, shown } = reference;
  if (checksum !== undefined) checkCommitPrefix(checksum, shown);
  if (isCommit(ref)) {
    if (checksum !== undefined && !ref.startsWith(checksum)) throw otherCommit(reference, ref);
    return { commit: ref, want: ref, refName: undefined };
  }
  if (reference.fetchByCommit) {
    if (checksum === undefined || !isCommit(checksum))
      throw new ShaleError('GIT_ADDRESS', `${shown}: fetch-by-commit needs the hash of a commit in full`);
    return { commit: checksum, want: checksum, refName: undefined };
  }
  const git = await open();
  const patterns = ref === '' ? ['HEAD'] : [ref, `${ref}^{}`];
  const answer = await gitOrThrow(reference, ['ls-remote', '--symref', '--', reference.remote, ...patterns], git);
  return choose(reference, answer.stdout);
}

/** As BuildKit: the ref of that whole name, a branch, a tag. Of an annotated tag the commit counts. */
function choose(reference: GitReference, listed: string): Found {
  const { ref, checksum } = reference;
  const refs = new Map<string, string>();
  let defaultBranch: string | undefined;
  for (const line of listed.split('\n')) {
    const [left = '', name = ''] = line.split('\t');
    if (left.startsWith('ref: ')) defaultBranch = left.slice('ref: '.length);
    else refs.set(name, left);
  }
  const bare = ref.replace(/^refs\//, '');
  const names = ref === '' ? ['HEAD'] : [`refs/${bare}`, `refs/heads/${ref}`, `refs/tags/${ref}`];
  const name = names.find((one) => refs.has(one));
  const sha = name === undefined ? undefined : refs.get(name);
  if (name === undefined || sha === undefined || !isCommit(sha))
    throw new ShaleError('GIT_REF_UNKNOWN', `${reference.shown} has no ${ref === '' ? 'default branch' : ref}`, {
      data: { repository: reference.shown, ref },
    });
  const commit = refs.get(`${name}^{}`) ?? sha;
  if (checksum !== undefined && !commit.startsWith(checksum) && !sha.startsWith(checksum))
    throw otherCommit(reference, commit);
  const refName = name === 'HEAD' ? defaultBranch : name;
  return { commit, want: refName ?? commit, refName };
}

interface CheckOut {
  readonly found: Found;
  readonly keepGitDir: boolean;
  readonly git: GitOptions;
  readonly options: GitSourceOptions;
}

async function checkOut(
  reference: GitReference,
  { found, keepGitDir, git, options }: CheckOut,
): Promise<Omit<GitTree, 'commit'>> {
  const run = (...args: string[]): Promise<GitAnswer> => gitOrThrow(reference, args, git);
  const format = found.commit.length === 64 ? ['--object-format=sha256'] : [];
  await run('init', '--quiet', ...format, '.');
  await run('remote', 'add', 'origin', reference.remote);
  await fetchCommit(reference, found, git);
  await run('checkout', '--quiet', '--detach', found.commit);
  if (reference.submodules)
    await run('submodule', 'update', '--quiet', '--init', '--recursive', '--depth=1', '--checkout');
  const commitTime = Number((await run('show', '--no-patch', '--format=%ct', found.commit)).stdout.trim());
  if (keepGitDir) await tidyGitDir(reference, git);
  const directory = realFolder(reference, git.folder);
  return { commitTime, layer: await options.writeLayer(planTree(directory, keepGitDir)) };
}

/**
 * One commit and nothing before it. The ref may have moved since it was resolved, and servers may not give commits by their
 * hash: then everything is fetched.
 */
async function fetchCommit(reference: GitReference, found: Found, git: GitOptions): Promise<void> {
  const { commit, want, refName } = found;
  const target = refName === undefined ? want : `+${want}:${refName}`;
  const depth = ['fetch', '--quiet', '--depth=1', '--no-tags', '--update-head-ok'];
  const tries = [
    [...depth, 'origin', target],
    [...depth, 'origin', commit],
    ['fetch', '--quiet', '--tags', '--update-head-ok', 'origin', '+refs/heads/*:refs/remotes/origin/*'],
  ];
  let failure: GitAnswer | undefined;
  for (const args of tries) {
    const answer = await runGit(args, git);
    const has = answer.ok && (await runGit(['cat-file', '-e', `${commit}^{commit}`], git)).ok;
    if (has) return;
    failure ??= answer.ok ? undefined : answer;
    // A repository that cannot be reached is not asked three times.
    if (!answer.ok && !/shallow|depth|not our ref|unadvertised|couldn't find remote ref/i.test(answer.stderr)) break;
  }
  if (failure !== undefined) throw failed(reference, 'fetch', failure);
  throw new ShaleError('GIT_REF_UNKNOWN', `${reference.shown} has no commit ${commit}`, {
    data: { repository: reference.shown, commit },
  });
}

/** Leaves nothing in .git that the moment or the credentials made. */
async function tidyGitDir(reference: GitReference, git: GitOptions): Promise<void> {
  await gitOrThrow(reference, ['remote', 'set-url', 'origin', reference.shown], git);
  await gitOrThrow(reference, ['reflog', 'expire', '--all', '--expire=now'], git);
  for (const name of ['FETCH_HEAD', 'ORIG_HEAD', 'index', 'logs'])
    await rm(join(git.folder, '.git', name), { recursive: true, force: true });
  // A new index has no times and inodes of this machine.
  await gitOrThrow(reference, ['read-tree', 'HEAD'], git);
}

/** The folder that is asked for, reached through folders alone. @throws GIT_SUBDIR */
function realFolder({ subdir, shown }: GitReference, root: string): string {
  let path = root;
  for (const part of subdir === '' ? [] : subdir.split('/')) {
    path = join(path, part);
    if (!isFolder(path))
      throw new ShaleError('GIT_SUBDIR', `${subdir} is no folder of ${shown}`, { data: { repository: shown, subdir } });
  }
  return path;
}

function isFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return false;
    throw error;
  }
}

const NOTHING_KNOWN = { count: 0, find: () => undefined };

/** Every file of a checkout as an entry of a layer. */
function planTree(directory: string, keepGitDir: boolean): CopyPlan {
  const ignore = compileIgnore(keepGitDir ? [] : ['.git', '**/.git']);
  const { root: node } = openContextTree({ directory, ignore, known: NOTHING_KNOWN, modes: 'git' });
  const destination = new Destination(undefined);
  planCopy(destination, {
    selected: { path: '', name: '', node },
    destination: '/',
    attributes: { owner: { uid: 0, gid: 0 }, changeMode: undefined, parentMode: 0o755, epochNs: 0n, time: () => 0n },
    excludes: undefined,
    linkScope: {},
  });
  return destination.plan((mtimeNs) => mtimeNs);
}

/** Secrets as BuildKit names them: for the host first, a whole header before a token. */
async function authorization(reference: GitReference, secret: ReadSecret): Promise<ReadonlyMap<string, string>> {
  const { webHost: host, remote, shown } = reference;
  if (host === undefined) return new Map();
  const names = [`GIT_AUTH_HEADER.${host}`, `GIT_AUTH_TOKEN.${host}`, 'GIT_AUTH_HEADER', 'GIT_AUTH_TOKEN'];
  for (const name of names) {
    const bytes = await secret(name);
    if (bytes === undefined) continue;
    const given = Buffer.from(bytes)
      .toString()
      .replace(/[\r\n]+$/, '');
    if (/[^\x20-\x7e\t]/.test(given))
      throw new ShaleError('SECRET_INVALID', `the secret ${name} cannot be sent in a header: it is no line of text`);
    const isToken = name.startsWith('GIT_AUTH_TOKEN');
    const value = isToken ? `basic ${Buffer.from(`x-access-token:${given}`).toString('base64')}` : given;
    // One token serves all repositories of GitHub, submodules among them.
    const scope = /^https:\/\/(?:www\.)?github\.com\//.exec(remote)?.[0] ?? shown;
    return new Map([[`http.${scope}.extraheader`, `Authorization: ${value}`]]);
  }
  return new Map();
}

async function gitOrThrow(reference: GitReference, args: readonly string[], git: GitOptions): Promise<GitAnswer> {
  const answer = await runGit(args, git);
  if (answer.ok) return answer;
  throw failed(reference, args[0] ?? '', answer);
}

function failed(reference: GitReference, what: string, { stderr }: GitAnswer): ShaleError {
  const said = stderr
    .replaceAll(/\/\/[^/@\s']*@/g, '//')
    .trim()
    .split('\n')
    .slice(-4)
    .join('; ');
  const isDenied =
    /authentication failed|could not read Username|Permission denied|terminal prompts disabled|HTTP 40[13]|error: 40[13]/i.test(
      stderr,
    );
  const hint = isDenied
    ? reference.isSsh
      ? 'forward a key with --ssh default'
      : 'give a token with --secret id=GIT_AUTH_TOKEN'
    : undefined;
  return new ShaleError(
    'GIT_FAILED',
    `git ${what} failed for ${reference.shown}: ${said === '' ? 'it said nothing' : said}`,
    {
      data: { repository: reference.shown },
      ...(hint !== undefined && { hint }),
    },
  );
}

function otherCommit({ shown, checksum = '' }: GitReference, got: string): ShaleError {
  return new ShaleError('GIT_CHECKSUM', `${shown} stands at the commit ${got}, expected ${checksum}`, {
    data: { repository: shown, expected: checksum, got },
  });
}
