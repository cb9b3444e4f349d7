import type { HostMessage, ReplyValues, Request } from './protocol.ts';

export type EndedMessage = Extract<HostMessage, { readonly kind: 'ended' }>;

/** Brings requests to the side of the host that mounts, and its answers back. */
export interface HostCarrier {
  /** @throws what the host threw, MOUNT_HOST_CLOSED */
  ask<K extends Request['kind']>(request: Extract<Request, { readonly kind: K }>): Promise<ReplyValues[K]>;
  /** Keeps this process alive until `letGo`: an idle host does not. */
  hold(): void;
  letGo(): void;
  /** Waits until what dies with the host has ended. */
  close(): Promise<void>;
}
