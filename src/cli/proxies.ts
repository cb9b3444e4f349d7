import type { Environment } from './options/assignments.ts';
import { UsageError } from './usage-error.ts';

/** Proxies for requests to registries and mirrors; Node does not look at these variables by itself. */
export interface Proxies {
  readonly http?: string;
  readonly https?: string;
  /** Hosts, domains and address ranges that are reached directly; `*` is all. */
  readonly direct: readonly string[];
}

/**
 * Reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY, upper case before lower case as Go's programs do.
 * @throws USAGE for a proxy that is not an http or https address. The message hides user and password.
 */
export function readProxies(env: Environment): Proxies {
  const http = proxy(env, 'HTTP_PROXY');
  const https = proxy(env, 'HTTPS_PROXY');
  const direct = (either(env, 'NO_PROXY') ?? '').split(',').map((host) => host.trim());
  return {
    ...(http === undefined ? {} : { http }),
    ...(https === undefined ? {} : { https }),
    direct: direct.filter((host) => host !== ''),
  };
}

function either(env: Environment, name: string): string | undefined {
  const upper = env[name];
  return upper === undefined || upper === '' ? env[name.toLowerCase()] : upper;
}

function proxy(env: Environment, name: string): string | undefined {
  const text = either(env, name);
  if (text === undefined || text === '') return undefined;
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    const shown = text.replace(/\/\/[^@/]*@/, '//…@');
    throw new UsageError(
      `${name} is not the address of a proxy: ${JSON.stringify(shown)}`,
      `${name}=http://proxy:3128`,
    );
  }
  return url.href.replace(/\/$/, '');
}

/**
 * Sends the requests of this process through the proxies, as far as they use Node's common agents. Gives back how it
 * was when disposed. Loads Node's HTTP code only where there is a proxy.
 * @throws USAGE when this Node cannot do it.
 */
export async function useProxies({ http, https, direct }: Proxies): Promise<Disposable> {
  if (http === undefined && https === undefined) return { [Symbol.dispose]: () => undefined };
  const { setGlobalProxyFromEnv } = await import('node:http');
  if (typeof setGlobalProxyFromEnv !== 'function') {
    throw new UsageError(`Node ${process.versions.node} cannot use proxies`, 'Node 24.14 or newer');
  }
  const restore = setGlobalProxyFromEnv({
    ...(http === undefined ? {} : { http_proxy: http }),
    ...(https === undefined ? {} : { https_proxy: https }),
    no_proxy: direct.join(','),
  });
  return { [Symbol.dispose]: restore };
}
