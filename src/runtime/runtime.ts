import { runAttached } from './attached.ts';
import { openAttachedView } from './attached-view.ts';
import { probeRuntime } from './command.ts';
import { createDetached, openDetached } from './detached.ts';
import { type HostFacts, hostFacts } from './facts.ts';
import { ensureRunFolders } from './folders.ts';
import type { RuntimeHost } from './host.ts';
import type { RuntimeContext } from './prepare.ts';
import { sweep } from './sweep.ts';
import type { Runtime } from './types.ts';

export interface RuntimeOptions {
  readonly host: RuntimeHost;
  /** `/run/shale`; made when absent, 0700. */
  readonly runRoot: string;
  /** Name or path of the runtime; default `runc`. */
  readonly command?: string;
  readonly facts?: HostFacts;
  readonly commandTimeoutMs?: number;
}

const COMMAND_TIMEOUT_MS = 30_000;

/** Opens the runtime over one host and one run folder. Starts nothing. */
export function openRuntime(options: RuntimeOptions): Runtime {
  const context: RuntimeContext = {
    host: options.host,
    folders: ensureRunFolders(options.runRoot),
    command: options.command ?? 'runc',
    facts: options.facts ?? hostFacts(),
    options: { commandTimeoutMs: options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS },
  };
  return {
    command: () => probeRuntime(context.host, context.command),
    run: (spec, io) => runAttached(context, spec, io),
    create: (spec, detached) => createDetached(context, spec, detached),
    openAttached: (id) => openAttachedView(context, id),
    open: (id, stateDir) => openDetached(context, id, stateDir),
    sweep: () => sweep(context),
  };
}
