import { ShaleError } from '../base/index.ts';
import type { Settings } from './config/settings.ts';
import type { Engine } from './engine.ts';
import type { Environment } from './options/assignments.ts';
import type { Proxies } from './proxies.ts';

export interface EngineOptions {
  readonly settings: Settings;
  readonly proxies: Proxies;
  readonly env: Environment;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Opens the store and what works on it. Loaded only by commands that need it: this is the dear part of a start. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  throw new ShaleError(
    'ENGINE_UNAVAILABLE',
    `the store in ${options.settings.home} cannot be opened by this build of shale`,
  );
}
