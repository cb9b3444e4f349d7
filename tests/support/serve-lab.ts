import type { ServeRegistryRequest } from '../../src/engine/index.ts';
import type { Lab } from './lab.ts';
import type { TestRegistry } from './registry.ts';

/** Serves a lab's store on loopback until it is disposed. */
export async function serveLab(lab: Lab, how: Partial<ServeRegistryRequest> = {}): Promise<TestRegistry> {
  const ending = new AbortController();
  const { promise: listening, resolve, reject } = Promise.withResolvers<string>();
  const request = { host: '127.0.0.1', port: 0, readOnly: false, failed: () => {}, ...how, listening: resolve };
  const served = lab.engine.serveRegistry(request, { signal: ending.signal });
  served.catch(reject);
  const url = await listening;
  return {
    host: new URL(url).host,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await served;
    },
  };
}
