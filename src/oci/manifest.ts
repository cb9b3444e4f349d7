import { JsonReader, parseJson, ShaleError, type Json, type JsonObject } from '../base/index.ts';
import { digestOf, parseDigest, type Digest } from './digest.ts';
import type { Descriptor, ImageIndex, ImageManifest, Platform } from './image.ts';
import { isIndexType, isManifestType, MEDIA } from './media-types.ts';

/** Bytes that a manifest or index may have; the distribution specification asks for at least 4 MiB. */
export const MANIFEST_MAX_BYTES: number = 8 * 1024 * 1024;
/** Layers that an image may have: what the kernel's overlay can put over each other. */
export const LAYERS_MAX = 500;
/** Layers that every other engine takes too; a build that makes more says so. */
export const PORTABLE_LAYERS_MAX = 127;

export type ManifestDocument =
  | { readonly kind: 'manifest'; readonly manifest: ImageManifest }
  | { readonly kind: 'index'; readonly index: ImageIndex };

/**
 * Reads an image manifest or index (image-spec manifest.md, image-index.md, and Docker's schema 2). `declaredType` is the
 * media type that a descriptor or a header gave; a document that contradicts it, or that is both, is refused
 * (CVE-2021-41190).
 * @throws MANIFEST_INVALID, JSON_INVALID, DIGEST_INVALID
 */
export function parseManifest(bytes: Uint8Array, declaredType?: string): ManifestDocument {
  const fields = new JsonReader(parseJson(bytes, 'the manifest'), 'the manifest', 'MANIFEST_INVALID');
  if (fields.integer('schemaVersion') !== 2)
    throw invalid(
      'its schemaVersion is not 2',
      'schema 1 images are from before 2016: pull and push them once with an old docker',
    );
  const ownType = fields.string('mediaType');
  const type = ownType ?? (declaredType !== undefined && declaredType !== '' ? declaredType : typeByContent(fields));
  if (ownType !== undefined && declaredType !== undefined && isKnown(declaredType) && ownType !== declaredType)
    throw invalid(`it says ${ownType} where ${declaredType} was declared`);
  const hasManifests = fields.raw('manifests') !== undefined;
  const hasLayers = fields.raw('layers') !== undefined || fields.raw('config') !== undefined;
  if (hasManifests && hasLayers) throw invalid('it has both "manifests" and "layers" or "config"');
  const annotations = fields.stringMap('annotations');
  if (isIndexType(type)) {
    const manifests = fields.required('manifests', fields.objects('manifests')).map(parseDescriptor);
    return { kind: 'index', index: { mediaType: type, manifests, ...(annotations && { annotations }) } };
  }
  if (!isManifestType(type)) throw invalid(`its media type ${JSON.stringify(type)} is not an image manifest or index`);
  const layers = fields.required('layers', fields.objects('layers')).map(parseDescriptor);
  if (layers.length > LAYERS_MAX) throw invalid(`it has ${layers.length} layers, more than ${LAYERS_MAX}`);
  const subject = fields.object('subject');
  const artifactType = fields.string('artifactType');
  const config = parseDescriptor(fields.required('config', fields.object('config')));
  return {
    kind: 'manifest',
    manifest: {
      mediaType: type,
      config,
      layers,
      ...(subject && { subject: parseDescriptor(subject) }),
      ...(artifactType !== undefined && { artifactType }),
      ...(annotations && { annotations }),
    },
  };
}

/** Reads one descriptor (image-spec descriptor.md). @throws MANIFEST_INVALID, DIGEST_INVALID */
export function parseDescriptor(fields: JsonReader): Descriptor {
  const size = fields.required('size', fields.integer('size'));
  if (size < 0) throw invalid(`a descriptor has the size ${size}`);
  const annotations = fields.stringMap('annotations');
  const platform = fields.object('platform');
  const artifactType = fields.string('artifactType');
  const digest = parseDigest(fields.string('digest'));
  checkData(fields.string('data'), digest, size);
  return {
    mediaType: fields.required('mediaType', fields.string('mediaType')),
    digest,
    size,
    ...(annotations && { annotations }),
    ...(platform && { platform: platformOf(platform) }),
    ...(artifactType !== undefined && { artifactType }),
  };
}

/** Embedded content must be what the descriptor says (image-spec descriptor.md, "data"). It is not used. */
function checkData(data: string | undefined, digest: Digest, size: number): void {
  if (data === undefined) return;
  const bytes = Buffer.from(data, 'base64');
  if (bytes.toString('base64') === data && bytes.length === size && digestOf(bytes) === digest) return;
  throw invalid(`the data of the descriptor ${digest} is not what its digest and size say`);
}

function platformOf(fields: JsonReader): Platform {
  const variant = fields.string('variant');
  const osVersion = fields.string('os.version');
  return {
    os: fields.string('os') ?? '',
    architecture: fields.string('architecture') ?? '',
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { osVersion }),
  };
}

/** The bytes of a manifest or index, always the same for the same content. */
export function formatManifest(document: ManifestDocument): Buffer {
  if (document.kind === 'index') {
    const { mediaType, manifests, annotations } = document.index;
    return json({
      schemaVersion: 2,
      mediaType,
      manifests: manifests.map(descriptorJson),
      ...(annotations && { annotations: sortedMap(annotations) }),
    });
  }
  const { mediaType, artifactType, config, layers, subject, annotations } = document.manifest;
  return json({
    schemaVersion: 2,
    mediaType,
    ...(artifactType !== undefined && { artifactType }),
    config: descriptorJson(config),
    layers: layers.map(descriptorJson),
    ...(subject && { subject: descriptorJson(subject) }),
    ...(annotations && { annotations: sortedMap(annotations) }),
  });
}

export function descriptorJson(descriptor: Descriptor): JsonObject {
  const { mediaType, digest, size, annotations, platform, artifactType } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...(annotations && { annotations: sortedMap(annotations) }),
    ...(platform && {
      platform: {
        architecture: platform.architecture,
        os: platform.os,
        ...(platform.osVersion !== undefined && { 'os.version': platform.osVersion }),
        ...(platform.variant !== undefined && { variant: platform.variant }),
      },
    }),
    ...(artifactType !== undefined && { artifactType }),
  };
}

export function sortedMap(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function json(value: Json): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function isKnown(mediaType: string): boolean {
  return isIndexType(mediaType) || isManifestType(mediaType);
}

function typeByContent(fields: JsonReader): string {
  return fields.raw('manifests') !== undefined ? MEDIA.ociIndex : MEDIA.ociManifest;
}

function invalid(why: string, hint?: string): ShaleError {
  return new ShaleError('MANIFEST_INVALID', `the manifest is not valid: ${why}`, hint === undefined ? {} : { hint });
}
