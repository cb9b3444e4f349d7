import type { FileReport } from '../report.ts';
import { checkstyle } from './checkstyle.ts';
import { github } from './github.ts';
import { gitlab } from './gitlab.ts';
import { json } from './json.ts';
import { junit } from './junit.ts';
import { sarif } from './sarif.ts';
import { tty } from './tty.ts';

export interface FormatOptions {
  /** Escape sequences for colours. */
  readonly colors: boolean;
  /** Of shale, for formats that name who speaks. */
  readonly version: string;
}

export type Formatter = (reports: readonly FileReport[], options: FormatOptions) => string;

/** How findings are told. */
export type FormatName = 'tty' | 'json' | 'sarif' | 'github' | 'gitlab' | 'checkstyle' | 'junit';

const FORMATTERS: Readonly<Record<FormatName, Formatter>> = { tty, json, sarif, github, gitlab, checkstyle, junit };

export const FORMATS: readonly FormatName[] = Object.keys(FORMATTERS) as FormatName[]; // Its keys.

/** The reports in a form; ends with a newline, or is empty. */
export function formatReports(name: FormatName, reports: readonly FileReport[], options: FormatOptions): string {
  return FORMATTERS[name](reports, options);
}
