import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { DEFAULT_FILES, pathHere, type SourceFile } from '../../bake/index.ts';
import { isSystemError, messageOf } from '../../base/index.ts';
import type { Context } from '../context.ts';
import { isAddress } from '../options/contexts.ts';
import { displayLine } from '../output/text-width.ts';
import { UsageError } from '../usage-error.ts';

/** Bytes that a bake file may have. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * The bake files that were named with `-f` ("-" is standard input), or in BUILDX_BAKE_FILE, else all those with the names
 * that are looked for. With an address they lie in what it leads to, but for `cwd://FILE` and standard input; those come last.
 * @throws USAGE, and what fetching throws
 */
export async function readBakeFiles(
  context: Context,
  named: readonly string[],
  address: string | undefined,
): Promise<SourceFile[]> {
  const fromEnvironment = (context.env['BUILDX_BAKE_FILE'] ?? '')
    .split(separatorOf(context))
    .filter((name) => name !== '');
  const names = named.length > 0 ? named : fromEnvironment;
  if (address === undefined) return names.length > 0 ? readAllNamed(context, names) : foundHere(context);
  const away = names.filter((name) => !isHere(name));
  const fetched = away.length > 0 || names.length === 0 ? await fetchFiles(context, address, away) : [];
  return [...fetched, ...(await readAllNamed(context, names.filter(isHere)))];
}

function isHere(name: string): boolean {
  return name === '-' || pathHere(name) !== undefined;
}

async function readAllNamed(context: Context, names: readonly string[]): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const name of names) files.push(await readNamed(context, pathHere(name) ?? name));
  return files;
}

function foundHere(context: Context): SourceFile[] {
  const found = DEFAULT_FILES.map((name) => readFile(context, name)).filter((file) => file !== undefined);
  if (found.length === 0)
    throw new UsageError(`there is no bake file here: ${DEFAULT_FILES.join(', ')}`, 'name one with -f FILE');
  return found;
}

/** Those that were named must be there; none that is looked for need be, but one of them. */
async function fetchFiles(context: Context, address: string, named: readonly string[]): Promise<SourceFile[]> {
  const engine = await context.engine();
  const paths = named.length > 0 ? named : DEFAULT_FILES;
  const request = { address, paths, maxBytes: FILE_BYTES_MAX };
  const source = await engine.readSourceFiles(request, { signal: context.signal });
  if (source.kind === 'file') {
    if (named.length > 0)
      throw new UsageError(`${displayLine(address)} is a single file, which has no ${named.join(', ')} in it`);
    const name = basename(address.replace(/[?#].*$/s, ''));
    return [{ name, text: textOf(source.bytes, name) }];
  }
  const files = paths.flatMap((name) => {
    const bytes = source.files.get(name);
    if (bytes === undefined && named.length > 0)
      throw new UsageError(`there is no bake file ${name} at ${displayLine(address)}`);
    return bytes === undefined ? [] : [{ name, text: textOf(bytes, name) }];
  });
  if (files.length === 0)
    throw new UsageError(
      `there is no bake file at ${displayLine(address)}: ${DEFAULT_FILES.join(', ')}`,
      'name one with -f FILE',
    );
  return files;
}

function separatorOf({ env }: Context): string {
  return env['BUILDX_BAKE_FILE_SEPARATOR'] ?? ':';
}

async function readNamed(context: Context, name: string): Promise<SourceFile> {
  if (isAddress(name))
    throw new UsageError(
      `the bake file ${name} is an address, which comes first among the arguments`,
      'shale bake ADDRESS [-f FILE] [TARGET …]',
    );
  if (name === '-') return { name: 'stdin', text: await readInput(context) };
  const file = readFile(context, name);
  if (file === undefined) throw new UsageError(`there is no bake file ${name}`);
  return file;
}

async function readInput({ stdin }: Context): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin.bytes()) {
    size += chunk.byteLength;
    if (size > FILE_BYTES_MAX) throw new UsageError(`standard input has more than ${FILE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return textOf(Buffer.concat(chunks), 'standard input');
}

function readFile({ cwd }: Context, name: string): SourceFile | undefined {
  try {
    const bytes = readFileSync(resolve(cwd, name));
    if (bytes.length > FILE_BYTES_MAX)
      throw new UsageError(`the bake file ${name} has more than ${FILE_BYTES_MAX} bytes`);
    return { name, text: textOf(bytes, name) };
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    if (isSystemError(error)) throw new UsageError(`cannot read the bake file ${name}: ${messageOf(error)}`);
    throw error;
  }
}

function textOf(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UsageError(`${name} is not UTF-8`);
  }
}

/** The variables of compose files: those of the environment, then those of `.env` here. @throws USAGE naming the line */
export function composeEnvironment(context: Context): Record<string, string | undefined> {
  const file = readFile(context, '.env');
  const pairs = (file?.text ?? '').split('\n').flatMap((line, i) => assignmentOf(line.trim(), i + 1));
  return { ...Object.fromEntries(pairs), ...context.env };
}

/** `export NAME="value"`: quotes are taken off, as compose does. */
function assignmentOf(line: string, number: number): (readonly [string, string])[] {
  if (line === '' || line.startsWith('#')) return [];
  const [, name, value = ''] = /^(?:export\s+)?([^=\s]+)\s*=\s*(.*)$/s.exec(line) ?? [];
  if (name === undefined) throw new UsageError(`.env:${number}: ${JSON.stringify(line)} is not NAME=VALUE`);
  const [, single, double] = /^'([^']*)'|^"((?:[^"\\]|\\.)*)"/.exec(value) ?? [];
  if (double !== undefined)
    return [[name, double.replaceAll(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign))]];
  return [[name, single ?? value.replace(/\s+#.*$/, '')]];
}
