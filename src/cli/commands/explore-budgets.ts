import { resolve } from 'node:path';
import { messageOf } from '../../base/index.ts';
import { findBudgets, loadBudgets, parseBudget, type BudgetName, type Budgets } from '../../explore/index.ts';
import type { Flag } from '../command.ts';
import type { Context } from '../context.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { UsageError } from '../usage-error.ts';

const LIMITS: readonly (readonly [flag: string, budget: BudgetName, value: string, summary: string])[] = [
  ['min-efficiency', 'efficiency', 'SHARE', 'budget: the score is not below, as 0.95 or 95%'],
  ['max-wasted', 'wastedBytes', 'SIZE', 'budget: lost and avoidable bytes, as 20MB'],
  ['max-layer-size', 'layerBytes', 'SIZE', 'budget: the tar of each layer'],
  ['max-size', 'imageBytes', 'SIZE', 'budget: the tars of all layers'],
  ['max-layers', 'layers', 'NUMBER', 'budget: how many layers there are'],
  ['lowestEfficiency', 'lowestEfficiency', 'SHARE', "dive's budget: its score is not below"],
  ['highestWastedBytes', 'highestWastedBytes', 'SIZE', "dive's budget: bytes that it counts as wasted"],
  [
    'highestUserWastedPercent',
    'highestUserWastedPercent',
    'SHARE',
    "dive's budget: the same, of the bytes above the lowest layer",
  ],
];

export const BUDGET_FLAGS: readonly Flag[] = [
  {
    kind: 'boolean',
    name: 'ci',
    summary: 'hold the image to the budgets of this folder: .shale-explore.toml, else .dive-ci',
  },
  { kind: 'text', name: 'budgets', value: 'FILE', summary: 'hold it to the budgets of this file' },
  ...LIMITS.map(([name, , value, summary]): Flag => ({ kind: 'text', name, value, summary })),
  {
    kind: 'list',
    name: 'allow-privileged',
    value: 'PATH',
    summary: 'budget: no other files with setuid, setgid or capabilities; "none" for none at all',
  },
];

/**
 * The budgets that flags and files set, flags before files; undefined where none are asked for.
 * @throws USAGE, EXPLORE_CONFIG_INVALID
 */
export async function budgetsOf(context: Context, flags: ParsedFlags): Promise<Budgets | undefined> {
  const file = flags.text('budgets');
  const isCi = flags.boolean('ci');
  const own = budgetsOfFlags(flags);
  if (file === undefined && !isCi) return own;
  const found = file === undefined ? await findBudgets(context.cwd) : await loadBudgets(resolve(context.cwd, file));
  if (found === undefined && own === undefined)
    throw new UsageError('--ci finds no budgets here', 'write .shale-explore.toml, or give them as flags');
  return { ...found?.budgets, ...own };
}

function budgetsOfFlags(flags: ParsedFlags): Budgets | undefined {
  let budgets: Budgets | undefined;
  const take = (flag: string, budget: BudgetName, value: unknown): void => {
    try {
      budgets = { ...budgets, ...parseBudget(budget, value) };
    } catch (error) {
      throw new UsageError(`--${flag}: ${messageOf(error)}`);
    }
  };
  for (const [flag, budget] of LIMITS) {
    const value = flags.text(flag);
    if (value !== undefined) take(flag, budget, value);
  }
  const paths = flags.list('allow-privileged');
  if (paths.length > 0)
    take(
      'allow-privileged',
      'privileged',
      paths.filter((path) => path !== 'none'),
    );
  return budgets;
}
