import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isSystemError, messageOf, ShaleError } from '../../base/index.ts';
import type { BudgetName, Budgets } from '../budget-types.ts';
import { parseBudget } from './values.ts';

/** In the order in which they are looked for; ours wins. */
const NAMES = ['.shale-explore.toml', '.dive-ci', '.dive-ci.yaml', '.dive-ci.yml'] as const;
const CONFIG_BYTES_MAX = 1024 * 1024;

/** Names of our file, as in flags, and of dive's. */
const OWN: Readonly<Record<string, BudgetName>> = {
  'min-efficiency': 'efficiency',
  'max-wasted': 'wastedBytes',
  'max-layer-size': 'layerBytes',
  'max-size': 'imageBytes',
  'max-layers': 'layers',
  'allowed-privileged': 'privileged',
  lowestEfficiency: 'lowestEfficiency',
  highestWastedBytes: 'highestWastedBytes',
  highestUserWastedPercent: 'highestUserWastedPercent',
};
const DIVE: readonly string[] = ['lowestEfficiency', 'highestWastedBytes', 'highestUserWastedPercent'];

export interface FoundBudgets {
  readonly path: string;
  readonly budgets: Budgets;
}

/** The budgets of a folder; undefined where it has none. @throws EXPLORE_CONFIG_INVALID */
export async function findBudgets(folder: string): Promise<FoundBudgets | undefined> {
  for (const name of NAMES) {
    const path = join(folder, name);
    const text = readIfThere(path);
    if (text !== undefined) return { path, budgets: await parseBudgetFile(path, text) };
  }
  return undefined;
}

/** @throws EXPLORE_CONFIG_INVALID also when it is not there */
export async function loadBudgets(path: string): Promise<FoundBudgets> {
  const text = readIfThere(path);
  if (text === undefined) throw invalid(path, 'there is no such file');
  return { path, budgets: await parseBudgetFile(path, text) };
}

/** Our TOML, with a table `budgets`, or dive's YAML, with a map `rules`; by the name of the file. */
async function parseBudgetFile(path: string, text: string): Promise<Budgets> {
  const isOwn = basename(path).endsWith('.toml');
  const document = isOwn ? await readToml(path, text) : await readYaml(path, text);
  const [table, others] = isOwn ? ['budgets', []] : ['rules', ['ignore-errors']];
  for (const name of Object.keys(document))
    if (name !== table && !others.includes(name))
      throw invalid(path, `there is no ${JSON.stringify(name)}, only ${table}`);
  const fields = document[table] ?? {};
  if (!isRecord(fields)) throw invalid(path, `${table} is not a table`);
  let budgets: Budgets = {};
  for (const [name, value] of Object.entries(fields)) {
    const budget = isOwn || DIVE.includes(name) ? OWN[name] : undefined;
    if (budget === undefined) {
      const known = isOwn ? Object.keys(OWN) : DIVE;
      throw invalid(
        path,
        `there is no budget ${JSON.stringify(name)}; there are ${known.join(', ')}`,
        lineOf(text, name),
      );
    }
    // dive: a rule that is off.
    if (value === 'disabled' || value === false) continue;
    budgets = { ...budgets, ...read(path, text, name, budget, value) };
  }
  return budgets;
}

function read(path: string, text: string, name: string, budget: BudgetName, value: unknown): Budgets {
  try {
    return parseBudget(budget, value);
  } catch (error) {
    throw invalid(path, `${name}: ${messageOf(error)}`, lineOf(text, name));
  }
}

async function readToml(path: string, text: string): Promise<Record<string, unknown>> {
  const { parse } = await import('smol-toml');
  try {
    return parse(text);
  } catch (error) {
    throw invalid(path, messageOf(error).split('\n')[0] ?? '');
  }
}

async function readYaml(path: string, text: string): Promise<Record<string, unknown>> {
  const { parse } = await import('yaml');
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw invalid(path, messageOf(error).split('\n')[0] ?? '');
  }
  if (document === null) return {};
  if (!isRecord(document)) throw invalid(path, 'it is not a map');
  return document;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The first line that begins with a name. */
function lineOf(text: string, name: string): number | undefined {
  const at = text.split('\n').findIndex((line) => new RegExp(`^\\s*["']?${name.replace(/\W/g, '\\$&')}\\b`).test(line));
  return at < 0 ? undefined : at + 1;
}

function invalid(path: string, why: string, line?: number): ShaleError {
  return new ShaleError('EXPLORE_CONFIG_INVALID', `${path}${line === undefined ? '' : `:${line}`}: ${why}`, {
    data: { path, ...(line !== undefined && { line }) },
    hint: 'docs/explore.md tells what there may be',
  });
}

function readIfThere(path: string): string | undefined {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > CONFIG_BYTES_MAX) throw invalid(path, `it is longer than ${CONFIG_BYTES_MAX} bytes`);
    return bytes.toString('utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw isSystemError(error) ? invalid(path, messageOf(error)) : error;
  }
}
