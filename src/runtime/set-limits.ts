import { isShaleError, messageOf, ShaleError } from '../base/index.ts';
import { oneLine } from './errors.ts';
import { enterCommand } from './exec.ts';
import type { RuntimeContext } from './prepare.ts';
import { RUNTIME_ENV, runProgram } from './program.ts';
import { makeLimits } from './spec.ts';
import type { Resources } from './types.ts';

export interface LimitTarget {
  readonly id: string;
  /** See ExecTarget. */
  readonly namespacesOf?: number;
}

/** The runtime knows which files of which hierarchy a limit is, and keeps them in its own state. See ContainerView.setLimits. */
export async function setLimits(context: RuntimeContext, target: LimitTarget, resources: Resources): Promise<void> {
  const [command, ...words] = [...enterCommand(target.namespacesOf), context.command];
  try {
    await runProgram(context.host, {
      command,
      args: [...words, '--root', context.folders.runtimeState, 'update', '--resources', '-', target.id],
      input: JSON.stringify(makeLimits(resources)),
      env: RUNTIME_ENV,
      timeoutMs: context.options.commandTimeoutMs,
      missingCode: 'RUNTIME_MISSING',
      hint: 'install it: apt-get install runc',
    });
  } catch (error) {
    if (!isShaleError(error, 'PROGRAM_FAILED')) throw error;
    throw new ShaleError(
      'LIMIT_FAILED',
      `the limits of the container ${target.id} cannot be changed: ${oneLine(messageOf(error))}`,
      { data: { id: target.id }, cause: error },
    );
  }
}
