import { ShaleError } from '../base/index.ts';
import type { Store, StoreOptions } from './types.ts';

/**
 * Opens the store at `options.root`, making it when there is none (unless `readOnly`).
 * @throws STORE_TOO_NEW for a store that a newer shale wrote, STORE_NOT_FOUND, STORE_DAMAGED.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  throw new ShaleError('STORE_NOT_FOUND', `no store at ${options.root}`);
}
