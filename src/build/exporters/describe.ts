import type { Annotations, ImageAnnotations, ImageSet } from '../../images/index.ts';
import {
  descriptorJson,
  formatReference,
  platformMatches,
  type Descriptor,
  type Digest,
  type Platform,
  type Reference,
} from '../../oci/index.ts';
import type { ExportReport, Product } from './exporter.ts';
import type { Annotation } from './output.ts';

/** The build's names and those that an output adds, in full, each once. */
export function namesOf(product: Product, more: readonly Reference[]): string[] {
  return [...new Set([...product.names, ...more].map(formatReference))];
}

/** What stands in and beside the manifest of one platform. */
export function imageAnnotations(annotations: readonly Annotation[], platform: Platform): ImageAnnotations {
  const matches = (wanted: Platform): boolean => platformMatches(wanted, platform);
  return {
    manifest: annotationsFor(annotations, 'manifest', matches),
    manifestDescriptor: annotationsFor(annotations, 'manifest-descriptor', matches),
  };
}

/** What stands in and beside the index. */
export function documentAnnotations(
  annotations: readonly Annotation[],
): Pick<ImageSet, 'annotations' | 'descriptorAnnotations'> {
  const all = (): boolean => true;
  return {
    annotations: annotationsFor(annotations, 'index', all),
    descriptorAnnotations: annotationsFor(annotations, 'index-descriptor', all),
  };
}

/** The keys of buildx's metadata file for something that holds an image. */
export function imageReport(about: {
  readonly digest: Digest;
  readonly configDigest: Digest | undefined;
  readonly names: readonly string[];
  readonly descriptor?: Descriptor;
}): ExportReport {
  const { digest, configDigest, names, descriptor } = about;
  return {
    ...(configDigest !== undefined && { 'containerimage.config.digest': configDigest }),
    ...(descriptor !== undefined && { 'containerimage.descriptor': descriptorJson(descriptor) }),
    'containerimage.digest': digest,
    ...(names.length > 0 && { 'image.name': names.join(',') }),
  };
}

/** The annotations of one place, as a map; those for one platform only where it matches. */
function annotationsFor(
  annotations: readonly Annotation[],
  place: Annotation['place'],
  matches: (platform: Platform) => boolean,
): Annotations {
  const found = annotations.filter(
    (one) => one.place === place && (one.platform === undefined || matches(one.platform)),
  );
  return Object.fromEntries(found.map(({ key, value }) => [key, value]));
}
