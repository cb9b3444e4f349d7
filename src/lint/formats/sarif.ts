import { rulePage, RULES, type Fix, type LintFinding, type LintRule } from '../../dockerfile/index.ts';
import type { FileReport } from '../report.ts';
import type { Formatter } from './formats.ts';
import { regionAt, type Region } from './region.ts';

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';
const LEVELS = { error: 'error', warning: 'warning', info: 'note', style: 'note' } as const;

/** SARIF 2.1.0, with the fixes of findings (sections 3.27.30, 3.55) and the pages of rules. */
export const sarif: Formatter = (reports, { version }) => {
  const used = RULES.filter((rule) =>
    reports.some(({ findings }) => findings.some((finding) => finding.rule === rule)),
  );
  const indexOf = new Map(used.map((rule, index) => [rule, index]));
  const driver = {
    name: 'shale lint',
    version,
    rules: used.map(descriptor),
  };
  const results = reports.flatMap((report) =>
    report.findings.map((finding) => result(report, finding, indexOf.get(finding.rule) ?? 0)),
  );
  const run = { tool: { driver }, columnKind: 'utf16CodeUnits', results };
  return `${JSON.stringify({ $schema: SCHEMA, version: '2.1.0', runs: [run] }, null, 2)}\n`;
};

function descriptor(rule: LintRule): object {
  const { id, title, why, severity, aliases } = rule;
  return {
    id,
    shortDescription: { text: `${title.charAt(0).toUpperCase()}${title.slice(1)}.` },
    fullDescription: { text: why },
    help: { text: why, markdown: rulePage(rule) },
    defaultConfiguration: { level: LEVELS[severity] },
    properties: { tags: aliases, severity },
  };
}

function result({ file, text }: FileReport, finding: LintFinding, ruleIndex: number): object {
  const { rule, code, severity, message, span, fix } = finding;
  const artifactLocation = { uri: fileUri(file) };
  return {
    ruleId: rule.id,
    ruleIndex,
    level: LEVELS[severity],
    message: { text: code === undefined ? message : `${code}: ${message}` },
    locations: [{ physicalLocation: { artifactLocation, region: sarifRegion(regionAt(text, span)) } }],
    ...(fix === undefined ? {} : { fixes: [sarifFix(text, artifactLocation, fix)] }),
    properties: { severity },
  };
}

function sarifFix(text: string, artifactLocation: object, fix: Fix): object {
  const replacements = fix.edits.map((edit) => ({
    deletedRegion: sarifRegion(regionAt(text, edit)),
    ...(edit.text === '' ? {} : { insertedContent: { text: edit.text } }),
  }));
  const description = { text: fix.safety === 'safe' ? fix.title : `${fix.title} (changes what the image does)` };
  return { description, artifactChanges: [{ artifactLocation, replacements }] };
}

function sarifRegion({ startLine, startColumn, endLine, endColumn, offset, length }: Region): object {
  return { startLine, startColumn, endLine, endColumn, charOffset: offset, charLength: length };
}

/** A relative reference with its blanks and marks escaped, or an absolute one. */
function fileUri(file: string): string {
  const path = file.split('/').map(encodeURIComponent).join('/');
  return file.startsWith('/') ? `file://${path}` : path;
}
