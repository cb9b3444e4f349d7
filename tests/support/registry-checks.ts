import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly json: Record<string, unknown>;
  /** The first code of an error answer. */
  readonly code: string | undefined;
}

export interface Ask {
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
}

export interface Blob {
  readonly bytes: Buffer;
  readonly digest: string;
}

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';

export function blobOf(bytes: Uint8Array | string): Blob {
  const buffer = Buffer.from(bytes);
  return { bytes: buffer, digest: `sha256:${createHash('sha256').update(buffer).digest('hex')}` };
}

/** Some bytes that no registry has seen. */
export function randomBlob(size = 100): Blob {
  return blobOf(randomBytes(size));
}

/** Speaks the distribution protocol as it is written, and believes nothing. */
export class RegistryProbe {
  readonly host: string;

  constructor(host: string) {
    this.host = host;
  }

  /** The path is sent as it is. */
  async ask(method: string, path: string, { headers = {}, body }: Ask = {}): Promise<Answer> {
    const [hostname, port] = this.host.split(':');
    return new Promise((resolve, reject) => {
      const length = body === undefined && method === 'GET' ? {} : { 'Content-Length': String(body?.byteLength ?? 0) };
      const sent = httpRequest({ hostname, port, method, path, headers: { ...length, ...headers } }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => resolve(answerOf(response.statusCode ?? 0, response.headers, Buffer.concat(parts))));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** The path that an answer names. */
  location(answer: Answer): string {
    const { pathname, search } = new URL(answer.headers.location ?? '', `http://${this.host}`);
    return `${pathname}${search}`;
  }

  async begin(repository: string): Promise<string> {
    const begun = await this.ask('POST', `/v2/${repository}/blobs/uploads/`);
    assert.equal(begun.status, 202);
    return this.location(begun);
  }

  async chunk(path: string, bytes: Uint8Array, range?: string): Promise<Answer> {
    const headers = {
      'Content-Type': 'application/octet-stream',
      ...(range !== undefined && { 'Content-Range': range }),
    };
    return this.ask('PATCH', path, { headers, body: bytes });
  }

  async close(path: string, digest: string, bytes: Uint8Array = new Uint8Array()): Promise<Answer> {
    const closing = `${path}${path.includes('?') ? '&' : '?'}digest=${digest}`;
    return this.ask('PUT', closing, { headers: { 'Content-Type': 'application/octet-stream' }, body: bytes });
  }

  async pushBlob(repository: string, blob: Blob): Promise<Blob> {
    const answer = await this.close(await this.begin(repository), blob.digest, blob.bytes);
    assert.equal(answer.status, 201);
    return blob;
  }

  async putManifest(
    repository: string,
    reference: string,
    bytes: Uint8Array,
    type: string = MANIFEST,
  ): Promise<Answer> {
    return this.ask('PUT', `/v2/${repository}/manifests/${reference}`, {
      headers: { 'Content-Type': type },
      body: bytes,
    });
  }

  /** Pushes an image of one layer, which is a tar of zeros, and gives its manifest. */
  async pushImage(repository: string, tag: string): Promise<Blob> {
    const tar = Buffer.alloc(1024);
    const layer = await this.pushBlob(repository, blobOf(gzipSync(tar)));
    const config = {
      architecture: 'amd64',
      os: 'linux',
      config: { Labels: { nonce: randomBytes(8).toString('hex') } },
      rootfs: { type: 'layers', diff_ids: [blobOf(tar).digest] },
    };
    const configBlob = await this.pushBlob(repository, blobOf(JSON.stringify(config)));
    const manifest = manifestOf(configBlob, 'application/vnd.oci.image.config.v1+json', [layer]);
    const put = await this.putManifest(repository, tag, manifest.bytes);
    assert.equal(put.status, 201);
    return manifest;
  }
}

/** A manifest with more fields than it needs and spaces of its own, so that only its very bytes give its digest. */
export function manifestOf(
  config: Blob,
  configType: string,
  layers: readonly Blob[],
  more: Record<string, unknown> = {},
): Blob {
  const described = (blob: Blob, mediaType: string): object => ({
    mediaType,
    digest: blob.digest,
    size: blob.bytes.length,
  });
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: described(config, configType),
    layers: layers.map((layer) => described(layer, 'application/vnd.oci.image.layer.v1.tar+gzip')),
    ...more,
  };
  return blobOf(`${JSON.stringify(document, undefined, 3)}\n`);
}

function answerOf(status: number, headers: IncomingHttpHeaders, body: Buffer): Answer {
  let json: Record<string, unknown> = {};
  try {
    json = JSON.parse(body.toString()) as Record<string, unknown>; // The assertions look at what they need.
  } catch {
    // A blob, or nothing.
  }
  const [first] = Array.isArray(json['errors']) ? (json['errors'] as { code: string }[]) : [];
  return { status, headers, body, json, code: first?.code };
}
