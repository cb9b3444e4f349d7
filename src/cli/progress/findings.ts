import { displayLine } from '../output/text-width.ts';
import { formatExcerpt } from './failure.ts';
import type { FindingEvent } from './model.ts';

const YELLOW = '\u001B[33m';
const RESET = '\u001B[0m';

/** What the build checks found, as buildx tells it at the end of a build; with `debug` what is wanted, and the lines. */
export function formatFindings(
  findings: readonly FindingEvent[],
  { debug, colors }: { readonly debug: boolean; readonly colors: boolean },
): string {
  if (findings.length === 0) return '';
  const count = findings.length === 1 ? '1 warning found' : `${findings.length} warnings found`;
  const title = `${count}${debug ? '' : ' (use --debug to expand)'}:`;
  const rows = findings.map((finding) => summaryOf(finding) + (debug ? detailsOf(finding) : ''));
  return `\n ${colors ? YELLOW + title + RESET : title}\n${rows.join('')}`;
}

/** `Rule: message (line 3)`. */
function summaryOf({ rule, message, firstLine }: FindingEvent): string {
  return ` - ${displayLine(`${rule}: ${message}`)} (line ${firstLine})\n`;
}

function detailsOf(finding: FindingEvent): string {
  const page = finding.url === undefined ? '' : `More info: ${finding.url}\n`;
  return `${displayLine(finding.description)}\n${page}${formatExcerpt(finding)}\n`;
}
