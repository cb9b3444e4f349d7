import {
  cyclonedxDocument,
  PREDICATE,
  predicateOf,
  provenancePredicate,
  spdxDocument,
  type Predicate,
  type ProvenanceMode,
  type SbomSubject,
} from '../../attest/index.ts';
import { SHALE_VERSION, type Json } from '../../base/index.ts';
import { formatPlatform, type DiffId } from '../../oci/index.ts';
import { readInventory } from '../../packages/index.ts';
import type { Solved } from '../../solver/index.ts';
import type { BuildOptions } from '../build.ts';
import type { Product, ProductImage } from '../exporters/exporter.ts';
import type { PlatformPlan, WholePlan } from '../plan.ts';
import type { StepResult } from '../result.ts';
import { buildFacts } from './build-facts.ts';
import { scannedStages, wantsContextScan } from './scanned-stages.ts';

/** What is to be said about the images of a build. */
export type WantedAttestation =
  | { readonly kind: 'provenance'; readonly mode: ProvenanceMode; readonly builderId?: string }
  | { readonly kind: 'sbom'; readonly format: 'spdx' | 'cyclonedx' };

export type AllSolved = ReadonlyMap<string, Solved<StepResult>>;

interface Attesting {
  readonly options: BuildOptions;
  readonly solved: AllSolved;
  readonly warn: (message: string) => void;
}

/**
 * The product with what is said about each of its images. For an SBOM their layers are read, and so fetched where they are
 * not here.
 */
export async function attestProduct(product: Product, plan: WholePlan, attesting: Attesting): Promise<Product> {
  const { attestations: wanted, attestationStyle } = attesting.options;
  if (wanted.length === 0) return product;
  const [first] = plan.platforms;
  if (wanted.some(({ kind }) => kind === 'sbom') && first !== undefined && wantsContextScan(first.plan))
    attesting.warn('BUILDKIT_SBOM_SCAN_CONTEXT: packages are listed of images and stages, not of contexts');
  const images: ProductImage[] = [];
  for (const [at, image] of product.images.entries()) {
    const own = plan.platforms[at];
    const attestations = own === undefined ? [] : await predicatesFor(image, own, attesting);
    images.push({ ...image, attestations });
  }
  return { ...product, images, attestationStyle };
}

async function predicatesFor(image: ProductImage, own: PlatformPlan, attesting: Attesting): Promise<Predicate[]> {
  const { options, solved } = attesting;
  const predicates: Predicate[] = [];
  for (const wanted of options.attestations) {
    if (wanted.kind === 'provenance') {
      const facts = await buildFacts(own, solved, { options, builderId: wanted.builderId });
      predicates.push(provenancePredicate(facts, wanted.mode));
      continue;
    }
    const about = { id: image.id, created: image.parsed.created ?? '', platform: formatPlatform(image.platform) };
    predicates.push(await sbomPredicate({ ...about, layers: image.diffIds }, wanted.format, options));
    for (const { name, stack } of stagesOf(own, solved))
      predicates.push(await sbomPredicate({ ...about, stage: name, layers: stack }, wanted.format, options));
  }
  return predicates;
}

/** The stages beside the target whose packages go into an SBOM too. */
function stagesOf(
  { plan }: PlatformPlan,
  solved: AllSolved,
): { readonly name: string; readonly stack: readonly DiffId[] }[] {
  return scannedStages(plan).flatMap(({ index, name, rootfs }) => {
    const result = rootfs === undefined ? undefined : solved.get(rootfs)?.result;
    return result?.kind === 'rootfs' ? [{ name: name === '' ? `stage-${index}` : name, stack: result.stack }] : [];
  });
}

async function sbomPredicate(
  about: Omit<SbomSubject, 'inventory' | 'toolVersion'>,
  format: 'spdx' | 'cyclonedx',
  { layers }: BuildOptions,
): Promise<Predicate> {
  const inventory = readInventory(await layers.stack(about.layers));
  const subject = { ...about, inventory, toolVersion: SHALE_VERSION };
  return format === 'spdx'
    ? predicateOf(PREDICATE.spdx, spdxDocument(subject))
    : predicateOf(PREDICATE.cyclonedx, cyclonedxDocument(subject));
}

/** Provenance under buildx's names in a metadata file: with the platform where there are several. */
export function provenanceReport({ images, isIndex }: Product): Readonly<Record<string, Json>> {
  const report: Record<string, Json> = {};
  for (const { platform, attestations = [] } of images) {
    const provenance = attestations.find(({ type }) => type === PREDICATE.provenance);
    const suffix = isIndex ? `/${formatPlatform(platform)}` : '';
    if (provenance !== undefined)
      report[`buildx.build.provenance${suffix}`] = JSON.parse(provenance.bytes.toString('utf8')) as Json; // Made here.
  }
  return report;
}
