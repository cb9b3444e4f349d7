import type { BuildFacts, BuildMaterial, ProvenanceStep, RequestedSecret } from '../../attest/index.ts';
import { SHALE_VERSION, type JsonObject } from '../../base/index.ts';
import type { BaseImage } from '../../dockerfile/index.ts';
import type { ExecMount, Vertex } from '../../graph/index.ts';
import {
  digestOf,
  familiarRepository,
  formatImageConfig,
  formatPlatform,
  isDigest,
  parseReference,
  type Digest,
} from '../../oci/index.ts';
import type { Store } from '../../store/index.ts';
import type { BuildOptions } from '../build.ts';
import type { PlatformPlan } from '../plan.ts';
import type { AllSolved } from './attest-product.ts';
import { shownText, shownValues } from './shown-text.ts';

/** What is known of how the image of one platform was made; nothing of it depends on what was found in the cache. */
export async function buildFacts(
  { platform, plan }: PlatformPlan,
  solved: AllSolved,
  { options, builderId }: { readonly options: BuildOptions; readonly builderId: string | undefined },
): Promise<BuildFacts> {
  const { dockerfile, contexts, target, buildArgs, labels, network } = options;
  const vertices = [...plan.graph.vertices.values()];
  const mounts = vertices.flatMap(({ op }) => (op.kind === 'exec' ? op.mounts : []));
  const bases: BuildMaterial[] = [];
  for (const base of plan.baseImages) bases.push(await baseMaterial(base, options.layers.store));
  const isAddress = contexts.main.kind === 'stored' && contexts.title !== undefined;
  return {
    builderId,
    toolVersion: SHALE_VERSION,
    platform: formatPlatform(platform),
    builderPlatform: formatPlatform(options.buildPlatform),
    dockerfile: {
      name: dockerfile.name,
      text: shownText(Buffer.from(dockerfile.bytes).toString('utf8')),
      digest: digestOf(dockerfile.bytes),
    },
    contextAddress: isAddress ? contexts.title : undefined,
    commit: contexts.revision()?.commit,
    target,
    buildArgs: shownValues(buildArgs),
    labels: shownValues(labels),
    network,
    secrets: requested(mounts, 'secret'),
    ssh: requested(mounts, 'ssh'),
    materials: [...bases, ...vertices.flatMap((vertex) => fetchedMaterial(vertex, solved))],
    steps: stepsOf(vertices, solved),
  };
}

/**
 * A base image by the digest of its manifest in the repository that it came from. One that was made here is known by its
 * config: whether and how it was pushed since changes nothing of what was built on it.
 */
async function baseMaterial(
  { reference, platform, digest, id, config }: BaseImage,
  store: Store,
): Promise<BuildMaterial> {
  const parsed = parseReference(reference);
  const record = isDigest(id) ? await store.images.find(id) : undefined;
  const repository = `${parsed.registry}/${parsed.repository}`;
  const manifests = record?.madeHere === true ? [] : (record?.manifests ?? []);
  const manifest = manifests.find(({ repositories }) => repositories.includes(repository)) ?? manifests[0];
  const known: Digest | undefined = manifest?.digest ?? (record === undefined && isDigest(digest) ? digest : undefined);
  return {
    kind: 'image',
    name: familiarRepository(parsed),
    tag: parsed.tag,
    platform: formatPlatform(platform),
    digest: known ?? record?.id ?? digestOf(formatImageConfig(config)),
    isConfig: known === undefined,
  };
}

/** What a step fetched: its result says what that was, without what may be secret in its address. */
function fetchedMaterial({ id }: Vertex, solved: AllSolved): BuildMaterial[] {
  const result = solved.get(id)?.result;
  if (result?.kind !== 'fetched') return [];
  const { url, digest, repository, ref, commit } = result.about;
  if (typeof url === 'string' && isDigest(digest)) return [{ kind: 'file', url, digest }];
  if (typeof repository !== 'string' || typeof commit !== 'string') return [];
  return [{ kind: 'git', repository, ref: textOf(ref), commit }];
}

function textOf(value: JsonObject[string]): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Each id once, in the order of ids; optional where no step must have it. */
function requested(mounts: readonly ExecMount[], kind: 'secret' | 'ssh'): RequestedSecret[] {
  const optional = new Map<string, boolean>();
  for (const mount of mounts)
    if (mount.kind === kind) optional.set(mount.id, (optional.get(mount.id) ?? true) && !mount.required);
  return [...optional]
    .map(([id, isOptional]) => ({ id, optional: isOptional }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function stepsOf(vertices: readonly Vertex[], solved: AllSolved): ProvenanceStep[] {
  const numbers = new Map(vertices.map(({ id }, at) => [id, at]));
  return vertices.map(({ id, name, inputs }) => {
    const result = solved.get(id)?.result;
    const layer = result?.kind === 'rootfs' ? result.layer : undefined;
    return {
      name: shownText(name),
      inputs: inputs.flatMap((input) => numbers.get(input) ?? []),
      ...(layer !== undefined && { layer }),
    };
  });
}
