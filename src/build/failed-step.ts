import { isShaleError, messageOf, toText } from '../base/index.ts';
import type { Vertex } from '../graph/index.ts';
import type { BuildSession } from './session.ts';

export type StepState = 'before' | 'after';

/** Shells in the states of a step that failed. */
export interface Shells {
  /** Those that there are; `after` where a command was run. */
  readonly states: readonly StepState[];
  /**
   * Starts a shell in the terminal of this process and gives its exit status. What it changes is seen by later shells in
   * the same state, and is in no layer and no cache.
   * @throws SHELL_FAILED
   */
  shell(state: StepState, size?: { readonly columns: number; readonly rows: number }): Promise<number>;
}

/** A step that failed, for whoever wants to look into it before the build ends. */
export interface FailedStep extends Shells {
  /** As progress events name it. */
  readonly id: string;
  readonly name: string;
  readonly message: string;
  /** Where its cache mounts are: what is changed there stays. */
  readonly cacheMounts: readonly string[];
}

/**
 * Hands a step that failed to whoever asked for it, and waits; the first failure of a build, which ends it.
 * Does nothing when nobody asked, or when the step only ended because the build was told to.
 */
export async function offerFailedStep(
  session: BuildSession,
  failed: { readonly vertex: Vertex; readonly error: unknown; readonly signal: AbortSignal },
  open: () => Promise<Shells & AsyncDisposable>,
): Promise<void> {
  const { onFailedStep } = session;
  const { vertex, error, signal } = failed;
  if (
    onFailedStep === undefined ||
    signal.aborted ||
    isShaleError(error, 'CANCELED', 'LAYER_SOURCE_FAILED') ||
    !session.isFirstFailure()
  )
    return;
  await using shells = await open();
  await onFailedStep({
    id: vertex.id,
    name: vertex.name,
    message: messageOf(error),
    cacheMounts: cacheMountsOf(vertex),
    states: shells.states,
    shell: (state, size) => shells.shell(state, size),
  });
}

function cacheMountsOf({ op }: Vertex): string[] {
  if (op.kind !== 'exec') return [];
  return op.mounts.flatMap((mount) => (mount.kind === 'cache' ? [toText(mount.target)] : []));
}

/** The shell of the place where a step stands. */
export function shellOf({ surroundings }: Vertex): string {
  return surroundings?.Shell?.[0] ?? '/bin/sh';
}
