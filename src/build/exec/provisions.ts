import type { Entitlement } from '../../dockerfile/index.ts';
import type { ExecLimits, ExtraHost } from '../../graph/index.ts';
import type { Resources } from '../../runtime/index.ts';
import type { SshAgent } from '../ssh/agent.ts';

/**
 * What a build is given from outside for its RUN steps. Nothing of it is part of a key, of a record or of a layer: a step
 * names what it wants by an id, and the id alone is an input.
 */
export interface Provisions {
  /** The bytes of a secret; undefined when none with this id was given. @throws SECRET_UNREADABLE */
  readonly secret: (id: string) => Promise<Uint8Array | undefined>;
  /** What signs for an id of `--ssh`; undefined when none was given. */
  readonly ssh: (id: string) => SshAgent | undefined;
}

/** What a build says of all its RUN steps. */
export interface StepSettings {
  /** What steps may ask for that reaches out of the sandbox. */
  readonly allow: readonly Entitlement[];
  /** Names are part of a step's key, addresses are not, as with BuildKit. */
  readonly extraHosts: readonly ExtraHost[];
  readonly limits: ExecLimits | undefined;
  /** Of each step's cgroup; no part of any key. */
  readonly resources: Resources;
  /** What each step's cgroup is made in; no part of any key. */
  readonly cgroupParent?: string | undefined;
}
