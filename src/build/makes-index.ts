import { ShaleError } from '../base/index.ts';
import { parseBoolean } from '../dockerfile/index.ts';

const ARGUMENT = 'BUILDKIT_MULTI_PLATFORM';

/**
 * True when a build gives an image index, and files in a folder for each platform: for several platforms, and for one when
 * `BUILDKIT_MULTI_PLATFORM` asks for it, as with BuildKit.
 * @throws OUTPUT_UNSUPPORTED when it says no of several platforms, or is no boolean
 */
export function makesIndex(platformCount: number, buildArgs: Readonly<Record<string, string>>): boolean {
  const text = buildArgs[ARGUMENT];
  if (text === undefined || text === '') return platformCount > 1;
  const asked = parseBoolean(text);
  if (asked === undefined) throw new ShaleError('OUTPUT_UNSUPPORTED', `${ARGUMENT} is true or false, not "${text}"`);
  if (!asked && platformCount > 1)
    throw new ShaleError('OUTPUT_UNSUPPORTED', `${ARGUMENT}=${text} and several platforms exclude each other`);
  return asked;
}
