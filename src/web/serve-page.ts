import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isSystemError, ShaleError, toText } from '../base/index.ts';
import type { Exploration, ExplorationComparison, FilePlace } from '../explore/index.ts';
import { HEADERS_MAX_BYTES, isLoopback, serveUntil } from '../http/index.ts';
import { pageData, pageLook } from './page-data.ts';
import { pageHtml, SERVED_POLICY } from './page-html.ts';
import { pageText } from './page-text.ts';
import { pageTree, parseTreeName } from './page-tree.ts';

/** Entries of a tree that the page is given; small files beyond are summed up. */
const ENTRIES_MAX = 400_000;
/** Bytes that the path of a request may have, with its query. */
const TARGET_MAX_BYTES: number = 20 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;

export interface ServePageOptions {
  /** An address of loopback. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The secret in the address: 128 random bits or more, of the characters of base64url. */
  readonly token: string;
  readonly comparison?: ExplorationComparison | undefined;
  /** Ends it: what is being answered is cut off. */
  readonly signal: AbortSignal;
  /** Told once, when the page can be asked for: its whole address. */
  readonly listening: (url: string) => void;
  /** Told what failed here, of which the browser learns no more than that it did. */
  readonly failed: (error: unknown) => void;
}

interface Serving {
  readonly exploration: Exploration;
  readonly comparison: ExplorationComparison | undefined;
  /** `/TOKEN/`. */
  readonly root: string;
  /** What the Host header may say: a page of another site that leads its own name here says another. */
  readonly hosts: ReadonlySet<string>;
}

/**
 * Serves the page of an image to browsers of this machine, until the signal is aborted. Trees and contents are read when the
 * page asks for them.
 * @throws SERVE_FAILED when the address is not of loopback, or cannot be had
 */
export async function servePage(exploration: Exploration, options: ServePageOptions): Promise<void> {
  const { host, port, token, comparison, signal } = options;
  if (!isLoopback(host))
    throw new ShaleError('SERVE_FAILED', `${host} is not an address of loopback: the page would be open to others`, {
      hint: 'listen on 127.0.0.1, and reach it from elsewhere through "ssh -L"',
    });
  const hosts = new Set<string>();
  const serving: Serving = { exploration, comparison, root: `/${token}/`, hosts };
  const server = createServer(
    { maxHeaderSize: HEADERS_MAX_BYTES, headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: HEADERS_TIMEOUT_MS },
    (request, response) => void respond(serving, request, response).catch(options.failed),
  );
  await serveUntil(server, {
    host,
    port,
    connectionsMax: CONNECTIONS_MAX,
    signal,
    listening: (authority) => {
      hosts.add(authority);
      hosts.add(authority.replace(/^.*:/, 'localhost:'));
      options.listening(`http://${authority}${serving.root}`);
    },
  });
}

async function respond(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Security-Policy', SERVED_POLICY);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  const { method = '', url = '', headers } = request;
  if (!serving.hosts.has((headers.host ?? '').toLowerCase())) return refuse(response, 421, 'not a name of this server');
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return refuse(response, 405, 'there is only GET');
  }
  if (url.length > TARGET_MAX_BYTES) return refuse(response, 414, 'the address is too long');
  const [path = '', query = ''] = url.split('?', 2);
  // Whoever guesses gets the same answer as for any other path, after the same time.
  if (!isEqual(path.slice(0, serving.root.length), serving.root)) return refuse(response, 404, 'nothing here');
  try {
    await route(serving, { name: path.slice(serving.root.length), query: new URLSearchParams(query) }, response);
  } catch (error) {
    if (error instanceof ShaleError && NOT_THERE.has(error.code)) return refuse(response, 404, error.message);
    if (response.headersSent) response.destroy();
    else refuse(response, 500, 'this could not be read; the terminal says why');
    throw error;
  }
}

const NOT_THERE: ReadonlySet<string> = new Set(['EXPLORE_NO_ENTRY', 'EXPLORE_NOT_A_FILE']);

function isEqual(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given, 'latin1'), Buffer.from(expected, 'latin1')];
  return a.length === b.length && timingSafeEqual(a, b);
}

interface Question {
  /** The path after the token. */
  readonly name: string;
  readonly query: URLSearchParams;
}

async function route(serving: Serving, { name, query }: Question, response: ServerResponse): Promise<void> {
  const { exploration, comparison } = serving;
  const { report } = exploration;
  if (name === '') return answer(response, 'text/html; charset=utf-8', servedHtml(toText(report.image.name)));
  if (name === 'page.js') return answer(response, 'text/javascript; charset=utf-8', pageText().script);
  if (name === 'page.css') return answer(response, 'text/css; charset=utf-8', pageText().style);
  if (name === 'data.json') return answerJson(response, pageData(report, comparison));
  const [, tree] = /^trees\/([a-z0-9-]{1,20})\.json$/.exec(name) ?? [];
  const kind = tree === undefined ? undefined : parseTreeName(tree, report.layers.length);
  if (kind !== undefined) return answerJson(response, pageTree(exploration, kind, ENTRIES_MAX));
  const place = filePlace(query, report.layers.length);
  if (place !== undefined) {
    if (name === 'look.json') return answerJson(response, pageLook(await exploration.look(place)));
    if (name === 'diff.json') return answerJson(response, await exploration.compareWithBelow(place));
    if (name === 'file') return await answerFile(response, exploration, place);
  }
  refuse(response, 404, 'nothing here');
}

/** The file that a request asks for: `layer`, and `path` with a character for each byte. It is looked up in the layers’ indexes only. */
function filePlace(query: URLSearchParams, layers: number): FilePlace | undefined {
  const [layer, path] = [query.get('layer') ?? '', query.get('path') ?? ''];
  if (!/^\d{1,5}$/.test(layer) || Number(layer) >= layers) return undefined;
  return /^[\u0001-\u00ff]+$/.test(path) ? { path, layer: Number(layer) } : undefined;
}

function servedHtml(name: string): string {
  return pageHtml({
    title: `${name} – shale explore`,
    head: '<link rel="stylesheet" href="page.css">',
    foot: '<script src="page.js"></script>',
  });
}

async function answerFile(response: ServerResponse, exploration: Exploration, place: FilePlace): Promise<void> {
  const look = exploration.find({ from: place.layer, to: place.layer }, place.path);
  if (look === undefined || look.kind !== 'file' || look.state === 'removed') {
    return refuse(response, 404, 'there is no such file');
  }
  const name = toText(look.name);
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('Content-Length', look.sizeBytes);
  // RFC 6266 and RFC 8187: the first is for programs that do not know the second.
  const plain = name.replaceAll(/[^\w.+-]/g, '_');
  const encoded = encodeURIComponent(name.toWellFormed()).replaceAll(/['()*]/g, percentEncoded);
  response.setHeader('Content-Disposition', `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`);
  if (response.req.method === 'HEAD') return void response.end();
  try {
    await pipeline(Readable.from(exploration.stream(place)), response);
  } catch (error) {
    if (!isSystemError(error, 'ERR_STREAM_PREMATURE_CLOSE')) throw error; // The browser went away.
  }
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function answerJson(response: ServerResponse, value: unknown): void {
  answer(response, 'application/json', JSON.stringify(value));
}

function answer(response: ServerResponse, type: string, text: string): void {
  const bytes = Buffer.from(text);
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', bytes.length);
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.statusCode = status;
  answer(response, 'text/plain; charset=utf-8', `${why}\n`);
}
