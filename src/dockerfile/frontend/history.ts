import type { Healthcheck } from '../../oci/index.ts';
import { quote } from '../syntax/characters.ts';
import { formatDuration } from '../syntax/values.ts';

/** A list as Go's %v prints it. */
export function plainList(items: readonly string[]): string {
  return `[${items.join(' ')}]`;
}

/** A list as Go's %q prints it. */
export function quotedList(items: readonly string[]): string {
  return `[${items.map(quote).join(' ')}]`;
}

/** HEALTHCHECK as BuildKit's history has it. */
export function healthcheckText(check: Healthcheck): string {
  const fields = [
    `Test:${plainList(check.Test ?? [])}`,
    `Interval:${formatDuration(check.Interval ?? 0)}`,
    `Timeout:${formatDuration(check.Timeout ?? 0)}`,
    `StartPeriod:${formatDuration(check.StartPeriod ?? 0)}`,
    `StartInterval:${formatDuration(check.StartInterval ?? 0)}`,
    `Retries:${check.Retries ?? 0}`,
  ];
  return `HEALTHCHECK {${fields.join(' ')}}`;
}
