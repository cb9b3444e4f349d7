import type { BudgetName, Budgets } from '../budget-types.ts';

const SIZE = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])?(i)?b?)$/i;

/**
 * A budget from a file or a flag. Shares are numbers from 0 to 1 or, with a percent sign, from 0 to 100; sizes are numbers of
 * bytes, with units of 1000 (`20MB`) or 1024 (`20MiB`).
 * @throws RangeError that says what was expected
 */
export function parseBudget(budget: BudgetName, value: unknown): Budgets {
  switch (budget) {
    case 'efficiency':
    case 'lowestEfficiency':
    case 'highestUserWastedPercent':
      return { [budget]: shareOf(value) };
    case 'wastedBytes':
    case 'layerBytes':
    case 'imageBytes':
    case 'highestWastedBytes':
      return { [budget]: sizeOf(value) };
    case 'layers':
      return { [budget]: countOf(value) };
    case 'privileged':
      return { [budget]: pathsOf(value) };
  }
}

function shareOf(value: unknown): number {
  const text = typeof value === 'string' ? value.trim() : value;
  const isPercent = typeof text === 'string' && text.endsWith('%');
  const number =
    typeof text === 'number' ? text : typeof text === 'string' ? Number(text.replace(/%$/, '')) : Number.NaN;
  const share = isPercent ? number / 100 : number;
  if (text === '' || !(share >= 0 && share <= 1)) throw expected('a share from 0 to 1, or 0% to 100%', value);
  return share;
}

function sizeOf(value: unknown): number {
  if (typeof value === 'number' && value >= 0) return Math.floor(value);
  const match = typeof value === 'string' ? SIZE.exec(value.trim()) : null;
  if (match === null) throw expected('a size, like 20MB or 1.5GiB', value);
  const [, number = '', unit, binary] = match;
  const power = unit === undefined ? 0 : 'kmgt'.indexOf(unit.toLowerCase()) + 1;
  return Math.floor(Number(number) * (binary === undefined ? 1000 : 1024) ** power);
}

function countOf(value: unknown): number {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) throw expected('a number', value);
  return number;
}

function pathsOf(value: unknown): string[] {
  const paths = Array.isArray(value) ? value : [value];
  return paths.map((path: unknown) => {
    if (typeof path !== 'string' || !path.startsWith('/')) throw expected('paths with a leading slash', path);
    return path;
  });
}

function expected(what: string, got: unknown): RangeError {
  return new RangeError(`expected ${what}, got ${JSON.stringify(got) ?? 'nothing'}`);
}
