import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { spawn } from 'node:child_process';

/** What the server gives at a path. */
export interface Page {
  readonly body?: string | Uint8Array;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Breaks the connection off after so many bytes. */
  readonly cutAfter?: number;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly status: number;
}

/** A web server on loopback that gives what it was told to, and knows what it was asked. */
export class Web implements AsyncDisposable {
  /** By path, query included; a list is given out one by one, its last page for good. */
  readonly pages: Map<string, Page | Page[]> = new Map();
  readonly asked: Asked[] = [];
  /** Serves bare repositories below this folder at /git/, to whoever sends this header where one is set. */
  repositories: { readonly folder: string; readonly authorization?: string } | undefined;
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));
  #origin = '';

  /** `everywhere`: on every interface of the machine, so that containers reach it. */
  static async open({ everywhere = false }: { readonly everywhere?: boolean } = {}): Promise<Web> {
    const web = new Web();
    await new Promise<void>((resolve) => web.#server.listen(0, everywhere ? '0.0.0.0' : '127.0.0.1', resolve));
    const address = web.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the server has no address');
    web.#origin = `http://127.0.0.1:${address.port}`;
    return web;
  }

  get origin(): string {
    return this.#origin;
  }

  get port(): string {
    return this.#origin.slice(this.#origin.lastIndexOf(':') + 1);
  }

  get host(): string {
    return this.#origin.slice('http://'.length);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    const log = (status: number): void =>
      void this.asked.push({ method: request.method ?? '', path, headers: request.headers, status });
    if (path.startsWith('/git/') && this.repositories !== undefined) {
      const { authorization } = this.repositories;
      if (authorization === undefined || request.headers.authorization === authorization) {
        log(200);
        return serveGit(this.repositories.folder, request, response);
      }
      log(401);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' });
      return void response.end();
    }
    const page = this.#pageOf(path);
    const { etag } = page.headers ?? {};
    const modified = page.headers?.['last-modified'];
    const isKnown =
      (etag !== undefined && request.headers['if-none-match'] === etag) ||
      (etag === undefined && modified !== undefined && request.headers['if-modified-since'] === modified);
    const status = isKnown ? 304 : (page.status ?? 200);
    log(status);
    const body = Buffer.from(page.body ?? '');
    if (isKnown) return void response.writeHead(304, page.headers).end();
    if (page.cutAfter === undefined) return void response.writeHead(status, page.headers).end(body);
    response.writeHead(status, { ...page.headers, 'content-length': body.length });
    response.write(body.subarray(0, page.cutAfter), () => setTimeout(() => response.destroy(), 20));
  }

  #pageOf(path: string): Page {
    const found = this.pages.get(path);
    if (!Array.isArray(found)) return found ?? { status: 404 };
    return (found.length > 1 ? found.shift() : found[0]) ?? { status: 404 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** git's own server behind ours (CGI, RFC 3875). */
function serveGit(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://localhost');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      GIT_CONFIG_KEY_1: 'uploadpack.allowAnySHA1InWant',
      GIT_CONFIG_VALUE_1: 'true',
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(url.pathname.slice('/git'.length)),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(child.stdin);
  child.stdin.on('error', () => {});
  let head = Buffer.alloc(0);
  let begun = false;
  child.stdout.on('data', (chunk: Buffer) => {
    if (begun) return void response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    begun = true;
    const headers = head
      .toString('latin1', 0, end)
      .split('\r\n')
      .map((line) => line.split(': '));
    const status = Number(headers.find(([name]) => name === 'Status')?.[1]?.slice(0, 3) ?? 200);
    response.writeHead(
      status,
      Object.fromEntries(headers.filter(([name]) => name !== 'Status')) as Record<string, string>,
    );
    response.write(head.subarray(end + 4));
  });
  child.on('close', () => response.end());
}
