import { messageOf } from '../../base/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import type { Context } from '../context.ts';
import type { Engine } from '../../engine/index.ts';
import { EXIT } from '../exit-codes.ts';
import { displayLine } from '../output/text-width.ts';
import { UsageError } from '../usage-error.ts';
import { parseBuildStep } from './why.ts';

/** A longer line is searched and printed in pieces of this many bytes. */
const LINE_BYTES_MAX = 1_000_000;

export const command: Command = {
  usage: '[OPTIONS] [BUILD[:STEP]]',
  description:
    'Logs are kept whole, as the steps wrote them: nothing is clipped. Without BUILD, of the last build; with a step, the bytes of that step alone. --grep takes a regular expression, prints the lines that match, and ends with status 1 when there is none.',
  flags: [
    { kind: 'text', name: 'step', value: 'N', summary: 'only the step that progress showed as #N' },
    { kind: 'text', name: 'grep', short: 'g', value: 'PATTERN', summary: 'only lines that match' },
    { kind: 'boolean', name: 'ignore-case', short: 'i', summary: 'small and capital letters match each other' },
    { kind: 'boolean', name: 'failed', summary: 'only steps that failed' },
    { kind: 'boolean', name: 'all', short: 'a', summary: 'of all builds, newest first; with --grep' },
  ],
  refused: [
    { name: 'follow', short: 'f', why: 'a build that goes on shows its progress itself' },
    { name: 'progress', why: 'logs are printed as lines' },
    { name: 'builder', why: 'there is one builder' },
  ],
  args: { min: 0, max: 1, complete: 'build' },
  examples: [
    { command: 'shale builds logs', says: 'everything that the last build printed' },
    { command: 'shale builds logs latest:7', says: 'what one step printed, byte for byte' },
    { command: 'shale builds logs -i --grep "error|warning" web', says: 'search the build of an image' },
    { command: 'shale builds logs --all --grep "No space left"', says: 'search every build' },
  ],
  run,
};

interface LogQuery {
  readonly step: number | undefined;
  readonly pattern: RegExp | undefined;
  readonly failed: boolean;
}

async function run(context: Context, { flags, args }: ParsedArguments): Promise<number> {
  const { build, step } = parseBuildStep(args[0] ?? 'latest', flags.text('step'));
  const pattern = compilePattern(flags.text('grep'), flags.boolean('ignore-case'));
  const query: LogQuery = { step, pattern, failed: flags.boolean('failed') };
  const engine = await context.engine();
  if (!flags.boolean('all')) return (await printBuild(context, engine, build, query, '')) ? EXIT.success : EXIT.failure;
  if (pattern === undefined)
    throw new UsageError('--all searches, so it needs --grep', 'shale builds logs --all --grep PATTERN');
  if (args.length > 0 || step !== undefined) throw new UsageError('--all is about every build, and one is named');
  let found = false;
  for (const { id } of await engine.builds()) found = (await printBuild(context, engine, id, query, `${id} `)) || found;
  return found ? EXIT.success : EXIT.failure;
}

/** Prints what was asked for of one build; true unless something was searched for and not found. */
async function printBuild(
  context: Context,
  engine: Engine,
  build: string,
  { step, pattern, failed }: LogQuery,
  prefix: string,
): Promise<boolean> {
  const printer = new LogPrinter(context, { pattern, prefix, bare: step !== undefined });
  const query = step === undefined ? {} : { step };
  for await (const chunk of engine.buildLog(build, query, { signal: context.signal })) {
    if (failed && chunk.outcome !== 'failed') continue;
    await printer.take(chunk);
  }
  await printer.end();
  return pattern === undefined || printer.matched;
}

interface PrintOptions {
  readonly pattern: RegExp | undefined;
  /** In front of every line. */
  readonly prefix: string;
  /** True when only one step is shown, and need not be named. */
  readonly bare: boolean;
}

/** Turns the pieces of logs into lines, with their step in front unless there is only one step. */
class LogPrinter {
  matched = false;
  readonly #context: Context;
  readonly #options: PrintOptions;
  #step: { readonly number: number; readonly name: string } | undefined;
  #headShown = false;
  #rest = Buffer.alloc(0);

  constructor(context: Context, options: PrintOptions) {
    this.#context = context;
    this.#options = options;
  }

  async take(chunk: { readonly step: number; readonly name: string; readonly bytes: Uint8Array }): Promise<void> {
    if (this.#step?.number !== chunk.step) {
      await this.end();
      this.#step = { number: chunk.step, name: chunk.name };
      this.#headShown = false;
      if (this.#options.pattern === undefined) await this.#showHead();
    }
    const { bare, pattern } = this.#options;
    if (bare && pattern === undefined && !this.#context.stdout.isTerminal) return this.#write(chunk.bytes);
    let bytes = this.#rest.length === 0 ? Buffer.from(chunk.bytes) : Buffer.concat([this.#rest, chunk.bytes]);
    for (let end = lineEnd(bytes); end > 0; end = lineEnd(bytes)) {
      await this.#line(bytes.subarray(0, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }

  async end(): Promise<void> {
    if (this.#rest.length > 0) await this.#line(this.#rest);
    this.#rest = Buffer.alloc(0);
  }

  async #line(bytes: Buffer): Promise<void> {
    const hasEnd = bytes.at(-1) === 0x0a;
    const content = hasEnd ? bytes.subarray(0, -1) : bytes;
    const { pattern, prefix, bare } = this.#options;
    if (pattern !== undefined) {
      if (!pattern.test(content.toString('utf8').replace(/\r$/, ''))) return;
      this.matched = true;
      await this.#showHead();
    }
    const shown = this.#context.stdout.isTerminal ? Buffer.from(displayLine(content.toString('utf8'))) : content;
    const mark = bare ? prefix : `${prefix}#${this.#step?.number} `;
    await this.#write(Buffer.concat([Buffer.from(mark), shown, Buffer.from('\n')]));
  }

  async #showHead(): Promise<void> {
    if (this.#headShown || this.#options.bare || this.#step === undefined) return;
    this.#headShown = true;
    await this.#write(`${this.#options.prefix}#${this.#step.number} ${displayLine(this.#step.name)}\n`);
  }

  #write(data: string | Uint8Array): Promise<void> {
    return this.#context.stdout.write(data);
  }
}

/** Where the first line ends, its end included; 0 when it goes on. */
function lineEnd(bytes: Buffer): number {
  const at = bytes.indexOf(0x0a);
  if (at !== -1) return at + 1;
  return bytes.length > LINE_BYTES_MAX ? LINE_BYTES_MAX : 0;
}

/** @throws USAGE */
function compilePattern(text: string | undefined, ignoreCase: boolean): RegExp | undefined {
  if (text === undefined) {
    if (ignoreCase) throw new UsageError('--ignore-case belongs to --grep');
    return undefined;
  }
  try {
    return new RegExp(text, ignoreCase ? 'iu' : 'u');
  } catch (error) {
    throw new UsageError(`--grep ${JSON.stringify(text)}: ${messageOf(error)}`);
  }
}
