import { cpus, hostname } from 'node:os';
import { isSystemError, ShaleError } from '../../base/index.ts';
import { cgroupSupport, enterHostname } from '../../runtime/index.ts';
import type { VerifyReport } from './verify-types.ts';

type Varied = VerifyReport['varied'][number];
type NotVaried = VerifyReport['notVaried'][number];

const OTHER_HOSTNAME = 'elsewhere';
const OTHER_UMASK = 0o077;
/** Another day than elsewhere for half of it, at a quarter to the hour; another alphabet's upper and lower case; another person. */
const OTHER_VARIABLES = [
  { what: 'time zone', names: ['TZ'], is: 'Pacific/Chatham' },
  { what: 'locale', names: ['LC_ALL', 'LANG'], is: 'tr_TR.UTF-8' },
  { what: 'user name', names: ['USER', 'LOGNAME'], is: 'somebody-else' },
] as const;

export interface OtherSurroundings extends Disposable {
  readonly varied: readonly Varied[];
  readonly notVaried: readonly NotVaried[];
}

/** Gives this process another umask, host name, time zone, locale and user name, until it is disposed. */
export function enterOtherSurroundings(): OtherSurroundings {
  const varied: Varied[] = [];
  const notVaried: NotVaried[] = [];
  using ends = new DisposableStack();
  const before = process.umask(OTHER_UMASK);
  ends.defer(() => void process.umask(before));
  varied.push({ what: 'umask', was: octal(before), is: octal(OTHER_UMASK) });
  try {
    const was = hostname();
    ends.use(enterHostname(OTHER_HOSTNAME));
    varied.push({ what: 'host name', was, is: OTHER_HOSTNAME });
  } catch (error) {
    if (!(error instanceof ShaleError) && !isSystemError(error)) throw error;
    notVaried.push({ what: 'host name', why: error.message });
  }
  for (const { what, names, is } of OTHER_VARIABLES) {
    const [was = 'none'] = names.flatMap((name) => process.env[name] ?? []);
    for (const name of names) ends.use(enterVariable(name, is));
    varied.push({ what, was, is });
  }
  const until = ends.move();
  return { varied, notVaried, [Symbol.dispose]: () => until.dispose() };
}

function enterVariable(name: string, value: string): Disposable {
  const before = process.env[name];
  process.env[name] = value;
  return {
    [Symbol.dispose]() {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    },
  };
}

const ONE_PROCESSOR = '0';

/** Another number of processors for the programs of steps: the first alone; why not, where there is no other number. */
export function otherProcessors(
  what: string,
): { readonly cpuset: string; readonly varied: Varied } | { readonly notVaried: NotVaried } {
  const count = cpus().length;
  if (count === 1) return { notVaried: { what, why: 'there is one' } };
  if (!cgroupSupport().limits.has('CPU sets')) return { notVaried: { what, why: 'cgroups cannot limit it here' } };
  return { cpuset: ONE_PROCESSOR, varied: { what, was: String(count), is: '1' } };
}

function octal(mask: number): string {
  return `0${mask.toString(8).padStart(2, '0')}`;
}
