/**
 * Command lines that are given to docker and to shale alike: what they print, how they end and what they do to files must
 * be the same. A scenario has an empty working directory and containers of its own; each step is a line for a shell in
 * which `docker` is the program at hand, and `$I` names an image of busybox. What is told on standard error is compared
 * only where a step sends it to its output.
 */
import { spawn } from 'node:child_process';

export interface Scenario {
  readonly name: string;
  readonly steps: readonly string[];
}

export interface StepResult {
  readonly status: number;
  readonly output: string;
}

/** What docker did, by scenario, as `record.ts` writes it. */
export type Answers = Readonly<Record<string, readonly (StepResult & { readonly step: string })[]>>;

/** `# name` begins a scenario, every other line that is not empty is a step. */
export function parseScenarios(text: string): readonly Scenario[] {
  const scenarios: { name: string; steps: string[] }[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('# ')) scenarios.push({ name: line.slice(2), steps: [] });
    else if (line.trim() !== '') scenarios.at(-1)?.steps.push(line);
  }
  return scenarios;
}

export interface Stage {
  readonly program: string;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly image: string;
  /** The words that start a program, where that is not this process's own doing. */
  readonly start?: (words: readonly [string, ...string[]]) => readonly [string, ...string[]];
}

const STEP_MS = 120_000;

/** Carries one step out. */
export async function play(step: string, { program, folder, env, image, start }: Stage): Promise<StepResult> {
  const script = `docker() { "${program}" "$@"; }\n${step}\n`;
  const shell = ['sh', '-c', script] as const;
  const [command, ...args] = start?.(shell) ?? shell;
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...env, I: image },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: STEP_MS,
  });
  const ended = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)));
  const chunks: Uint8Array[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Uint8Array); // A stream without encoding yields Buffers.
  return { status: await ended, output: normal(Buffer.concat(chunks).toString('latin1')) };
}

/** Without what is another each time: ids, times, and how long ago something was. */
function normal(text: string): string {
  return text
    .replaceAll(/\b[0-9a-f]{64}\b/g, '<id>')
    .replaceAll(/\b[0-9a-f]{12}\b/g, '<short id>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC/g, '<time>')
    .replaceAll(/(Less than a second|About a minute|\d+ (second|minute)s?)( ago)?/g, '<span>$3')
    .replaceAll(/ +\n/g, '\n');
}
