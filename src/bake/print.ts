import { FIELDS, type FieldForms, type Fields } from './fields.ts';
import type { BakePlan } from './resolve.ts';

/** The resolved form as plain data, as `docker buildx bake --print` shows it. */
export function printable(plan: BakePlan): Readonly<Record<string, unknown>> {
  const byName = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    group: Object.fromEntries(byName(plan.groups).map(([name, targets]) => [name, { targets }])),
    target: Object.fromEntries(byName(plan.targets).map(([name, fields]) => [name, targetData(fields)])),
  };
}

/** The attributes that are set, in their order; texts are escaped, so that the output is a bake file again. */
export function targetData(fields: Fields): Record<string, unknown> {
  const data: Record<string, unknown> = {};
  for (const { name, form } of FIELDS) {
    if (!fields.has(name)) continue;
    if (form === 'map') data[name] = sortedObject(fields.get('map', name) ?? new Map());
    else if (form === 'entries') data[name] = (fields.get('entries', name) ?? []).map(sortedEntry);
    else data[name] = escaped(fields.get(form, name));
  }
  return data;
}

function sortedObject(map: FieldForms['map'] | FieldForms['entries'][number]): Record<string, unknown> {
  const entries: [string, unknown][] = [...map];
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, value]) => [key, escaped(value)]));
}

/** Whether an attestation is switched off is no text. */
function sortedEntry(entry: FieldForms['entries'][number]): Record<string, unknown> {
  const data = sortedObject(entry);
  return entry.has('disabled') ? { ...data, disabled: entry.get('disabled') === 'true' } : data;
}

function escaped(value: unknown): unknown {
  if (typeof value === 'string') return escapedText(value);
  return Array.isArray(value) ? value.map(escaped) : value;
}

function escapedText(text: string): string {
  return text.replaceAll(/[$%]\{/g, (sign) => sign.charAt(0) + sign);
}
