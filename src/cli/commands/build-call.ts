import { ShaleError } from '../../base/index.ts';
import type { Diagnostic, Finding, Lines, Outline, Target } from '../../dockerfile/index.ts';
import type { BuildAnswer, BuildCall, BuildRequest } from '../../engine/index.ts';
import type { Flag } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTable } from '../output/table.ts';
import { displayLine } from '../output/text-width.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { formatExcerpt } from '../progress/failure.ts';
import { UsageError } from '../usage-error.ts';

export const CALL_FLAGS: readonly Flag[] = [
  {
    kind: 'text',
    name: 'call',
    value: 'check|outline|targets',
    summary: 'say something about the Dockerfile instead of building it; ",format=json" prints JSON',
  },
  { kind: 'boolean', name: 'check', summary: 'the same as --call check: the status is 1 when something was found' },
];

/** `--call` read. */
export interface Call {
  readonly method: BuildCall;
  readonly format: 'text' | 'json';
  /** End with 0 also when something was found. */
  readonly ignoreStatus: boolean;
}

const METHODS: ReadonlyMap<string, BuildCall> = new Map([
  ['check', 'check'],
  ['lint', 'check'],
  ['outline', 'outline'],
  ['targets', 'targets'],
]);

/**
 * What the flags ask for; undefined to build. `--call` is written as buildx has it: `check,format=json,ignorestatus=true`.
 * @throws USAGE
 */
export function callOf(flags: ParsedFlags): Call | undefined {
  const text = flags.text('call');
  const isCheck = flags.boolean('check');
  if (text === undefined) return isCheck ? { method: 'check', format: 'text', ignoreStatus: false } : undefined;
  let name = 'build';
  let format: Call['format'] = 'text';
  let ignoreStatus = false;
  for (const part of text.split(',')) {
    const [key = '', value] = part.split('=', 2);
    if (value === undefined) name = key;
    else if (key === 'format' && (value === 'json' || value === 'text')) format = value;
    else if (key === 'ignorestatus' && (value === 'true' || value === 'false')) ignoreStatus = value === 'true';
    else throw new UsageError(`--call: ${JSON.stringify(part)} is no option`, '--call check,format=json');
  }
  if (isCheck && name !== 'check') throw new UsageError(`--check and --call ${name} ask for different things`);
  if (name === 'build') return undefined;
  const method = METHODS.get(name);
  if (method === undefined) {
    throw new UsageError(
      `--call: there is no ${JSON.stringify(name)}`,
      '--call check, --call outline or --call targets',
    );
  }
  return { method, format, ignoreStatus };
}

/** Asks, and prints the answer on standard output. Gives the exit status: 1 when a check found something. */
export async function answerCall(context: Context, request: BuildRequest, call: Call): Promise<number> {
  const engine = await context.engine();
  const answer = await engine.callBuild(request, call.method, { signal: context.signal });
  const found = answer.kind === 'check' && (answer.findings.length > 0 || answer.error !== undefined);
  const status = found && !call.ignoreStatus ? EXIT.failure : EXIT.success;
  if (call.format === 'json') {
    await context.stdout.write(`${JSON.stringify(jsonOf(answer), null, 2)}\n`);
    return status;
  }
  await context.stdout.write(textOf(answer));
  if (answer.kind === 'check' && answer.error !== undefined) throw failureOf(answer.error, answer.source);
  return status;
}

function failureOf(error: Diagnostic, { file, text }: BuildAnswer['source']): ShaleError {
  const { start, end, message, hint } = error;
  const lastLine = end.column === 1 && end.line > start.line ? end.line - 1 : end.line;
  return new ShaleError('DOCKERFILE_INVALID', `${file}:${start.line}: ${message}`, {
    data: { file, line: start.line, excerpt: { file, text, firstLine: start.line, lastLine } },
    ...(hint === undefined ? {} : { hint }),
  });
}

function textOf(answer: BuildAnswer): string {
  switch (answer.kind) {
    case 'check':
      return answer.error !== undefined && answer.findings.length === 0 ? '' : checkText(answer.findings);
    case 'outline':
      return outlineText(answer.outline);
    case 'targets':
      return targetsText(answer.targets);
  }
}

/** As buildx prints it: by lines. */
function checkText(findings: readonly Finding[]): string {
  const { length } = findings;
  if (length === 0) return 'Check complete, no warnings found.\n';
  const count = length === 1 ? '1 warning has been found' : `${length} warnings have been found`;
  const blocks = findings
    .toSorted((a, b) => a.firstLine - b.firstLine)
    .map((finding) => {
      const page = finding.url === undefined ? '' : ` - ${finding.url}`;
      return `\nWARNING: ${finding.rule}${page}\n${displayLine(finding.message)}\n${formatExcerpt(finding)}`;
    });
  return `Check complete, ${count}!\n${blocks.join('')}`;
}

