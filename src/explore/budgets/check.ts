import { humanSize, toText } from '../../base/index.ts';
import { percent, shortText } from '../formats/words.ts';
import type { BudgetName, BudgetResult, Budgets } from '../budget-types.ts';
import type { ExplorationReport } from '../types.ts';

const OFFENDERS_MAX = 20;

type Check = (report: ExplorationReport, budgets: Budgets) => BudgetResult | undefined;

/** Whether an image keeps each of the budgets that are set, in the order of their names here. */
export function checkBudgets(report: ExplorationReport, budgets: Budgets): BudgetResult[] {
  return CHECKS.flatMap((check) => check(report, budgets) ?? []);
}

const CHECKS: readonly Check[] = [
  (report, { efficiency }) => atLeast('efficiency', efficiency, report.scores.shale.efficiency, largestWaste(report)),
  (report, { wastedBytes }) => {
    const { lostBytes, avoidableBytes } = report.scores.shale;
    return atMost('wastedBytes', wastedBytes, lostBytes + avoidableBytes, humanSize, largestWaste(report));
  },
  (report, { layerBytes }) => {
    const tooLarge = report.layers.filter(({ tarBytes }) => layerBytes !== undefined && tarBytes > layerBytes);
    const largest = Math.max(0, ...report.layers.map(({ tarBytes }) => tarBytes));
    return atMost(
      'layerBytes',
      layerBytes,
      largest,
      humanSize,
      tooLarge.map(({ number, tarBytes, instruction }) => {
        const text = instruction === undefined ? '' : (report.instructions[instruction]?.text ?? '');
        return `layer ${number} has ${humanSize(tarBytes)}: ${shortText(text, 60)}`;
      }),
    );
  },
  (report, { imageBytes }) => atMost('imageBytes', imageBytes, report.image.tarBytes, humanSize, []),
  (report, { layers }) => atMost('layers', layers, report.layers.length, String, []),
  ({ privileged: files }, { privileged }) => {
    if (privileged === undefined) return undefined;
    const others = files.map(({ path }) => `/${toText(path)}`).filter((path) => !privileged.includes(path));
    return {
      budget: 'privileged',
      isKept: others.length === 0,
      limit: privileged.length === 0 ? 'none' : `${privileged.length} paths`,
      actual: others.length === 0 ? 'no others' : `${others.length} others`,
      offenders: others.slice(0, OFFENDERS_MAX),
    };
  },
  (report, { lowestEfficiency }) =>
    atLeast('lowestEfficiency', lowestEfficiency, report.scores.dive.efficiency, inefficient(report)),
  (report, { highestWastedBytes }) =>
    atMost('highestWastedBytes', highestWastedBytes, report.scores.dive.wastedBytes, humanSize, inefficient(report)),
  (report, { highestUserWastedPercent }) =>
    atMost(
      'highestUserWastedPercent',
      highestUserWastedPercent,
      report.scores.dive.wastedUserShare,
      percent,
      inefficient(report),
    ),
];

function atLeast(
  budget: BudgetName,
  limit: number | undefined,
  actual: number,
  offenders: readonly string[],
): BudgetResult | undefined {
  if (limit === undefined) return undefined;
  const isKept = actual >= limit;
  return {
    budget,
    isKept,
    limit: `at least ${percent(limit)}`,
    actual: percent(actual),
    offenders: isKept ? [] : offenders,
  };
}

function atMost(
  budget: BudgetName,
  limit: number | undefined,
  actual: number,
  show: (value: number) => string,
  offenders: readonly string[],
): BudgetResult | undefined {
  if (limit === undefined) return undefined;
  const isKept = actual <= limit;
  return { budget, isKept, limit: `at most ${show(limit)}`, actual: show(actual), offenders: isKept ? [] : offenders };
}

function largestWaste({ waste }: ExplorationReport): string[] {
  return waste.entries
    .filter(({ weight }) => weight !== 'optional')
    .slice(0, OFFENDERS_MAX)
    .map(({ path, bytes, cause, layer }) => `${humanSize(bytes)} ${cause} in layer ${layer}: /${toText(path)}`);
}

function inefficient({ scores }: ExplorationReport): string[] {
  return scores.dive.inefficient
    .slice(0, OFFENDERS_MAX)
    .map(({ path, bytes, count }) => `${humanSize(bytes)} in ${count} layers: /${toText(path)}`);
}
