import { isAbsolute, resolve } from 'node:path';
import type { VolumeMount } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
/** Accepted and without effect: no SELinux labels are set, and nobody else's caches are involved. */
const WITHOUT_EFFECT = new Set(['rw', 'z', 'Z', 'cached', 'delegated', 'consistent', 'rprivate', 'private']);

/**
 * Reads docker's `TARGET`, `NAME:TARGET[:OPTIONS]` and `PATH:TARGET[:OPTIONS]`; a path begins with `/`, `./`, `../`
 * or is `.` or `~/…`. Paths of the host come out absolute.
 * @throws USAGE
 */
export function parseVolumeSpec(spec: string, surroundings: { cwd: string; home?: string | undefined }): VolumeMount {
  const words = spec.split(':');
  if (words.length > 3) throw invalid(spec, 'it has more than three parts');
  if (words.length === 1) return { kind: 'anonymous', target: checkTarget(spec, spec), readOnly: false, noCopy: false };
  const [source = '', target = '', optionText = ''] = words;
  const options = parseOptions(spec, optionText);
  const common = { target: checkTarget(spec, target), readOnly: options.readOnly };
  const path = hostPath(source, surroundings);
  if (path !== undefined) {
    if (options.noCopy) throw invalid(spec, 'nocopy is for named volumes');
    return { kind: 'bind', source: path, ...common };
  }
  if (!NAME.test(source)) {
    throw invalid(spec, `${JSON.stringify(source)} is neither a path nor a volume name`, 'begin a path with / or ./');
  }
  return { kind: 'volume', name: source, ...common, noCopy: options.noCopy };
}

function hostPath(source: string, { cwd, home }: { cwd: string; home?: string | undefined }): string | undefined {
  if (isAbsolute(source) || /^\.\.?(\/|$)/.test(source)) return resolve(cwd, source);
  if (source.startsWith('~/') && home !== undefined) return resolve(home, source.slice(2));
  return undefined;
}

function checkTarget(spec: string, target: string): string {
  if (!isAbsolute(target)) throw invalid(spec, `the path in the container, ${JSON.stringify(target)}, is not absolute`);
  if (resolve(target) === '/') throw invalid(spec, 'the root of a container cannot be replaced');
  return target;
}

function parseOptions(spec: string, text: string): { readOnly: boolean; noCopy: boolean } {
  const words = text === '' ? [] : text.split(',');
  for (const word of words) {
    if (word !== 'ro' && word !== 'nocopy' && !WITHOUT_EFFECT.has(word)) {
      throw invalid(spec, `the option ${JSON.stringify(word)} is not supported`, 'supported are ro, rw and nocopy');
    }
  }
  return { readOnly: words.includes('ro'), noCopy: words.includes('nocopy') };
}

function invalid(spec: string, why: string, hint?: string): UsageError {
  return new UsageError(`cannot mount ${JSON.stringify(spec)}: ${why}`, hint);
}
