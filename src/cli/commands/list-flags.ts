import type { Flag } from '../command.ts';

/** Flags that the lists share. */
export const FORMAT_FLAG: Flag = {
  kind: 'text',
  name: 'format',
  value: 'FORMAT',
  summary: 'table, json, or a Go template as "{{.ID}}"',
};

export const NO_TRUNC_FLAG: Flag = { kind: 'boolean', name: 'no-trunc', summary: 'cut nothing off' };

export function quietFlag(summary: string): Flag {
  return { kind: 'boolean', name: 'quiet', short: 'q', summary };
}

export function filterFlag(keys: readonly string[]): Flag {
  return {
    kind: 'list',
    name: 'filter',
    short: 'f',
    value: 'KEY=VALUE',
    summary: `show only some, by ${keys.join(', ')}`,
  };
}

/** Asking before something is removed. */
export const FORCE_FLAG: Flag = { kind: 'boolean', name: 'force', short: 'f', summary: 'do not ask' };
