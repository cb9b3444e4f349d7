import { SEVERITIES, type LintReport, type Severity } from '../dockerfile/index.ts';

/** What was found in one file, under the name by which it was given. */
export interface FileReport extends LintReport {
  readonly file: string;
}

/** True when something was found that is at least as bad as the threshold. */
export function isFailure(reports: readonly FileReport[], threshold: Severity | 'none' = 'style'): boolean {
  if (threshold === 'none') return false;
  const counting = SEVERITIES.slice(SEVERITIES.indexOf(threshold));
  return reports.some(({ findings }) => findings.some(({ severity }) => counting.includes(severity)));
}
