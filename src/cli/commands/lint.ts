import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { collect, SHALE_VERSION } from '../../base/index.ts';
import {
  DOCKERFILE_MAX_BYTES,
  findRule,
  lintDockerfile,
  parseDockerfile,
  parseIgnoreFile,
  rulePage,
  RULES,
  type LintOptions,
} from '../../dockerfile/index.ts';
import {
  dockerfilesIn,
  FORMATS,
  formatReports,
  isFailure,
  runLanguageServer,
  withShellcheck,
  type FileReport,
  type FormatName,
} from '../../lint/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { displayLine, padToWidth } from '../output/text-width.ts';
import { readDockerfile } from '../read-dockerfile.ts';
import { UsageError } from '../usage-error.ts';
import { printIgnoreFile, withLastBuilds } from './lint-builds.ts';
import { fixFiles, FIX_FLAGS, type LintedFile } from './lint-fix.ts';
import { enabledRules, lintConfig, RULE_FLAGS } from './lint-flags.ts';

export const command: Command = {
  usage: '[OPTIONS] [FILE | FOLDER | PATTERN | -]…',
  description:
    'Looks for what guides to good images advise against, and mends what can be mended. Without an argument it is the Dockerfile of this folder; a folder stands for the Dockerfiles below it. The rules know the numbers of hadolint, BuildKit, trivy and Checkov (docs/lint/rules.md). A config is looked for here and above: .shale-lint.toml, else .hadolint.yaml. The status is 2 when something was found.',
  flags: [
    {
      kind: 'text',
      name: 'format',
      value: 'FORMAT',
      default: 'tty',
      choices: FORMATS,
      summary: 'how findings are told',
    },
    ...RULE_FLAGS,
    ...FIX_FLAGS,
    {
      kind: 'boolean',
      name: 'shellcheck',
      default: true,
      summary: 'add what the program shellcheck finds in RUN, where it is installed',
    },
    {
      kind: 'boolean',
      name: 'last-build',
      default: true,
      summary: 'heed what the last build of exactly this file left in layers, where there is a record of it',
    },
    {
      kind: 'list',
      name: 'trace',
      value: 'FILE',
      summary:
        'tell packages of which no file was opened: what "shale run --trace-files" wrote of the last build\'s image',
    },
    {
      kind: 'boolean',
      name: 'ignorefile',
      summary: 'print lines for a .dockerignore instead: what the last build did not take out of its context',
    },
    { kind: 'boolean', name: 'lsp', summary: 'be a language server for an editor, on standard input and output' },
    { kind: 'boolean', name: 'stdio', summary: 'what some editors add to --lsp; there is no other way' },
    { kind: 'boolean', name: 'list-rules', summary: 'list the rules instead' },
    { kind: 'text', name: 'explain', value: 'RULE', summary: 'print the page of a rule instead' },
  ],
  args: { min: 0, max: Number.POSITIVE_INFINITY, complete: 'file' },
  examples: [
    { command: 'shale lint', says: 'the Dockerfile of this folder' },
    { command: 'shale lint --fix --diff', says: 'what the safe fixes would change' },
    {
      command: 'shale lint --format sarif --failure-threshold error . > lint.sarif',
      says: 'all Dockerfiles below, for CI',
    },
    { command: 'shale lint --ignorefile >> .dockerignore', says: 'leave out what the last build did not need' },
    {
      command: 'shale lint --trace opened.txt',
      says: 'also which packages nothing used, by what "shale run --trace-files opened.txt" wrote',
    },
    { command: 'shale lint --explain DL3008', says: 'why a rule is there' },
  ],
  run,
};

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const explained = flags.text('explain');
  if (explained !== undefined) return await explain(context, explained);
  if (flags.boolean('list-rules')) return await listRules(context);
  if (flags.boolean('lsp')) return await serve(context, flags);
  if (flags.boolean('stdio')) throw new UsageError('--stdio belongs to --lsp');
  if (flags.boolean('verify') && !flags.given('fix')) throw new UsageError('--verify goes with --fix');
  const config = await lintConfig(context, flags);
  const plain: LintOptions = {
    settings: config.settings,
    ignored: config.ignored,
    enabled: enabledRules(config.enabled),
    severities: config.severities,
    useInlineIgnores: config.useInlineIgnores,
  };
  const options = flags.boolean('shellcheck') ? withShellcheck(plain) : plain;
  const files = await readFiles(context, args, options);
  const traces = flags.list('trace');
  if (flags.boolean('ignorefile')) return await printIgnoreFile(context, files);
  if (traces.length > 0 && !flags.boolean('last-build'))
    throw new UsageError('--trace needs the last build: --last-build=false leaves it out');
  const withBuilds = flags.boolean('last-build') ? await withLastBuilds(context, files, traces) : files;
  if (flags.given('fix') || flags.boolean('diff')) return await fixFiles(context, flags, config, withBuilds);
  const reports: FileReport[] = [];
  for (const file of withBuilds) {
    context.signal.throwIfAborted();
    reports.push(await lintFile(file));
  }
  await context.stdout.write(formatReports(formatOf(flags.text('format')), reports, formatOptions(context)));
  return isFailure(reports, config.failureThreshold) ? EXIT.found : EXIT.success;
}

