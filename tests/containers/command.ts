import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Lab } from '../support/lab.ts';

export const PROGRAM: string = join(import.meta.dirname, '../../bin/shale');

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line on the store of a lab. */
export type Shale = (...words: string[]) => Promise<Ran>;

export function shaleOf(lab: Lab): Shale {
  const env = { ...process.env, SHALE_HOME: lab.home, SHALE_RUN: lab.runRoot };
  return (...words) =>
    new Promise((resolve) => {
      execFile(process.execPath, [PROGRAM, ...words], { env }, (error, stdout, stderr) => {
        resolve({ status: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr });
      });
    });
}

/** Runs a command that must succeed; what it printed, without the last newline. */
export async function done(running: Promise<Ran>): Promise<string> {
  const { status, stdout, stderr } = await running;
  if (status !== 0) throw new Error(`it ended with ${status}: ${stderr}`);
  return stdout.trimEnd();
}
