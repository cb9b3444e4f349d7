import { statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf, ShaleError } from '../../base/index.ts';
import type { BuildOutcome, BuildRequest, OutputRequest } from '../../engine/index.ts';
import type { Flag } from '../command.ts';
import type { Context } from '../context.ts';
import { parseAnnotations } from '../options/annotations.ts';
import { parseCacheFrom, parseCacheTo } from '../options/caches.ts';
import { isStream, parseOutputs } from '../options/outputs.ts';
import type { ParsedFlags } from '../parse-flags.ts';

/** What a build gives out, and what is written down about it. */
export const OUTPUT_FLAGS: readonly Flag[] = [
  {
    kind: 'list',
    name: 'output',
    short: 'o',
    value: 'OUTPUT',
    summary:
      'give the result out as type=local|tar|oci|docker|image|registry|cacheonly,dest=…; a folder; "-" for a tar',
  },
  {
    kind: 'list',
    name: 'annotation',
    value: '[PLACE[PLATFORM]:]KEY=VALUE',
    summary: 'annotate the manifest, or manifest-descriptor, index, index-descriptor',
  },
  {
    kind: 'list',
    name: 'cache-from',
    value: 'CACHE',
    summary: 'believe the cache in type=local,src=FOLDER, type=registry,ref=NAME, or in an image of the store',
  },
  {
    kind: 'list',
    name: 'cache-to',
    value: 'CACHE',
    summary: 'write it to type=local,dest=FOLDER, type=registry,ref=NAME (mode=max: all), or type=inline',
  },
  { kind: 'boolean', name: 'push', summary: 'push the image under its names, as -o type=registry does' },
  { kind: 'text', name: 'iidfile', value: 'FILE', summary: 'write the id of the image to a file' },
  {
    kind: 'text',
    name: 'metadata-file',
    value: 'FILE',
    summary: 'write what was made to a file, as JSON with the names of buildx',
  },
  {
    kind: 'boolean',
    name: 'load',
    default: true,
    summary: 'keep the image in the store; with --output only when it is asked for',
  },
];

/** Fields of what was not asked for are absent. @throws USAGE */
export function outputOptions(
  context: Context,
  flags: ParsedFlags,
): Pick<BuildRequest, 'outputs' | 'annotations' | 'cacheFrom' | 'cacheTo'> {
  const cacheFrom = parseCacheFrom(context.cwd, flags.list('cache-from'));
  const cacheTo = parseCacheTo(context.cwd, flags.list('cache-to'));
  const outputs = outputsOf(context, flags);
  const annotations = parseAnnotations(flags.list('annotation'));
  return {
    ...(outputs !== undefined && { outputs }),
    ...(annotations.length > 0 && { annotations }),
    ...(cacheFrom.length > 0 && { cacheFrom }),
    ...(cacheTo.length > 0 && { cacheTo }),
  };
}

/** What --output and --load come to; undefined for the image in the store alone. */
function outputsOf(context: Context, flags: ParsedFlags): readonly OutputRequest[] | undefined {
  const words = flags.list('output');
  const pushes = flags.boolean('push');
  if (words.length === 0 && !pushes) return flags.boolean('load') ? undefined : [];
  const outputs = parseOutputs(context, words);
  const isPushed = outputs.some(({ kind }) => kind === 'registry');
  const isStored = outputs.some(({ kind }) => kind === 'image');
  // What is pushed alone is kept as well, unless --load=false says otherwise.
  const loads = flags.boolean('load') && (flags.given('load') || words.length === 0) && !isStored;
  return [
    ...outputs,
    ...(pushes && !isPushed ? [{ kind: 'registry', names: [] } as const] : []),
    ...(loads ? [{ kind: 'image', names: [] } as const] : []),
  ];
}

/** The id is for scripts: of an image that has no other name, or when nothing else is shown. Bare files have none. */
export function printsId({ outputs, tags }: BuildRequest, quiet: boolean): boolean {
  if (outputs === undefined) return quiet || tags.length === 0;
  const hasImage = outputs.some(({ kind }) => kind === 'image' || kind === 'archive' || kind === 'registry');
  return hasImage && !outputs.some(isStream) && (quiet || tags.length === 0);
}

/** The flags that name a file about the result. */
const RESULT_FILES = { iidfile: 'the image id', 'metadata-file': 'the metadata' } as const;

/** Says before a build begins that a file about its result cannot be written at its end. @throws OUTPUT_FAILED */
export function requireResultFolders(
  { cwd }: Context,
  flags: ParsedFlags,
  names: readonly (keyof typeof RESULT_FILES)[],
): void {
  for (const flag of names) {
    const what = RESULT_FILES[flag];
    const name = flags.text(flag);
    if (name === undefined) continue;
    const file = resolve(cwd, name);
    const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    if (isFolder(file)) throw new ShaleError('OUTPUT_FAILED', `cannot write ${what} to ${file}: it is a folder`);
    if (!isFolder(dirname(file)))
      throw new ShaleError('OUTPUT_FAILED', `cannot write ${what} to ${file}: there is no folder ${dirname(file)}`);
  }
}

/** `--iidfile` and `--metadata-file`. @throws OUTPUT_FAILED */
export function writeResultFiles({ cwd }: Context, flags: ParsedFlags, outcome: BuildOutcome): void {
  const idFile = flags.text('iidfile');
  if (idFile !== undefined) writeResultFile(resolve(cwd, idFile), outcome.imageId, RESULT_FILES.iidfile);
  const metadataFile = flags.text('metadata-file');
  if (metadataFile === undefined) return;
  writeResultFile(resolve(cwd, metadataFile), formatMetadata(outcome.metadata), RESULT_FILES['metadata-file']);
}

/** As buildx writes it: names in order, two spaces. */
export function formatMetadata(metadata: BuildOutcome['metadata']): string {
  const sorted = Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(sorted), null, 2);
}

export function writeResultFile(file: string, text: string, what: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new ShaleError('OUTPUT_FAILED', `cannot write ${what} to ${file}: ${messageOf(error)}`, { cause: error });
  }
}
