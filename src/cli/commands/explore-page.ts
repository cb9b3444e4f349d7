import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, ShaleError } from '../../base/index.ts';
import type { Exploration, ExplorationComparison } from '../../explore/index.ts';
import type { Flag } from '../command.ts';
import type { Context } from '../context.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { UsageError } from '../usage-error.ts';
import { parseAddress } from './serve-registry.ts';

/** Of the secret in the page's address. */
const TOKEN_BYTES = 18;

export const PAGE_FLAGS: readonly Flag[] = [
  {
    kind: 'boolean',
    name: 'web',
    summary: 'serve it as a page to a browser of this machine instead, until Ctrl-C; prints the address',
  },
  {
    kind: 'text',
    name: 'addr',
    value: 'HOST:PORT',
    summary: 'where --web listens, of loopback only (default 127.0.0.1:0, a free port)',
  },
  {
    kind: 'text',
    name: 'html',
    value: 'FILE',
    summary:
      'write it as one page that needs no network instead; contents of files are not in it; "-" is standard output',
  },
];

export type PageRequest =
  | { readonly kind: 'serve'; readonly host: string; readonly port: number }
  /** Absolute; undefined for standard output. */
  | { readonly kind: 'write'; readonly file: string | undefined };

/** The page that is asked for; undefined where none is. @throws USAGE */
export function pageRequest(context: Context, flags: ParsedFlags): PageRequest | undefined {
  const [isServed, address, file] = [flags.boolean('web'), flags.text('addr'), flags.text('html')];
  if (isServed && file !== undefined) throw new UsageError('--web or --html, not both');
  if (!isServed && address !== undefined) throw new UsageError('--addr goes with --web');
  if (isServed) return { kind: 'serve', ...parseAddress(address ?? '127.0.0.1:0') };
  if (file === undefined) return undefined;
  return { kind: 'write', file: file === '-' ? undefined : resolve(context.cwd, file) };
}

/** @throws SERVE_FAILED, OUTPUT_FAILED, and what reading the image throws */
export async function showPage(
  context: Context,
  request: PageRequest,
  image: Exploration,
  comparison?: ExplorationComparison,
): Promise<void> {
  const { servePage, standalonePage } = await import('../../web/index.ts');
  if (request.kind === 'write') {
    const html = await standalonePage(image, comparison);
    if (request.file === undefined) await context.stdout.write(html);
    else await writeWhole(request.file, html);
    return;
  }
  await servePage(image, {
    host: request.host,
    port: request.port,
    token: randomBytes(TOKEN_BYTES).toString('base64url'),
    comparison,
    signal: context.signal,
    listening: (url) => void announce(context, url).catch(() => {}),
    failed: (error) => void context.stderr.write(`the page asked in vain: ${messageOf(error)}\n`).catch(() => {}),
  });
}

/** The address alone goes to standard output, for programs that open it. */
async function announce(context: Context, url: string): Promise<void> {
  await context.stdout.write(`${url}\n`);
  if (context.stderr.isTerminal) await context.stderr.write('whoever has this address can look; Ctrl-C ends it\n');
}

/** The file is there whole or not at all. */
async function writeWhole(file: string, text: string): Promise<void> {
  const unfinished = `${file}.${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(unfinished, text, { flag: 'wx' });
    await rename(unfinished, file);
  } catch (cause) {
    await rm(unfinished, { force: true });
    throw new ShaleError('OUTPUT_FAILED', `cannot write ${file}: ${messageOf(cause)}`, { cause });
  }
}
