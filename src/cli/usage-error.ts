import { ShaleError } from '../base/index.ts';

/** The command line is not one that shale understands: code USAGE, exit status 125. */
export class UsageError extends ShaleError {
  constructor(message: string, hint?: string) {
    super('USAGE', message, hint === undefined ? {} : { hint });
  }
}
