import { isAbsolute, posix, resolve } from 'node:path';
import type { BindMount, TmpfsMount, VolumeMount } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const PROPAGATIONS = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared'] as const;

type Propagation = NonNullable<BindMount['propagation']>;

/** Where paths that are not absolute begin. */
export interface Surroundings {
  readonly cwd: string;
  readonly home?: string | undefined;
}

/**
 * Reads docker's `TARGET`, `NAME:TARGET[:OPTIONS]` and `PATH:TARGET[:OPTIONS]`; a path begins with `/`, `./`, `../`
 * or is `.` or `~/…`. Paths of the host come out absolute.
 * @throws USAGE
 */
export function parseVolumeSpec(spec: string, surroundings: Surroundings): VolumeMount {
  const words = spec.split(':');
  if (words.length > 3) throw invalid(spec, 'it has more than three parts');
  if (words.length === 1) return { kind: 'anonymous', target: checkTarget(spec, spec), readOnly: false, noCopy: false };
  const [source = '', target = '', mode] = words;
  const { readOnly, noCopy, propagation } = parseMode(spec, mode ?? '');
  const common = { target: checkTarget(spec, target), readOnly, ...(mode !== undefined && mode !== '' && { mode }) };
  const path = hostPath(source, surroundings);
  if (path !== undefined) {
    if (noCopy) throw invalid(spec, 'nocopy is for named volumes');
    return { kind: 'bind', source: path, ...common, ...(propagation !== undefined && { propagation }) };
  }
  if (propagation !== undefined) throw invalid(spec, `${propagation} is for folders of this machine`);
  return { kind: 'volume', name: checkName(spec, source), ...common, noCopy };
}

/** `--tmpfs TARGET[:OPTIONS]`. @throws USAGE */
export function parseTmpfsSpec(spec: string): TmpfsMount {
  const colon = spec.indexOf(':');
  const target = colon === -1 ? spec : spec.slice(0, colon);
  return {
    kind: 'tmpfs',
    target: checkTarget(spec, target),
    readOnly: false,
    flag: 'tmpfs',
    ...(colon !== -1 && { options: spec.slice(colon + 1) }),
  };
}

function hostPath(source: string, { cwd, home }: Surroundings): string | undefined {
  if (isAbsolute(source) || /^\.\.?(\/|$)/.test(source)) return resolve(cwd, source);
  if (source.startsWith('~/') && home !== undefined) return resolve(home, source.slice(2));
  return undefined;
}

/** @throws USAGE */
export function checkName(spec: string, name: string): string {
  if (NAME.test(name)) return name;
  throw invalid(spec, `${JSON.stringify(name)} is neither a path nor a volume name`, 'begin a path with / or ./');
}

/** @throws USAGE */
export function checkTarget(spec: string, target: string): string {
  if (!isAbsolute(target)) throw invalid(spec, `the path in the container, ${JSON.stringify(target)}, is not absolute`);
  if (posix.resolve(target) === '/') throw invalid(spec, 'the root of a container cannot be replaced');
  return target;
}

export function propagationOf(word: string): Propagation | undefined {
  return PROPAGATIONS.find((one) => one === word);
}

/** Each kind of word at most once, as docker. Labels and consistency are without effect where there are no labels. */
const KINDS: readonly ReadonlySet<string>[] = [
  new Set(['ro', 'rw']),
  new Set(['z', 'Z']),
  new Set(PROPAGATIONS),
  new Set(['nocopy']),
  new Set(['consistent', 'cached', 'delegated', 'default']),
];

interface Mode {
  readonly readOnly: boolean;
  readonly noCopy: boolean;
  readonly propagation: Propagation | undefined;
}

function parseMode(spec: string, text: string): Mode {
  const words = text === '' ? [] : text.split(',');
  const seen = new Set<ReadonlySet<string>>();
  for (const word of words) {
    const kind = KINDS.find((one) => one.has(word));
    if (kind === undefined) {
      const known = 'ro, rw, nocopy, rslave, rprivate, z, Z, cached and the like';
      throw invalid(spec, `there is no option ${JSON.stringify(word)}`, `there are ${known}`);
    }
    if (seen.has(kind)) throw invalid(spec, `${[...kind].join(', ')}: only one of them can be given`);
    seen.add(kind);
  }
  return {
    readOnly: words.includes('ro'),
    noCopy: words.includes('nocopy'),
    propagation: words.map(propagationOf).find((word) => word !== undefined),
  };
}

export function invalid(spec: string, why: string, hint?: string): UsageError {
  return new UsageError(`cannot mount ${JSON.stringify(spec)}: ${why}`, hint);
}
