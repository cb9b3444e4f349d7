import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ShaleError } from '../../base/index.ts';
import { mountLayers, rootAttributes, type Stack } from '../../layers/index.ts';
import type { MountedRootfs } from '../../mounts/index.ts';
import type { RunSpec } from '../../runtime/index.ts';
import type { Shells } from '../failed-step.ts';
import type { BuildSession } from '../session.ts';
import type { StepRunnerParts } from './step-runner.ts';

/** A step about to be looked into. */
export interface Site {
  readonly session: BuildSession;
  /** What the step stood on. */
  readonly stack: Stack;
  /** How its command was run, or would be. */
  readonly spec: Omit<RunSpec, 'id' | 'rootfs'>;
  /** The program that is started instead of the command. */
  readonly shell: string;
  /** As the failed command left it; absent where none was run. */
  readonly after?: MountedRootfs;
  /** An empty folder of this step's own. */
  readonly folder: string;
}

/**
 * Shells in the states before and after a step that failed, with all that its command had around it, in the terminal of this
 * process. Both states keep what is changed in them until this is disposed; nothing of it becomes a layer.
 */
export function openShells(parts: StepRunnerParts, site: Site): Shells & AsyncDisposable {
  let before: Promise<MountedRootfs> | undefined;
  return {
    states: site.after === undefined ? ['before'] : ['after', 'before'],
    async shell(state, size) {
      const rootfs = state === 'after' ? site.after : await (before ??= mountAgain(parts, site));
      if (rootfs === undefined) throw new ShaleError('INVARIANT', 'only states that are there are entered');
      return startShell(parts, site, rootfs, size);
    },
    async [Symbol.asyncDispose]() {
      const mounted = await before?.catch(() => undefined);
      await mounted?.[Symbol.asyncDispose]();
    },
  };
}

async function mountAgain(parts: StepRunnerParts, { session, stack, folder }: Site): Promise<MountedRootfs> {
  const upperDir = join(folder, 'upper-before');
  mkdirSync(upperDir, { recursive: true, mode: 0o755 });
  return parts.host.mountRootfs({
    layers: await mountLayers(session.layers, stack),
    upper: { upperDir, workDir: join(folder, 'work-before') },
    rootAttributes: rootAttributes(stack),
    volatile: true,
  });
}

/** @throws SHELL_FAILED when it cannot be started */
async function startShell(
  parts: StepRunnerParts,
  { session, spec, shell }: Site,
  rootfs: MountedRootfs,
  size: Parameters<Shells['shell']>[1],
): Promise<number> {
  await using handle = await parts.runtime.run(
    {
      ...spec,
      id: parts.newId(),
      rootfs: { path: rootfs.path, access: rootfs.access },
      args: [shell],
      terminal: true,
      ...(size !== undefined && { consoleSize: { height: size.rows, width: size.columns } }),
    },
    { kind: 'inherit' },
  );
  const { signal } = session; // Not the step's: another step that fails meanwhile takes nobody's shell away.
  const kill = (): void => void handle.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  try {
    const exit = await handle.exit;
    if (exit.kind === 'not-started')
      throw new ShaleError('SHELL_FAILED', `the shell ${shell} did not start: ${exit.reason}`);
    return exit.code;
  } finally {
    signal.removeEventListener('abort', kill);
  }
}
