import { isJsonObject, parseJson, type Json, type JsonObject } from '../../base/index.ts';
import { isDigest, type Descriptor, type Digest } from '../../oci/index.ts';
import type { ServedManifest } from '../../registry/index.ts';

/** What a registry has to know of a manifest, whatever it is. */
export interface ManifestFacts {
  readonly digest: Digest;
  /** Blobs and manifests that it names, with the bytes that it says they have. */
  readonly sizes: ReadonlyMap<Digest, number>;
  readonly subject: Digest | undefined;
  /** As a list of referrers has it (distribution-spec, "Listing Referrers"). */
  readonly descriptor: Descriptor;
}

/** Reads it leniently: what does not parse names nothing. */
export function factsOf({ bytes, digest, mediaType }: ServedManifest): ManifestFacts {
  const document = documentIn(bytes);
  const config = objectIn(document['config']);
  const parts = [config, ...objectsIn(document['layers']), ...objectsIn(document['manifests'])];
  const artifactType = textIn(document['artifactType']) ?? textIn(config['mediaType']);
  const annotations = stringsIn(document['annotations']);
  return {
    digest,
    sizes: new Map(parts.flatMap(sizeIn)),
    subject: digestIn(objectIn(document['subject'])['digest']),
    descriptor: {
      mediaType,
      digest,
      size: bytes.byteLength,
      ...(artifactType !== undefined && { artifactType }),
      ...(annotations !== undefined && { annotations }),
    },
  };
}

function documentIn(bytes: Uint8Array): JsonObject {
  try {
    return objectIn(parseJson(bytes, 'the manifest'));
  } catch {
    return {};
  }
}

function objectIn(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function objectsIn(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.map(objectIn) : [];
}

function sizeIn({ digest, size }: JsonObject): [Digest, number][] {
  return isDigest(digest) ? [[digest, typeof size === 'number' ? size : 0]] : [];
}

function digestIn(value: Json | undefined): Digest | undefined {
  return isDigest(value) ? value : undefined;
}

function textIn(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function stringsIn(value: Json | undefined): Record<string, string> | undefined {
  if (!isJsonObject(value)) return undefined;
  const pairs = Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return Object.fromEntries(pairs);
}
