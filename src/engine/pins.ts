import { isShaleError, messageOf } from '../base/index.ts';
import {
  alpineArchitecture,
  alpineVersions,
  type BaseHost,
  debianArchitecture,
  debianVersions,
} from '../bases/index.ts';
import { hostPlatform } from '../oci/index.ts';
import { openBaseHost } from './bases/base-host.ts';
import type { EngineContext } from './context.ts';
import type { PinAnswer, PinQuery, PinRequest } from './pin-types.ts';
import { remoteDocument } from './registries.ts';
import type { Watch } from './types.ts';

/**
 * Looks versions up: digests of tags in their registries, versions of packages in the signed indexes of their distributions.
 * Answers stand in the order of the queries; what cannot be reached is an answer with its reason.
 */
export async function pinVersions(
  context: EngineContext,
  { queries, debianMirror, alpineMirror, architecture = hostPlatform().architecture }: PinRequest,
  watch: Watch,
): Promise<readonly PinAnswer[]> {
  await using host = await openBaseHost(context, watch, { noCache: false });
  const configured = context.options.debianMirror;
  const lists = new Lists({
    apt: (suite) =>
      debianVersions(
        {
          suite,
          architecture: debianArchitecture(architecture) ?? architecture,
          signal: watch.signal,
          ...(debianMirror === undefined ? {} : { mirror: debianMirror }),
          ...(configured === undefined ? {} : { configuredMirror: configured }),
        },
        host,
      ),
    apk: (branch) => alpineIndex(branch, alpineMirror, architecture, watch.signal, host),
  });
  const answers: PinAnswer[] = [];
  for (const query of queries) {
    watch.signal.throwIfAborted();
    answers.push(await answer(context, query, lists, watch));
  }
  return answers;
}

function alpineIndex(
  branch: string,
  mirror: string,
  architecture: string,
  signal: AbortSignal,
  host: BaseHost,
): Promise<Lookup> {
  return alpineVersions(
    { branch, mirror, architecture: alpineArchitecture(architecture) ?? architecture, signal },
    host,
  );
}

async function answer(context: EngineContext, query: PinQuery, lists: Lists, watch: Watch): Promise<PinAnswer> {
  try {
    if (query.kind === 'image') return { version: (await remoteDocument(context, query.name, watch)).digest };
    const where = query.kind === 'apt' ? query.suite : query.branch;
    const version = (await lists.get(query.kind, where))(query.name);
    return version === undefined ? { problem: `${where} has no package ${query.name}` } : { version };
  } catch (error) {
    if (!isShaleError(error) || watch.signal.aborted) throw error;
    return { problem: messageOf(error) };
  }
}

type Lookup = (name: string) => string | undefined;

/** The lists of distributions, each read once, however it ends. */
class Lists {
  readonly #read: Readonly<Record<'apt' | 'apk', (where: string) => Promise<Lookup>>>;
  readonly #lists = new Map<string, Promise<Lookup>>();

  constructor(read: Readonly<Record<'apt' | 'apk', (where: string) => Promise<Lookup>>>) {
    this.#read = read;
  }

  get(kind: 'apt' | 'apk', where: string): Promise<Lookup> {
    const key = `${kind} ${where}`;
    const list = this.#lists.get(key) ?? this.#read[kind](where);
    this.#lists.set(key, list);
    return list;
  }
}