export async function lintFile({ file, bytes, options }: LintedFile): Promise<FileReport> {
  return { file, ...(await lintDockerfile(parseDockerfile(bytes, file), options)) };
}

function formatOf(name: string | undefined): FormatName {
  return FORMATS.find((one) => one === name) ?? 'tty';
}

function formatOptions({ stdout }: Context): { readonly colors: boolean; readonly version: string } {
  return { colors: stdout.colors, version: SHALE_VERSION };
}

async function readFiles(context: Context, args: readonly string[], options: LintOptions): Promise<LintedFile[]> {
  const names = args.length === 0 ? ['Dockerfile'] : args;
  if (names.includes('-') && names.length > 1) throw new UsageError('- is standard input, which is one file');
  if (names[0] === '-') {
    const bytes = await collect(context.stdin.bytes(), DOCKERFILE_MAX_BYTES, 'the Dockerfile on standard input');
    return [{ file: '-', path: undefined, bytes, options }];
  }
  return names
    .flatMap((name) => dockerfilesIn(name, context.cwd))
    .map((file) => {
      const path = resolve(context.cwd, file);
      return { file, path, bytes: readDockerfile(path), options: { ...options, ...ignorePatterns(path) } };
    });
}

/** The ignore file of a Dockerfile: its own, or that of its folder. */
function ignorePatterns(path: string): Pick<LintOptions, 'ignorePatterns'> {
  const folder = dirname(path);
  const file = [`${path}.dockerignore`, join(folder, '.dockerignore')].find((one) => existsSync(one));
  return file === undefined ? {} : { ignorePatterns: parseIgnoreFile(readFileSync(file, 'utf8')) };
}

/** Speaks with an editor; a config that is named counts for all files, else each has that of its folder. */
async function serve(context: Context, flags: ParsedFlags): Promise<number> {
  const isNamed = ['config', 'no-config', 'ignore', 'enable', 'severity', 'trusted-registry'].some((name) =>
    flags.given(name),
  );
  return await runLanguageServer({
    input: context.stdin.bytes(),
    write: context.stdout.write,
    version: SHALE_VERSION,
    ...(isNamed ? { config: await lintConfig(context, flags) } : {}),
    // A program for each RUN is too slow for every key that is pressed, so that it has to be asked for.
    ...(flags.given('shellcheck') && flags.boolean('shellcheck') ? { complete: withShellcheck } : {}),
  });
}

async function explain(context: Context, name: string): Promise<number> {
  const rule = findRule(name);
  if (rule === undefined) throw new UsageError(`there is no rule ${displayLine(name)}`, 'shale lint --list-rules');
  await context.stdout.write(rulePage(rule));
  return EXIT.success;
}

async function listRules(context: Context): Promise<number> {
  const width = Math.max(...RULES.map(({ id }) => id.length)) + 2;
  const lines = RULES.map(({ id, severity, isOptional, fix, title, aliases }) => {
    const level = isOptional === true ? 'off' : severity;
    const names = aliases.length === 0 ? '' : ` (${aliases.join(', ')})`;
    return `${padToWidth(id, width)}${padToWidth(level, 9)}${padToWidth(fix === 'none' ? '' : fix, 8)}${title}${names}\n`;
  });
  await context.stdout.write(lines.join(''));
  return EXIT.success;
}
