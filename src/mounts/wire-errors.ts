import { isSystemError, messageOf, ShaleError } from '../base/index.ts';
import type { WireError } from './protocol.ts';

/** An error as it crosses between threads: classes do not survive it, codes do. */
export function toWire(error: unknown): WireError {
  if (error instanceof ShaleError) {
    return { code: error.code, message: error.message, data: error.data, hint: error.hint };
  }
  const code = isSystemError(error) && error.code !== undefined ? error.code : 'MOUNT_HOST';
  return { code, message: messageOf(error), data: {}, hint: undefined };
}

export function fromWire(error: WireError): ShaleError {
  const { code, message, data, hint } = error;
  return new ShaleError(code, message, { data, ...(hint === undefined ? {} : { hint }) });
}
