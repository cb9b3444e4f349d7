import { type Owner, ShaleError } from '../base/index.ts';
import type { Database } from './database.ts';
import type { Layout } from './layout.ts';
import type { SessionLease } from './leases.ts';
import type { TimeMs } from './types.ts';

/** What the parts of one open store share. */
export interface StoreContext {
  readonly layout: Layout;
  readonly db: Database;
  readonly owner: Owner;
  readonly readOnly: boolean;
  /** Said in errors: opened so, or what the system answered. */
  readonly whyReadOnly: string;
  readonly clock: () => TimeMs;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly session: SessionLease;
}

/** @throws STORE_READ_ONLY at once, before anything is tried. */
export function requireWritable(context: StoreContext): void {
  if (!context.readOnly) return;
  throw new ShaleError(
    'STORE_READ_ONLY',
    `the store ${context.layout.root} cannot be written: ${context.whyReadOnly}`,
    {
      data: { path: context.layout.root },
    },
  );
}
