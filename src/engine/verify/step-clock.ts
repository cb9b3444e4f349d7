import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isShaleError, isSystemError, ShaleError, streamOf, writeWholeFile } from '../../base/index.ts';
import { debianArchitecture, readPackageFile } from '../../bases/index.ts';
import type { ClockSite, StepClock } from '../../build/index.ts';
import { type ElfFile, readElf } from '../../elf/index.ts';
import { hostPlatform } from '../../oci/index.ts';
import { openBaseHost } from '../bases/base-host.ts';
import { ImagePrograms } from '../bases/programs.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../types.ts';
import { CLOCK_PATH, type RebuildReport } from './verify-types.ts';

/** Of Debian's package libfaketime: the one for programs with threads. */
const LIBRARY = 'libfaketimeMT.so.1';
const PACKAGE = 'libfaketime';
/** The oldest release asks least of the C library of an image. */
const SUITES = ['oldstable', 'stable'] as const;
/** Where distributions put it. */
const PLACES = [`/usr/lib/*/faketime/${LIBRARY}`, `/usr/lib{,64}/faketime/${LIBRARY}`];
/** Variables by which programs are told of it, or could have been told of another one. */
const OWN = /^(?:LD_PRELOAD|FAKETIME)=./;
const LIBRARY_MAX_BYTES: number = 16 * 1024 * 1024;
/** Another day, hour, minute and second; certificates and lists that are good for a week still are. */
const CLOCK_AHEAD_SECONDS = 90_061;

/** Why the clock of steps is the machine's. */
type NoClock = RebuildReport['notVaried'][number];

/**
 * Another clock for steps, or why there is none. `aheadSeconds` as a request has it; `folder` is private, and outlives what is
 * built. @throws as findClockLibrary
 */
export async function openClock(
  context: EngineContext,
  aheadSeconds: number | undefined,
  folder: string,
  watch: Watch,
): Promise<ClockAhead | NoClock> {
  const what = 'clock of steps';
  if (aheadSeconds === 0) return { what, why: "the machine's was asked for" };
  const library = await findClockLibrary(context, aheadSeconds !== undefined, watch);
  if (library === undefined)
    return { what, why: 'libfaketime is not on this machine: --clock 1d fetches it from the mirror of Debian' };
  return clockAhead(library, aheadSeconds ?? CLOCK_AHEAD_SECONDS, join(folder, 'clock'));
}

/** What became of it. */
export function clockReport(clock: ClockAhead | NoClock): Pick<RebuildReport, 'varied' | 'notVaried'> {
  return 'report' in clock ? clock.report() : { varied: [], notVaried: [clock] };
}

/** A program may fail because it looks at the clock: certificates and lists of packages have an end. */
export function blameClock(error: unknown, clock: ClockAhead | NoClock): unknown {
  if (!('setFor' in clock) || !isShaleError(error, 'EXEC_FAILED', 'CONFIGURE_FAILED') || error.hint !== undefined)
    return error;
  const hint = 'its clock was ahead, which may be why: --clock off leaves it';
  return new ShaleError(error.code, error.message, { data: error.data, cause: error, hint });
}

/**
 * The library, from this machine, else from what was fetched before, else, where `isWanted`, from Debian's mirror.
 * Undefined when it is nowhere, and nobody has asked for it.
 * @throws as readPackageFile
 */
export async function findClockLibrary(
  context: EngineContext,
  isWanted: boolean,
  watch: Watch,
): Promise<Buffer | undefined> {
  const kept = join(await context.store.folder('sources'), LIBRARY);
  for (const path of [...globSync(PLACES).toSorted(), kept]) {
    const bytes = readLibrary(path);
    if (bytes !== undefined) return bytes;
  }
  if (!isWanted) return undefined;
  const bytes = await fetchLibrary(context, watch);
  await writeWholeFile(kept, streamOf(bytes), watch.signal);
  return bytes;
}

/** Undefined for what is not there, or is for another kind of machine. */
function readLibrary(path: string): Buffer | undefined {
  try {
    const bytes = readFileSync(path);
    return elfOf(bytes)?.machine === hostPlatform().architecture ? bytes : undefined;
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'EACCES')) throw error;
    return undefined;
  }
}

