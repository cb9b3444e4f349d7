import { isShaleError } from '../../base/index.ts';
import type { AnnotationRequest } from '../../engine/index.ts';
import { parsePlatform } from '../../oci/index.ts';
import { UsageError } from '../usage-error.ts';

const PLACES = ['manifest', 'manifest-descriptor', 'index', 'index-descriptor'] as const;
/** Of a key that begins with the words of places: `index,manifest[linux/amd64]:…` */
const PREFIX = /^((?:[a-z-]+(?:\[[^\]]*\])?)(?:,[a-z-]+(?:\[[^\]]*\])?)*):/;

/**
 * `--annotation`: `KEY=VALUE` for the manifest, or `PLACE[PLATFORM],…:KEY=VALUE`, as buildx has it.
 * @throws USAGE
 */
export function parseAnnotations(words: readonly string[]): AnnotationRequest[] {
  return words.flatMap((word) => {
    const equals = word.indexOf('=');
    const prefix = PREFIX.exec(equals === -1 ? word : word.slice(0, equals));
    const start = prefix === null ? 0 : prefix[0].length;
    const key = word.slice(start, Math.max(start, equals));
    if (equals === -1 || key === '')
      throw new UsageError(`--annotation ${JSON.stringify(word)} has no name and value`, '--annotation KEY=VALUE');
    const places = prefix === null ? [{ place: 'manifest' } as const] : parsePlaces(word, prefix[1] ?? '');
    return places.map((place) => ({ ...place, key, value: word.slice(equals + 1) }));
  });
}

function parsePlaces(word: string, text: string): Pick<AnnotationRequest, 'place' | 'platform'>[] {
  return text.split(',').flatMap((part) => parseAnnotationKey(`annotation ${word}`, part));
}

/** `manifest`, `index-descriptor`, `manifest[linux/arm64]`. @throws USAGE */
export function parseAnnotationKey(flag: string, text: string): Pick<AnnotationRequest, 'place' | 'platform'>[] {
  const [, name = '', platform] = /^([a-z-]+)(?:\[([^\]]*)\])?$/.exec(text) ?? [];
  const place = PLACES.find((one) => one === name);
  if (place === undefined)
    throw new UsageError(`--${flag}: ${name || text} is no place`, `places are ${PLACES.join(', ')}`);
  if (platform === undefined) return [{ place }];
  if (place.startsWith('index')) throw new UsageError(`--${flag}: an index is for all platforms`, `${place}:KEY=VALUE`);
  try {
    parsePlatform(platform);
  } catch (error) {
    if (isShaleError(error, 'PLATFORM_INVALID')) throw new UsageError(`--${flag}: ${error.message}`, error.hint);
    throw error;
  }
  return [{ place, platform }];
}
