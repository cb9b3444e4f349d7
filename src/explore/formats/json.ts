import { toText } from '../../base/index.ts';
import type { BudgetResult } from '../budget-types.ts';
import type { ExplorationComparison } from '../comparison-types.ts';
import type { ExplorationReport } from '../types.ts';

/** The version of what `exploreJson` and `comparisonJson` give: fields are added without a new one. */
const VERSION = 1;

/** The whole report as JSON; paths are text with a leading slash. docs/explore.md, "JSON". */
export function exploreJson(report: ExplorationReport, budgets: readonly BudgetResult[] = []): string {
  return jsonOf({ version: VERSION, ...report, ...(budgets.length > 0 && { budgets }) });
}

export function comparisonJson(comparison: ExplorationComparison): string {
  return jsonOf({ version: VERSION, comparison });
}

/** Everything of the model as JSON: a field called `path` is a byte string, and becomes text. */
export function jsonOf(value: unknown): string {
  const text = (key: string, field: unknown): unknown =>
    key === 'path' && typeof field === 'string' ? `/${toText(field)}` : field;
  return `${JSON.stringify(value, text, 2)}\n`;
}
