import type { ShaleError } from '../base/index.ts';
import {
  checkStore as check,
  openEngine as open,
  type CheckReport,
  type CheckRequest,
  type Engine,
  type EngineOptions as StoreOptions,
  type Watch,
} from '../engine/index.ts';

export { probeLayerMounts } from '../engine/index.ts';
import type { Settings } from './config/settings.ts';
import type { Environment } from './options/assignments.ts';
import { type Proxies, useProxies } from './proxies.ts';

export interface EngineOptions {
  readonly settings: Settings;
  readonly proxies: Proxies;
  readonly env: Environment;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Why this process may not mount, where that is known. */
  readonly mountRefusal: ShaleError | undefined;
}

/** Opens the store and what works on it. Loaded only by commands that need it: this is the dear part of a start. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  // For as long as the process lives.
  await useProxies(options.proxies);
  return open(storeOptions(options));
}

/** `shale system check`: the store is opened, and closed again, by the check. */
export async function checkStore(options: EngineOptions, request: CheckRequest, watch: Watch): Promise<CheckReport> {
  return check(storeOptions(options), request, watch);
}

function storeOptions(options: EngineOptions): StoreOptions {
  const { settings } = options;
  const driver = options.env['SHALE_MOUNTS'];
  return {
    home: settings.home,
    runRoot: settings.run,
    now: options.now,
    env: options.env,
    insecureRegistries: settings.registryInsecure,
    registryMirrors: settings.registryMirrors,
    ...(settings.mirrorDebian !== undefined && { debianMirror: settings.mirrorDebian }),
    cacheMax: settings.cacheMax,
    builds: { keep: settings.buildsKeep, logBytesMax: settings.buildsLogs },
    // This very program, wherever it was started from.
    keeperCommand: [process.execPath, ...process.execArgv, process.argv[1] ?? '', 'keeper'],
    ...(options.mountRefusal !== undefined && { mountRefusal: options.mountRefusal }),
    ...((driver === 'unpack' || driver === 'erofs') && { mountDriver: driver }),
  };
}
