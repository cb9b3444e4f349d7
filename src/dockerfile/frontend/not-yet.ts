import { Refusal } from '../syntax/diagnostics.ts';
import type { Span } from '../syntax/source.ts';

/** What the language has and the builder cannot carry out yet. A row that is removed is supported. */
const NOT_YET = {
  'run-device': 'RUN --device',
} as const satisfies Readonly<Record<string, string>>;

/** Every feature that is asked about, also those whose row is gone. */
export type Feature = 'run-device';

/** @throws Refusal NOT_SUPPORTED when the feature has a row */
export function requireFeature(feature: Feature, span: Span | undefined): void {
  const rows: Readonly<Partial<Record<Feature, string>>> = NOT_YET;
  const what = rows[feature];
  if (what !== undefined) throw new Refusal('NOT_SUPPORTED', `${what} is not supported yet`, span);
}