function outlineText({ name, description, args, secrets, ssh }: Outline): string {
  const about = [
    ...(name === '' && description === undefined ? [] : [['TARGET:', name === '' ? '(default)' : name]]),
    ...(description === undefined ? [] : [['DESCRIPTION:', description]]),
  ];
  const required = (requests: Outline['secrets']): string[][] =>
    requests.map((request) => [request.id, request.required ? 'true' : '']);
  const rows = args.map((arg) => [arg.name, arg.value ?? '', arg.description ?? '']);
  return [
    about.length === 0 ? '' : section(about),
    rows.length === 0 ? '' : section([['BUILD ARG', 'VALUE', 'DESCRIPTION'], ...rows]),
    secrets.length === 0 ? '' : section([['SECRET', 'REQUIRED'], ...required(secrets)]),
    ssh.length === 0 ? '' : section([['SSH', 'REQUIRED'], ...required(ssh)]),
  ].join('');
}

function targetsText(targets: readonly Target[]): string {
  const rows = targets.map(({ name, isDefault, description = '' }) => {
    const mark = isDefault ? '(default)' : '';
    return [name === '' || mark === '' ? name + mark : `${name} ${mark}`, description];
  });
  return table([['TARGET', 'DESCRIPTION'], ...rows]);
}

function section(rows: readonly (readonly string[])[]): string {
  return `${table(rows)}\n`;
}

/** What the file says is shown without its control characters. */
function table(rows: readonly (readonly string[])[]): string {
  return formatTable(rows.map((row) => row.map(displayLine)));
}

/** The JSON of BuildKit's subrequests. */
function jsonOf(answer: BuildAnswer): object {
  const data = base64(answer.source.text);
  switch (answer.kind) {
    case 'check':
      return checkJson(answer);
    case 'outline': {
      const { name, description, args, secrets, ssh } = answer.outline;
      return {
        ...(name === '' ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        ...(args.length === 0 ? {} : { args: args.map(withLocation) }),
        ...(secrets.length === 0 ? {} : { secrets: secrets.map(requestJson) }),
        ...(ssh.length === 0 ? {} : { ssh: ssh.map(requestJson) }),
        sources: [data],
      };
    }
    case 'targets':
      return {
        targets: answer.targets.map(({ name, isDefault, ...target }) => ({
          ...(name === '' ? {} : { name }),
          ...(isDefault ? { default: true } : {}),
          ...withLocation(target),
        })),
        sources: [data],
      };
  }
}

function checkJson({ findings, error, source }: BuildAnswer & { readonly kind: 'check' }): object {
  // More than one where files are included.
  const files = new Map([[source.file, source.text], ...findings.map(({ file, text }) => [file, text] as const)]);
  const names = Array.from(files.keys());
  const inFile = (file: string, lines: Lines): object => {
    const sourceIndex = names.indexOf(file);
    return { ...(sourceIndex > 0 ? { sourceIndex } : {}), ...locationOf(lines) };
  };
  return {
    warnings: findings.map((finding) => ({
      ruleName: finding.rule,
      description: finding.description,
      ...(finding.url === undefined ? {} : { url: finding.url }),
      detail: finding.message,
      location: inFile(finding.file, finding),
    })),
    sources: Array.from(files, ([filename, text]) => ({ filename, data: base64(text), language: 'Dockerfile' })),
    ...(error === undefined ? {} : { buildError: buildErrorOf(error) }),
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function requestJson({ id, required, ...lines }: Outline['secrets'][number]): object {
  return { name: id, ...(required ? { required } : {}), ...withLocation(lines) };
}

function buildErrorOf({ message, start, end }: Diagnostic): object {
  return { message, location: locationOf({ firstLine: start.line, lastLine: Math.max(start.line, end.line) }) };
}

function withLocation<T extends Lines>({ firstLine, lastLine, ...rest }: T): object {
  return { ...rest, location: locationOf({ firstLine, lastLine }) };
}

/** A range for each line. */
function locationOf({ firstLine, lastLine }: Lines): object {
  const lines = Array.from({ length: lastLine - firstLine + 1 }, (_, i) => firstLine + i);
  return { ranges: lines.map((line) => ({ start: { line }, end: { line } })) };
}
