/**
 * `npm run check`: format, types, lint, unit tests. Two at a time; what fails shows its output; the exit status is 1
 * when anything failed. Arguments name the steps to run (`npm run check -- types unit`); without, all run.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { unitTests } from './find-tests.ts';

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  /** What of the output is shown when all is well. */
  readonly summary?: (output: string) => string;
  /** What of it is shown otherwise; all of it by default. */
  readonly failure?: (output: string) => string;
}

const LIMIT_SECONDS = 50;
const CONCURRENT = 2;
const folders = ['src', 'ui', 'tests', 'conformance', 'scripts', 'bench'].filter((folder) => existsSync(folder));

const steps: readonly Step[] = [
  {
    name: 'unit',
    command: [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      '--test',
      '--test-isolation=none',
      '--test-reporter=spec',
      ...unitTests(),
    ],
    summary: countTests,
    failure: (output) => output.slice(Math.max(0, output.search(/^ℹ tests /m))),
  },
  { name: 'lint', command: ['node_modules/.bin/oxlint', '--deny-warnings', ...folders] },
  { name: 'types', command: ['node_modules/.bin/tsc', '-p', '.'] },
  // Those of pages, which know what browsers have.
  { name: 'types', command: ['node_modules/.bin/tsc', '-p', 'ui'] },
  { name: 'format', command: ['node_modules/.bin/oxfmt', '--check', ...folders] },
];

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.find((name) => !steps.some((step) => step.name === name));
if (unknown !== undefined) {
  console.error(`check: no step ${unknown}; there are ${steps.map((step) => step.name).join(', ')}`);
  process.exit(125);
}

const started = performance.now();
const queue = steps.filter((step) => positionals.length === 0 || positionals.includes(step.name));
const failed: string[] = [];
await Promise.all(Array.from({ length: CONCURRENT }, work));
const seconds = secondsSince(started);
if (Number(seconds) > LIMIT_SECONDS) console.error(`check took ${seconds} s; it promises ${LIMIT_SECONDS} s`);
if (failed.length > 0) {
  console.error(`check: failed: ${failed.join(', ')} (${seconds} s)`);
  process.exit(1);
}
console.log(`check: passed (${seconds} s)`);

async function work(): Promise<void> {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) await runStep(step);
}

async function runStep(step: Step): Promise<void> {
  const begin = performance.now();
  const { status, output } = await run(step.command);
  const took = `${secondsSince(begin)} s`;
  if (status === 0) {
    const summary = step.summary?.(output);
    console.log(`ok      ${step.name} (${took})${summary === undefined ? '' : `: ${summary}`}`);
    return;
  }
  failed.push(step.name);
  console.log(`FAILED  ${step.name} (${took})\n${(step.failure?.(output) ?? output).trimEnd()}\n`);
}

function run(command: readonly string[]): Promise<{ status: number; output: string }> {
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) => resolve({ status: 1, output: `${program}: ${error.message}` }));
    child.on('close', (code) => resolve({ status: code ?? 1, output: Buffer.concat(chunks).toString() }));
  });
}

function countTests(output: string): string {
  const count = (what: string): string => new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(output)?.[1] ?? '?';
  return `${count('pass')} passed, ${count('skipped')} skipped`;
}

function secondsSince(begin: number): string {
  return ((performance.now() - begin) / 1000).toFixed(1);
}
