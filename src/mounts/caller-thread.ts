import { ShaleError } from '../base/index.ts';
import { MountCore } from './core.ts';
import type { HostCarrier, EndedMessage } from './host-carrier.ts';
import type { ReplyValues, Request } from './protocol.ts';
import { VisitedNamespace } from './visited-namespace.ts';

/**
 * The host on the thread that asks, which visits the namespace for each request: a thread takes longer to start than all
 * that it would do for a container, and for a build with a few steps.
 */
export class CallerThread implements HostCarrier {
  readonly #namespace = new VisitedNamespace();
  readonly #core: MountCore;
  #isClosed = false;

  constructor(onEnded: (message: EndedMessage) => void) {
    this.#core = new MountCore({ onEnded, within: (work) => this.#namespace.within(work) });
  }

  async ask<K extends Request['kind']>(request: Extract<Request, { readonly kind: K }>): Promise<ReplyValues[K]> {
    if (this.#isClosed) throw new ShaleError('MOUNT_HOST_CLOSED', 'the mount host has ended');
    return await this.#core.answer(request);
  }

  // Its programs are this thread's own, and keep it alive by themselves.
  hold(): void {}

  letGo(): void {}

  async close(): Promise<void> {
    if (this.#isClosed) return;
    const closing = this.ask({ kind: 'close' });
    this.#isClosed = true;
    await closing;
    this.#namespace.close();
  }
}
