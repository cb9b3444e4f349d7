import { humanSize, toText } from '../../base/index.ts';
import { CAUSES } from '../rules.ts';
import type { BudgetResult } from '../budget-types.ts';
import type { ExplorationReport, WasteCause, WasteEntry } from '../types.ts';

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';
/** Entries that become results; smaller ones are noise. */
const RESULTS_MAX = 200;
const BYTES_MIN = 10_000;
const LEVELS = { lost: 'warning', avoidable: 'warning', optional: 'note' } as const;

export interface SarifOptions {
  /** Of shale. */
  readonly version: string;
  /** Files below it are named from there, as those who show results in a repository want it. */
  readonly folder: string;
}

/**
 * SARIF 2.1.0: a result for each broken budget and for what is wasted, at the line of the Dockerfile where it is known, else
 * at the Dockerfile's name alone.
 */
export function exploreSarif(
  report: ExplorationReport,
  budgets: readonly BudgetResult[],
  { version, folder }: SarifOptions,
): string {
  const entries = report.waste.entries
    .filter(({ weight, bytes }) => weight !== 'optional' && bytes >= BYTES_MIN)
    .slice(0, RESULTS_MAX);
  const causes = [...new Set(entries.map(({ cause }) => cause))];
  const broken = budgets.filter(({ isKept }) => !isKept);
  const rules = [
    ...broken.map(({ budget }) => ({
      id: `budget/${budget}`,
      shortDescription: { text: `The image keeps the budget ${budget}.` },
      defaultConfiguration: { level: 'error' },
    })),
    ...causes.map((cause) => ({
      id: cause,
      shortDescription: { text: CAUSES[cause].meaning },
      defaultConfiguration: { level: LEVELS[CAUSES[cause].weight] },
      properties: { weight: CAUSES[cause].weight, lintRules: CAUSES[cause].rules },
    })),
  ];
  const results = [
    ...broken.map((result, ruleIndex) => budgetResult(report, result, { ruleIndex, folder })),
    ...entries.map((entry) =>
      wasteResult(report, entry, { ruleIndex: broken.length + causes.indexOf(entry.cause), folder }),
    ),
  ];
  const run = { tool: { driver: { name: 'shale explore', version, rules } }, columnKind: 'utf16CodeUnits', results };
  return `${JSON.stringify({ $schema: SCHEMA, version: '2.1.0', runs: [run] }, null, 2)}\n`;
}

interface At {
  readonly ruleIndex: number;
  readonly folder: string;
}

function budgetResult(report: ExplorationReport, result: BudgetResult, { ruleIndex, folder }: At): object {
  const { budget, actual, limit, offenders } = result;
  const by = offenders.length === 0 ? '' : `: ${offenders.join('; ')}`;
  return {
    ruleId: `budget/${budget}`,
    ruleIndex,
    level: 'error',
    message: { text: `${report.image.name}: ${budget} is ${actual}, the limit is ${limit}${by}` },
    locations: [locationOf(report, undefined, folder)],
  };
}

function wasteResult(report: ExplorationReport, entry: WasteEntry, { ruleIndex, folder }: At): object {
  const { path, isFolder, cause, weight, bytes, layer, by, rule } = entry;
  const later = by === undefined ? '' : ` (by layer ${by})`;
  return {
    ruleId: cause satisfies WasteCause,
    ruleIndex,
    level: LEVELS[weight],
    message: {
      text: `${humanSize(bytes)} of layer ${layer} are waste: /${toText(path)}${isFolder ? '/' : ''} — ${CAUSES[cause].meaning}${later}${rule === undefined ? '' : `; shale lint: ${rule.id}`}`,
    },
    locations: [locationOf(report, layer, folder)],
    partialFingerprints: { pathAndCause: `${cause}:/${toText(path)}` },
    properties: { bytes, layer, ...(rule !== undefined && { lintRule: rule.id }) },
  };
}

function locationOf(report: ExplorationReport, layer: number | undefined, folder: string): object {
  const instruction = report.layers.find(({ number }) => number === layer)?.instruction;
  const line = instruction === undefined ? undefined : report.instructions[instruction]?.line;
  const uri = line === undefined ? 'Dockerfile' : fileUri(line.file, folder);
  const region = line === undefined ? {} : { region: { startLine: line.first, endLine: line.last } };
  return { physicalLocation: { artifactLocation: { uri }, ...region } };
}

/** A reference from the folder, or an absolute one. */
function fileUri(file: string, folder: string): string {
  const isBelow = file.startsWith(`${folder}/`);
  const path = (isBelow ? file.slice(folder.length + 1) : file).split('/').map(encodeURIComponent).join('/');
  return isBelow ? path : `file://${path}`;
}
