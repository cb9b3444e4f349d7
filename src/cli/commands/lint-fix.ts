import { chmodSync, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { isUtf8 } from 'node:buffer';
import { dirname, resolve } from 'node:path';
import { diffOfTexts, SHALE_VERSION, ShaleError, writeWholeFile } from '../../base/index.ts';
import { lintDockerfile, parseDockerfile, type LintOptions } from '../../dockerfile/index.ts';
import {
  fixFile,
  formatVerification,
  formatReports,
  isFailure,
  pinFile,
  verifyFix,
  versionsOfLock,
  type FileReport,
  type FixedFile,
  type FixLevel,
  type LintConfig,
  type LookUp,
} from '../../lint/index.ts';
import type { Flag } from '../command.ts';
import { ALPINE_MIRROR } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { parseAssignments } from '../options/assignments.ts';
import { displayLine } from '../output/text-width.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { openProgress } from '../progress/open.ts';

/** A file as it was read. */
export interface LintedFile {
  /** As it was named. */
  readonly file: string;
  /** Absolute; undefined for standard input. */
  readonly path: string | undefined;
  readonly bytes: Uint8Array;
  readonly options: LintOptions;
}

export const FIX_FLAGS: readonly Flag[] = [
  {
    kind: 'text',
    name: 'fix',
    value: 'LEVEL',
    bare: 'safe',
    choices: ['safe', 'unsafe', 'pin'],
    summary:
      'mend what can be mended: fixes that leave the image the same, the others too, or versions that are looked up',
  },
  {
    kind: 'boolean',
    name: 'verify',
    summary: 'build before and after --fix, compare the file systems, and write only what the fixes claim',
  },
  {
    kind: 'text',
    name: 'context',
    value: 'FOLDER',
    summary: 'the build context, for --verify; that of the file by default',
  },
  { kind: 'list', name: 'build-arg', value: 'NAME[=VALUE]', summary: 'set an ARG, for --verify' },
  { kind: 'text', name: 'mirror', value: 'URL', summary: 'the mirror of the distribution, for --fix=pin' },
  { kind: 'boolean', name: 'diff', summary: 'print what --fix would change, and change nothing' },
];

/** Mends files in place (standard input: to standard output) and tells what is left; the status is that of the rest. */
export async function fixFiles(
  context: Context,
  flags: ParsedFlags,
  config: LintConfig,
  files: readonly LintedFile[],
): Promise<number> {
  const left: FileReport[] = [];
  for (const one of files) {
    context.signal.throwIfAborted();
    const before = textOf(one);
    const fixed = await mend(context, flags, one, before);
    if (flags.boolean('verify') && fixed.text !== before) await verify(context, flags, one, before, fixed);
    if (flags.boolean('diff')) await context.stdout.write(diffOfTexts(one.file, before, fixed.text));
    else {
      if (one.path === undefined) await context.stdout.write(fixed.text);
      else if (fixed.text !== before) await replaceFile(one.path, fixed.text, context.signal);
      await context.stderr.write(summary(one, fixed));
    }
    left.push({ file: one.file, ...(await lintDockerfile(parseDockerfile(fixed.text, one.file), one.options)) });
  }
  if (!flags.boolean('diff')) {
    const rest = formatReports('tty', left, { colors: context.stderr.colors, version: SHALE_VERSION });
    await context.stderr.write(rest);
  }
  return isFailure(left, config.failureThreshold) ? EXIT.found : EXIT.success;
}

/** Makes the fixes that are asked for. */
async function mend(context: Context, flags: ParsedFlags, one: LintedFile, before: string): Promise<FixedFile> {
  if (flags.text('fix') === 'pin') return await pin(context, flags, one, before);
  const level: FixLevel = flags.text('fix') === 'unsafe' ? 'unsafe' : 'safe';
  return await fixFile(before, level, one.options, one.file);
}

/** Looks versions up, and tells of those that cannot be. */
async function pin(context: Context, flags: ParsedFlags, one: LintedFile, before: string): Promise<FixedFile> {
  const { settings } = await context.config();
  const mirror = flags.text('mirror');
  const lockFile = one.path === undefined ? undefined : `${one.path}.lock`;
  const lookUp: LookUp = async (queries) => {
    const engine = await context.engine();
    const request = {
      queries,
      alpineMirror: mirror ?? settings.mirrorAlpine ?? ALPINE_MIRROR,
      ...(mirror === undefined ? {} : { debianMirror: mirror }),
    };
    return await engine.pinVersions(request, { signal: context.signal });
  };
  const { text, pinned, left } = await pinFile(before, one.options, {
    lookUp,
    name: one.file,
    ...(lockFile !== undefined && existsSync(lockFile)
      ? { locked: versionsOfLock(readFileSync(lockFile), lockFile) }
      : {}),
  });
  for (const { finding, problem } of left) {
    const place = `${one.file}:${finding.start.line}:${finding.start.column}`;
    await context.stderr.write(`${displayLine(`${place}: no version for ${finding.pin?.name}: ${problem}`)}\n`);
  }
  const mended = pinned.map(({ finding, version }) => ({
    ...finding,
    fix: { title: `write ${version}`, safety: 'unsafe', effect: 'files', edits: [] } as const,
  }));
  return { text, mended };
}

/** Builds both, tells what differs. @throws LINT_DIFFERS when it is more than the fixes claim */
async function verify(
  context: Context,
  flags: ParsedFlags,
  { file, path }: LintedFile,
  before: string,
  { text: after, mended }: FixedFile,
): Promise<void> {
  const { settings } = await context.config();
  const folder = flags.text('context') ?? (path === undefined ? context.cwd : dirname(path));
  const engine = await context.engine();
  await using progress = openProgress(context, settings.progress, { doing: 'Verifying' });
  const verification = await verifyFix({
    engine,
    build: {
      context: { kind: 'directory', path: resolve(context.cwd, folder) },
      buildArgs: parseAssignments('--build-arg', flags.list('build-arg'), context.env),
      labels: {},
      network: settings.networkDefault,
      noCache: false,
      pull: false,
      keepNoise: false,
    },
    before,
    after,
    mended,
    watch: progress.watch,
    now: context.now,
  });
  await progress.close();
  await context.stderr.write(`${displayLine(file)}: ${formatVerification(verification)}`);
  if (verification.isAsClaimed) return;
  throw new ShaleError('LINT_DIFFERS', `${file} stays as it is: with its fixes the image would be another`, {
    hint: 'shale lint --fix --diff shows them; shale:ignore keeps one silent',
  });
}

/** @throws LINT_NOT_TEXT */
function textOf({ file, bytes }: LintedFile): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString();
  throw new ShaleError('LINT_NOT_TEXT', `${file} is not in UTF-8: nothing in it is mended`);
}

/** A file of that name is always a whole one, and keeps its mode; of a link what it leads to is replaced. */
async function replaceFile(path: string, text: string, signal: AbortSignal): Promise<void> {
  const target = realpathSync(path);
  const { mode } = statSync(target);
  await writeWholeFile(target, oneChunk(text), signal);
  chmodSync(target, mode & 0o7777);
}

async function* oneChunk(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

function summary({ file }: LintedFile, { mended }: FixedFile): string {
  if (mended.length === 0) return '';
  const lines = mended.map(({ rule, start, fix }) => `  ${rule.id} at line ${start.line}: ${fix?.title ?? ''}\n`);
  return `${displayLine(file)}: mended ${mended.length}\n${lines.join('')}`;
}
