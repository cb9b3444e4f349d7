import { parseDuration } from '../../base/index.ts';
import type { LifeOptions, HealthRequest, LogSettings, RestartPolicy } from '../../engine/index.ts';
import type { Flag } from '../command.ts';
import { parseNumber } from '../options/times.ts';
import { parseBytes } from '../options/bytes.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { UsageError } from '../usage-error.ts';

/** Flags of `run` and `create` about what becomes of a container after it was started. */
export const LIFE_FLAGS: readonly Flag[] = [
  {
    kind: 'text',
    name: 'restart',
    value: 'POLICY',
    default: 'no',
    summary: 'start it again when it ends: no, always, unless-stopped, on-failure[:TIMES]',
  },
  { kind: 'text', name: 'stop-signal', value: 'SIGNAL', summary: 'what "shale stop" sends' },
  { kind: 'text', name: 'stop-timeout', value: 'SECONDS', summary: 'how long "shale stop" waits before killing' },
  { kind: 'text', name: 'health-cmd', value: 'COMMAND', summary: 'a command that says whether it is healthy' },
  { kind: 'text', name: 'health-interval', value: 'TIME', summary: 'between two checks (30s)' },
  { kind: 'text', name: 'health-timeout', value: 'TIME', summary: 'how long a check may take (30s)' },
  { kind: 'text', name: 'health-retries', value: 'TIMES', summary: 'failures in a row that mean unhealthy (3)' },
  { kind: 'text', name: 'health-start-period', value: 'TIME', summary: 'failures do not count for so long (0s)' },
  { kind: 'text', name: 'health-start-interval', value: 'TIME', summary: 'between two checks in that time (5s)' },
  { kind: 'boolean', name: 'no-healthcheck', summary: 'do not check, whatever the image says' },
  {
    kind: 'text',
    name: 'log-driver',
    value: 'DRIVER',
    choices: ['json-file', 'none'],
    summary: 'whether a log is kept',
  },
  { kind: 'list', name: 'log-opt', value: 'KEY=VALUE', summary: 'max-size=10m, max-file=3' },
  {
    kind: 'list',
    name: 'attach',
    short: 'a',
    value: 'STREAM',
    summary: 'pass on stdout or stderr only, and input with -i if stdin is named too; all three by default',
  },
  { kind: 'text', name: 'detach-keys', value: 'KEYS', summary: 'keys that leave it running alone (ctrl-p,ctrl-q)' },
  { kind: 'boolean', name: 'sig-proxy', default: true, summary: 'pass signals on to the command' },
];

/** @throws USAGE */
export function lifeOptions(flags: ParsedFlags): LifeOptions {
  const stopTimeout = flags.text('stop-timeout');
  const stopSignal = flags.text('stop-signal');
  const restart = parseRestart(flags.text('restart') ?? 'no');
  if (restart.kind !== 'no' && flags.boolean('rm'))
    throw new UsageError('conflicting options: cannot specify both --restart and --rm');
  const health = healthRequest(flags);
  const log = logSettings(flags);
  return {
    ...(restart.kind !== 'no' && { restart }),
    ...(stopSignal !== undefined && { stopSignal }),
    ...(stopTimeout !== undefined && {
      stopSeconds: parseNumber('--stop-timeout', stopTimeout, { min: -1, max: 86_400 }),
    }),
    ...(health !== undefined && { health }),
    ...(log !== undefined && { log }),
  };
}

/** @throws USAGE */
export function parseRestart(text: string): RestartPolicy {
  const [, kind = '', times] = /^([a-z-]+)(?::(.*))?$/.exec(text) ?? [];
  switch (kind) {
    case 'no':
    case 'always':
    case 'unless-stopped':
      if (times !== undefined) throw new UsageError(`--restart ${kind} takes no number of times`);
      return { kind };
    case 'on-failure':
      return {
        kind,
        retriesMax: times === undefined ? 0 : parseNumber('--restart on-failure', times, { min: 0, max: 1e6 }),
      };
    default:
      throw new UsageError(
        `--restart ${JSON.stringify(text)} is no policy`,
        'no, always, unless-stopped, on-failure or on-failure:TIMES',
      );
  }
}

function healthRequest(flags: ParsedFlags): HealthRequest | undefined {
  const time = (name: string): number | undefined => {
    const text = flags.text(name);
    if (text === undefined) return undefined;
    const ms = parseDuration(text);
    if (ms === undefined || ms < 0 || (ms > 0 && ms < 1))
      throw new UsageError(`--${name} ${JSON.stringify(text)} is no time of at least 1ms`, `--${name} 30s`);
    // 0 is docker's way to say: as the image says.
    return ms === 0 ? undefined : ms;
  };
  const command = flags.text('health-cmd');
  const disabled = flags.boolean('no-healthcheck');
  const retries = flags.text('health-retries');
  const times = {
    intervalMs: time('health-interval'),
    timeoutMs: time('health-timeout'),
    startPeriodMs: time('health-start-period'),
    startIntervalMs: time('health-start-interval'),
    retries:
      retries === undefined ? undefined : parseNumber('--health-retries', retries, { min: 0, max: 1e6 }) || undefined,
  };
  const given = Object.entries(times).filter(([, value]) => value !== undefined);
  if (disabled && (command !== undefined || given.length > 0))
    throw new UsageError('--no-healthcheck conflicts with --health-* options');
  if (!disabled && command === undefined && given.length === 0) return undefined;
  return { disabled, ...(command !== undefined && command !== '' && { command }), ...Object.fromEntries(given) };
}

function logSettings(flags: ParsedFlags): LogSettings | undefined {
  const driver = flags.text('log-driver') === 'none' ? 'none' : 'json-file';
  const given = flags.list('log-opt');
  if (flags.text('log-driver') === undefined && given.length === 0) return undefined;
  let settings: LogSettings = { driver };
  for (const option of given) {
    const [, key = '', value = ''] = /^([^=]*)=(.*)$/.exec(option) ?? [];
    if (driver === 'none') throw new UsageError(`--log-opt ${option}: --log-driver none takes no options`);
    if (key === 'max-size') settings = { ...settings, bytesMax: parseBytes('--log-opt max-size', value) };
    else if (key === 'max-file')
      settings = { ...settings, filesMax: parseNumber('--log-opt max-file', value, { min: 1, max: 1000 }) };
    else throw new UsageError(`--log-opt ${JSON.stringify(option)} is not known`, 'max-size=10m, or max-file=3');
  }
  if ((settings.filesMax ?? 1) > 1 && settings.bytesMax === undefined)
    throw new UsageError('--log-opt max-file needs max-size', '--log-opt max-size=10m');
  return settings;
}
