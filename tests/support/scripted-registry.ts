import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** A request as it came, for tests to look at. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

export interface Script {
  /** Answers instead of the registry; true when it did. `count`: how often this method and path came, from 1. */
  readonly instead?: (request: IncomingMessage, response: ServerResponse, count: number) => boolean;
  /** Who may come in, and how they show it. */
  readonly users?: { readonly kind: 'basic' | 'bearer'; readonly username: string; readonly password: string };
  /** Serves the referrers API. */
  readonly listsReferrers?: boolean;
  /** Takes blobs from other repositories. */
  readonly mounts?: boolean;
}

/** A small registry in this process that can be made to misbehave; disposing ends it. */
export interface ScriptedRegistry extends AsyncDisposable {
  readonly host: string;
  readonly requests: Seen[];
  /** By hex digest. */
  readonly blobs: Map<string, Buffer>;
  /** By `repository:reference`. */
  readonly manifests: Map<string, { readonly bytes: Buffer; readonly type: string }>;
}

const TOKEN = 'token-of-the-scripted-registry';

export async function startScriptedRegistry(script: Script = {}): Promise<ScriptedRegistry> {
  const registry = new Registry(script);
  const server = createServer((request, response) => void registry.take(request, response));
  const host = await listen(server);
  return {
    host,
    requests: registry.requests,
    blobs: registry.blobs,
    manifests: registry.manifests,
    [Symbol.asyncDispose]: () => close(server),
  };
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

export async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

export function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: Uint8Array | string = '',
): true {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
  return true;
}

export function fault(response: ServerResponse, status: number, code: string): true {
  return answer(response, status, {}, JSON.stringify({ errors: [{ code, message: `it is ${code}` }] }));
}

class Registry {
  readonly requests: Seen[] = [];
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { readonly bytes: Buffer; readonly type: string }>();
  readonly #uploads = new Map<string, Buffer>();
  readonly #script: Script;

  constructor(script: Script) {
    this.#script = script;
  }

  async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const path = url.split('?')[0] ?? '';
    this.requests.push({ method, url, headers });
    const count = this.requests.filter((one) => one.method === method && one.url.split('?')[0] === path).length;
    if (this.#script.instead?.(request, response, count) === true) return;
    if (url.startsWith('/token')) return this.#giveToken(request, response);
    if (!this.#letsIn(request)) return this.#challenge(request, response);
    if (path === '/v2/') return void answer(response, 200, {}, '{}');
    const [, repository = '', kind, reference = ''] =
      /^\/v2\/(.+?)\/(manifests|blobs\/uploads|blobs|tags|referrers)\/(.*)$/.exec(path) ?? [];
    if (kind === 'manifests') return await this.#manifest(request, response, repository, reference);
    if (kind === 'blobs') return this.#blob(request, response, reference);
    if (kind === 'blobs/uploads') return await this.#upload(request, response, repository, reference);
    if (kind === 'tags') return this.#tags(response, repository);
    if (kind === 'referrers' && this.#script.listsReferrers === true)
      return this.#referrers(response, repository, reference);
    fault(response, 404, 'UNSUPPORTED');
  }

  #letsIn(request: IncomingMessage): boolean {
    const { users } = this.#script;
    if (users === undefined) return true;
    const expected = users.kind === 'bearer' ? `Bearer ${TOKEN}` : basic(users);
    return request.headers.authorization === expected;
  }

  #challenge(request: IncomingMessage, response: ServerResponse): void {
    const how =
      this.#script.users?.kind === 'bearer'
        ? `Bearer realm="http://${request.headers.host}/token",service="scripted"`
        : 'Basic realm="scripted"';
    answer(response, 401, { 'www-authenticate': how }, '{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}');
  }

