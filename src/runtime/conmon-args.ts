import { existsSync } from 'node:fs';
import type { Paths } from './detached-record.ts';
import type { RuntimeContext } from './prepare.ts';
import { RUNTIME_ENV } from './program.ts';
import type { DetachedOptions, RunSpec } from './types.ts';

const LOG_BYTES = 64 * 1024 * 1024;

export interface KeptContainer {
  readonly spec: RunSpec;
  readonly options: DetachedOptions;
  readonly paths: Paths;
  /** Run when the container has ended. */
  readonly endCommand: readonly string[] | undefined;
}

/** conmon's command line for a container (conmon(8)). */
export function keeperArgs(context: RuntimeContext, { spec, options, paths, endCommand }: KeptContainer): string[] {
  const keeping = options.log ?? { kind: 'file' };
  const { bundle, pidFile, keeperPidFile, exitFolder, log } = paths;
  const words = [
    ['--api-version', '1'],
    ['--cid', spec.id, '--cuuid', spec.id, '--name', spec.id],
    ['--runtime', absolute(context.command), '--runtime-arg=--root', `--runtime-arg=${context.folders.runtimeState}`],
    ['--bundle', bundle, '--container-pidfile', pidFile, '--conmon-pidfile', keeperPidFile, '--exit-dir', exitFolder],
    keeping.kind === 'none'
      ? ['--log-path', 'off:']
      : ['--log-path', `k8s-file:${log}`, '--log-size-max', String(keeping.bytesMax ?? LOG_BYTES)],
    ['--full-attach', '--log-level', 'error'],
    spec.terminal === true ? ['--terminal'] : [],
    options.stdin === undefined ? [] : ['--stdin'],
    // Otherwise conmon ends the input with whatever attachment ends first. A terminal has no end.
    options.stdin === 'kept' || spec.terminal === true ? ['--leave-stdin-open'] : [],
    atTheEnd(endCommand),
  ];
  return words.flat();
}

/** What conmon runs when the container has ended. */
function atTheEnd([program, ...args]: readonly string[] = []): string[] {
  if (program === undefined) return [];
  return ['--exit-command', absolute(program), ...args.flatMap((arg) => ['--exit-command-arg', arg])];
}

/** conmon does not search PATH. */
function absolute(command: string): string {
  if (command.includes('/')) return command;
  const places = (RUNTIME_ENV['PATH'] ?? '').split(':').map((folder) => `${folder}/${command}`);
  return places.find((path) => existsSync(path)) ?? command;
}
