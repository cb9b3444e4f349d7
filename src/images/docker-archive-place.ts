import { fromText, JsonReader, parseJson, ShaleError } from '../base/index.ts';
import { sniffCompression } from '../archive/index.ts';
import {
  CONFIG_MAX_BYTES,
  digestFromHex,
  digestOf,
  familiarName,
  formatManifest,
  formatReference,
  hexOf,
  MANIFEST_MAX_BYTES,
  MEDIA,
  ociLayerType,
  parseImageConfig,
  parseManifest,
  parseReference,
  type Descriptor,
  type Digest,
  type ImageConfig,
  type LayerCompression,
} from '../oci/index.ts';
import { createHash } from 'node:crypto';
import type { BlobOrigin, Document, ImageSink, ImageSource } from './content.ts';
import { verified, type ReadableFiles, type WritableFiles } from './image-files.ts';
import { counted, documentOf } from './layout-place.ts';

/** An image that an archive of `docker save` lists. */
export interface ArchivedImage {
  /** The member that its config is. */
  readonly config: string;
  readonly configBytes: Buffer;
  readonly parsed: ImageConfig;
  /** The members that its layers are, lowest first, compressed or not. */
  readonly layers: readonly string[];
  readonly names: readonly string[];
}

/** Finds an image of such an archive without reading its layers. @throws ARCHIVE_INVALID, IMAGE_NOT_FOUND */
export function listedImage(files: ReadableFiles, name: string, wanted: string | undefined): ArchivedImage {
  const image = chooseListed(listedIn(files), name, wanted);
  const configBytes = files.read(image.config, CONFIG_MAX_BYTES);
  const parsed = parseImageConfig(configBytes);
  if (parsed.diffIds.length !== image.layers.length)
    throw new ShaleError(
      'ARCHIVE_INVALID',
      `manifest.json names ${image.layers.length} layers, its config ${parsed.diffIds.length}`,
    );
  return { ...image, configBytes, parsed };
}

interface ListedImage {
  readonly config: string;
  readonly layers: readonly string[];
  readonly names: readonly string[];
}

/**
 * An image of an archive that `docker save` wrote, with a manifest made for it: layers keep the bytes that they have there.
 * Without a name the archive holds one image. @throws ARCHIVE_INVALID, IMAGE_NOT_FOUND
 */
export async function dockerArchiveSource(
  files: ReadableFiles,
  name: string,
  wanted: string | undefined,
): Promise<ImageSource> {
  const image = listedImage(files, name, wanted);
  const { configBytes } = image;
  const config: Descriptor = { mediaType: MEDIA.ociConfig, digest: digestOf(configBytes), size: configBytes.length };
  const members = new Map<Digest, string>([[config.digest, image.config]]);
  const layers: Descriptor[] = [];
  for (const member of image.layers) {
    const layer = await describeMember(files, member);
    members.set(layer.digest, member);
    layers.push(layer);
  }
  const root = documentOf(
    formatManifest({ kind: 'manifest', manifest: { mediaType: MEDIA.ociManifest, config, layers } }),
    MEDIA.ociManifest,
  );
  return {
    name,
    root: async () => root,
    manifest: async ({ digest }) => {
      throw new ShaleError('MANIFEST_UNKNOWN', `${name} has no manifest ${digest}`);
    },
    blob: (descriptor, offset) =>
      verified(files.stream(members.get(descriptor.digest) ?? '', offset), descriptor, offset),
    async [Symbol.asyncDispose]() {},
  };
}

/** moby image/tarexport: manifest.json names config, layers and tags. */
function listedIn(files: ReadableFiles): ListedImage[] {
  const listed = parseJson(files.read('manifest.json', MANIFEST_MAX_BYTES), 'manifest.json');
  if (!Array.isArray(listed)) throw new ShaleError('ARCHIVE_INVALID', 'manifest.json is not a list');
  return listed.map((item, i) => {
    const fields = new JsonReader(item, `manifest.json[${i}]`, 'ARCHIVE_INVALID');
    return {
      config: fromText(fields.required('Config', fields.string('Config'))),
      layers: (fields.strings('Layers') ?? []).map(fromText),
      names: (fields.strings('RepoTags') ?? []).map((tag) => formatReference(parseReference(tag))),
    };
  });
}

function chooseListed(images: readonly ListedImage[], name: string, wanted: string | undefined): ListedImage {
  const full = wanted === undefined ? undefined : formatReference(parseReference(wanted));
  const found = images.filter((image) => full === undefined || image.names.includes(full));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const listed = images.flatMap((image) => image.names).join(', ');
  throw new ShaleError(
    'IMAGE_NOT_FOUND',
    `${name} ${first === undefined ? 'is not there' : 'may mean several images'}`,
    {
      ...(listed !== '' && { hint: `the names there are ${listed}` }),
    },
  );
}

/** What a layer of the archive is, whatever it is called there. */
async function describeMember(files: ReadableFiles, member: string): Promise<Descriptor> {
  const hash = createHash('sha256');
  let compression: LayerCompression | undefined;
  for await (const chunk of files.stream(member)) {
    if (compression === undefined) {
      const kind = sniffCompression(chunk);
      if (kind === 'bzip2' || kind === 'xz')
        throw new ShaleError(
          'FORMAT_UNSUPPORTED',
          `the layer ${member} is compressed with ${kind}, which no manifest can name`,
          {
            hint: 'shale load reads it',
          },
        );
      compression = kind;
    }
    hash.update(chunk);
  }
  const digest = digestFromHex(hash.digest('hex'));
  return { mediaType: ociLayerType(compression ?? 'none'), digest, size: files.sizeOf(member) };
}

/** Writes one image as `docker load` reads it. Layers keep the compression that they come in; every engine takes them so. */
export class DockerArchiveSink implements ImageSink {
  readonly name: string;
  readonly #files: WritableFiles;
  readonly #tag: string | undefined;

  constructor(files: WritableFiles, name: string, tag: string | undefined) {
    this.name = name;
    this.#files = files;
    this.#tag = tag === undefined ? undefined : familiarName(parseReference(tag));
  }

  async takeBlob(descriptor: Descriptor, from: BlobOrigin): Promise<'present' | 'sent'> {
    const name = memberName(descriptor.digest);
    if (this.#files.has(name)) return 'present';
    await this.#files.put(name, descriptor.size, counted(from, 0));
    return 'sent';
  }

  async takeManifest({ bytes, mediaType }: Document, { isRoot }: { readonly isRoot: boolean }): Promise<void> {
    const parsed = parseManifest(bytes, mediaType);
    if (!isRoot || parsed.kind === 'index')
      throw new ShaleError('FORMAT_UNSUPPORTED', 'an archive of docker holds images of one platform', {
        hint: 'choose one with --platform, or write oci-archive:',
      });
    const { config, layers } = parsed.manifest;
    const listed = {
      Config: memberName(config.digest),
      RepoTags: this.#tag === undefined ? [] : [this.#tag],
      Layers: layers.map((layer) => memberName(layer.digest)),
    };
    await this.#files.replace('manifest.json', Buffer.from(JSON.stringify([listed])));
  }

  async finish(): Promise<void> {
    await this.#files.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files[Symbol.asyncDispose]();
  }
}

function memberName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