async function fetchLibrary(context: EngineContext, watch: Watch): Promise<Buffer> {
  await using host = await openBaseHost(context, watch, { noCache: false });
  const { architecture: machine } = hostPlatform();
  const { debianMirror } = context.options;
  for (const suite of SUITES) {
    try {
      return await readPackageFile(
        {
          suite,
          architecture: debianArchitecture(machine) ?? machine,
          name: PACKAGE,
          isWanted: (path) => path.endsWith(`/${LIBRARY}`),
          ...(debianMirror !== undefined && { configuredMirror: debianMirror }),
          signal: watch.signal,
        },
        host,
      );
    } catch (error) {
      if (!isShaleError(error, 'SUITE_NOT_FOUND', 'PACKAGE_NOT_FOUND')) throw error;
    }
  }
  throw new ShaleError('VERIFY_IMPOSSIBLE', `the mirror has no package ${PACKAGE}, which sets the clock of steps`, {
    hint: 'install it on this machine, or verify with --clock off',
  });
}

function elfOf(bytes: Uint8Array): ElfFile | undefined {
  if (bytes.length > LIBRARY_MAX_BYTES) return undefined;
  const read = ({ offset, lengthBytes }: { readonly offset: number; readonly lengthBytes: number }): Uint8Array =>
    bytes.subarray(offset, offset + lengthBytes);
  return readElf({ sizeBytes: bytes.length, read });
}

/** A clock that is ahead of the machine's, and what became of it. */
export interface ClockAhead extends StepClock {
  report(): Pick<RebuildReport, 'varied' | 'notVaried'>;
}

/**
 * Sets the clock of steps ahead by a library that their loader loads before all others. It is given where the image's own C
 * library has all that it needs: programs of musl, and static ones, see the machine's clock. Times of files stay what they are,
 * and so do clocks that only measure. `folder` is private, and outlives the build.
 */
export function clockAhead(library: Buffer, aheadSeconds: number, folder: string): ClockAhead {
  mkdirSync(folder, { recursive: true });
  const source = join(folder, LIBRARY);
  writeFileSync(source, library, { mode: 0o555 });
  const elf = elfOf(library);
  let count = 0;
  const left = new Map<string, string[]>();
  return {
    setFor({ step }, site) {
      const why = elf === undefined ? `${LIBRARY} is no library` : hindrance(elf, site);
      if (why !== undefined) {
        left.set(why, [...(left.get(why) ?? []), step]);
        return undefined;
      }
      count++;
      return {
        mounts: [{ kind: 'bind', source, sourceKind: 'file', target: CLOCK_PATH, readonly: true }],
        env: [
          `LD_PRELOAD=${CLOCK_PATH}`,
          `FAKETIME=+${aheadSeconds}`,
          'FAKETIME_DONT_FAKE_MONOTONIC=1',
          'FAKETIME_DISABLE_SHM=1',
          'NO_FAKE_STAT=1',
        ],
      };
    },
    report() {
      const is = `${describeSeconds(aheadSeconds)} ahead`;
      return {
        varied: count === 0 ? [] : [{ what: `clock of ${stepsOf(count)}`, was: "the machine's", is }],
        notVaried:
          count === 0 && left.size === 0
            ? [{ what: 'clock of steps', why: 'no program runs' }]
            : [...left].map(([why, steps]) => ({
                what: steps.length === 1 ? `clock of ${firstLine(steps[0])}` : `clock of ${stepsOf(steps.length)}`,
                why,
              })),
      };
    },
  };
}

/** Why programs of a step cannot be told another time; undefined where they can. */
function hindrance(library: ElfFile, { stack, env }: ClockSite): string | undefined {
  const own = env.find((variable) => OWN.test(variable));
  if (own !== undefined) return `it sets ${own.slice(0, own.indexOf('='))} itself`;
  const programs = new ImagePrograms(stack);
  const [problem] = programs.problemsOf({ path: CLOCK_PATH, elf: library });
  if (problem === undefined) return undefined;
  const loaders = ['lib', 'lib64'].flatMap((folder) => [...programs.names(folder)]);
  if (loaders.some((name) => name.startsWith('ld-musl-'))) return 'its C library is musl, and libfaketime is for glibc';
  if (!loaders.some((name) => name.startsWith('ld-linux')))
    return 'it has no C library: static programs ask the kernel';
  return `its C library lacks ${problem.missing}, which libfaketime needs`;
}

function stepsOf(count: number): string {
  return count === 1 ? '1 step' : `${count} steps`;
}

const SHOWN_CHARACTERS = 40;

function firstLine(step = ''): string {
  const [line = ''] = step.split('\n', 1);
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}…` : line;
}

/** `1d 1h 1m 1s`. */
export function describeSeconds(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  return parts.flatMap(([value, unit]) => (value === 0 ? [] : [`${value}${unit}`])).join(' ');
}
