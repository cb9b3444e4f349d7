import { closeSync } from 'node:fs';

/** What `enterUserNamespace` tells the program inside. */
export const ARRIVAL_VARIABLE = '_SHALE_INSIDE';

/** Who started this process. */
export interface Arrival {
  /** The user outside of a namespace that was made for them. */
  readonly uid: number;
  /** The namespace was entered on behalf of the user: it is not to be entered again. */
  readonly isInside: boolean;
}

/**
 * Reads what the program outside has handed on, and closes the descriptors that kept the namespace and its place for us.
 * Programs that we start find the variable too: a shell of `shale unshare` is inside as we are.
 */
export function arrive(env: NodeJS.ProcessEnv, uid: number): Arrival {
  const match = /^(\d{1,10})(?::(\d{1,9}),(\d{1,9}))?$/.exec(env[ARRIVAL_VARIABLE] ?? '');
  if (match === null) return { uid, isInside: false };
  const [, outside = '', ...handed] = match;
  env[ARRIVAL_VARIABLE] = outside;
  for (const descriptor of handed) if (descriptor !== undefined) closeSync(Number(descriptor));
  return { uid: Number(outside), isInside: true };
}