  #giveToken(request: IncomingMessage, response: ServerResponse): void {
    const { users } = this.#script;
    if (users !== undefined && request.headers.authorization !== basic(users)) return void answer(response, 401);
    answer(response, 200, {}, JSON.stringify({ token: TOKEN }));
  }

  async #manifest(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    reference: string,
  ): Promise<void> {
    const key = `${repository}:${reference}`;
    if (request.method === 'PUT') {
      const bytes = await read(request);
      const type = request.headers['content-type'] ?? '';
      const digest = `sha256:${sha256(bytes)}`;
      for (const name of [key, `${repository}:${digest}`]) this.manifests.set(name, { bytes, type });
      const subject = /"subject":\{[^}]*"digest":"([^"]+)"/.exec(bytes.toString())?.[1];
      const told = this.#script.listsReferrers === true && subject !== undefined ? { 'oci-subject': subject } : {};
      return void answer(response, 201, { 'docker-content-digest': digest, location: `/v2/${key}`, ...told });
    }
    const found = this.manifests.get(key);
    if (found === undefined) return void fault(response, 404, 'MANIFEST_UNKNOWN');
    if (request.method === 'DELETE') {
      const digest = `sha256:${sha256(found.bytes)}`;
      for (const [name, { bytes }] of this.manifests)
        if (name === key || (reference === digest && bytes.equals(found.bytes))) this.manifests.delete(name);
      return void answer(response, 202);
    }
    const headers = { 'content-type': found.type, 'docker-content-digest': `sha256:${sha256(found.bytes)}` };
    give(request, response, found.bytes, headers);
  }

  #blob(request: IncomingMessage, response: ServerResponse, digest: string): void {
    const blob = this.blobs.get(digest.replace('sha256:', ''));
    if (blob === undefined) return void fault(response, 404, 'BLOB_UNKNOWN');
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from === 0) return give(request, response, blob, {});
    const range = { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}` };
    answer(response, 206, range, blob.subarray(from));
  }

  async #upload(request: IncomingMessage, response: ServerResponse, repository: string, id: string): Promise<void> {
    const query = new URL(request.url ?? '', 'http://x').searchParams;
    if (request.method === 'POST') {
      await read(request);
      const mount = query.get('mount');
      if (this.#script.mounts === true && mount !== null && this.blobs.has(mount.replace('sha256:', '')))
        return void answer(response, 201, { location: `/v2/${repository}/blobs/${mount}` });
      const session = String(this.requests.length);
      this.#uploads.set(session, Buffer.alloc(0));
      return void answer(response, 202, {
        location: `/v2/${repository}/blobs/uploads/${session}?state=a`,
        range: '0-0',
      });
    }
    const known = this.#uploads.get(id);
    if (known === undefined) return void fault(response, 404, 'BLOB_UPLOAD_UNKNOWN');
    const place = { location: `/v2/${repository}/blobs/uploads/${id}?state=b` };
    if (request.method === 'GET') return void answer(response, 204, { ...place, range: `0-${known.length - 1}` });
    if (request.method === 'DELETE') {
      this.#uploads.delete(id);
      return void answer(response, 204);
    }
    const from = Number(/^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1] ?? known.length);
    if (from !== known.length) return void fault(response, 416, 'BLOB_UPLOAD_INVALID');
    const grow = (chunk: Buffer): void => {
      this.#uploads.set(id, Buffer.concat([this.#uploads.get(id) ?? known, chunk]));
    };
    await read(request, grow);
    const bytes = this.#uploads.get(id) ?? known;
    if (request.method === 'PATCH')
      return void answer(response, 202, { ...place, range: `0-${Math.max(0, bytes.length - 1)}` });
    const digest = query.get('digest') ?? '';
    if (digest !== `sha256:${sha256(bytes)}`) return void fault(response, 400, 'DIGEST_INVALID');
    this.blobs.set(sha256(bytes), bytes);
    this.#uploads.delete(id);
    answer(response, 201, { location: `/v2/${repository}/blobs/${digest}` });
  }

  #tags(response: ServerResponse, repository: string): void {
    const tags = [...this.manifests.keys()]
      .filter((key) => key.startsWith(`${repository}:`) && !key.includes('sha256:'))
      .map((key) => key.slice(repository.length + 1));
    answer(response, 200, {}, JSON.stringify({ name: repository, tags }));
  }

  #referrers(response: ServerResponse, repository: string, subject: string): void {
    const manifests = [...this.manifests]
      .filter(([key, { bytes }]) => key.startsWith(`${repository}:sha256:`) && bytes.toString().includes(`"subject":{`))
      .filter(([, { bytes }]) => bytes.toString().includes(subject))
      .map(([, { bytes, type }]) => {
        const { artifactType } = JSON.parse(bytes.toString()) as { artifactType?: string };
        return { mediaType: type, digest: `sha256:${sha256(bytes)}`, size: bytes.length, artifactType };
      });
    answer(response, 200, {}, JSON.stringify({ schemaVersion: 2, manifests }));
  }
}

function give(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  headers: Record<string, string>,
): void {
  response.writeHead(200, { 'content-length': bytes.length, ...headers });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

async function read(request: IncomingMessage, each?: (chunk: Buffer) => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      each?.(chunk);
      chunks.push(chunk);
    }
  } catch {
    // The client is gone; what came stays, as in a real registry.
  }
  return Buffer.concat(chunks);
}

function basic({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
