import { isIPv4, isIPv6 } from 'node:net';
import type { EndpointRequest } from '../../engine/index.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { UsageError } from '../usage-error.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * The networks of `--network`, each a name or `name=NAME,alias=…,ip=…,ip6=…,mac-address=…`; `--network-alias`, `--ip`,
 * `--ip6` and `--mac-address` belong to the first. Empty when nothing is said.
 * @throws USAGE
 */
export function parseNetworks(flags: ParsedFlags): EndpointRequest[] {
  const networks = flags.list('network').map(parseNetwork);
  const shared = endpointFlags(flags);
  const [first, ...others] = networks;
  if (Object.keys(shared).length === 0) return networks;
  const name = first?.name ?? 'bridge';
  if (shared.aliases !== undefined && ['bridge', 'host', 'none'].includes(name)) {
    throw new UsageError('--network-alias is for networks that were made by name', '--network NAME');
  }
  const aliases = [...(first?.aliases ?? []), ...(shared.aliases ?? [])];
  return [{ name, ...first, ...shared, ...(aliases.length > 0 && { aliases }) }, ...others];
}

/** `--network-alias`, `--ip`, `--ip6` and `--mac-address`. @throws USAGE */
function endpointFlags(flags: ParsedFlags): Omit<EndpointRequest, 'name'> {
  const aliases = flags.list('network-alias');
  return {
    ...(aliases.length > 0 && { aliases }),
    ...addressOf('--ip', 'address', flags.text('ip')),
    ...addressOf('--ip6', 'address6', flags.text('ip6')),
    ...macOf('--mac-address', flags.text('mac-address')),
  };
}

function parseNetwork(word: string): EndpointRequest {
  if (!/(^|,)[a-z0-9-]+=/.test(word)) {
    if (/^container:./.test(word) || NAME.test(word)) return { name: word };
    throw bad(word, 'it is no name of a network');
  }
  let endpoint: EndpointRequest = { name: '' };
  for (const field of word.split(',')) {
    const equals = field.indexOf('=');
    const [key, value] = [field.slice(0, Math.max(equals, 0)).toLowerCase(), field.slice(equals + 1)];
    if (equals < 1 || value === '') throw bad(word, `${JSON.stringify(field)} is not KEY=VALUE`);
    endpoint = { ...endpoint, ...fieldOf(word, { key, value, aliases: endpoint.aliases ?? [] }) };
  }
  if (!NAME.test(endpoint.name) && !/^container:./.test(endpoint.name)) throw bad(word, 'it has no name');
  return endpoint;
}

function fieldOf(
  word: string,
  { key, value, aliases }: { readonly key: string; readonly value: string; readonly aliases: readonly string[] },
): Partial<EndpointRequest> {
  switch (key) {
    case 'name':
      return { name: value };
    case 'alias':
      return { aliases: [...aliases, value] };
    case 'ip':
      return addressOf('ip', 'address', value);
    case 'ip6':
      return addressOf('ip6', 'address6', value);
    case 'mac-address':
      return macOf('mac-address', value);
    default:
      throw bad(word, `there is no key ${JSON.stringify(key)}, only name, alias, ip, ip6 and mac-address`);
  }
}

function bad(word: string, why: string): UsageError {
  return new UsageError(`--network ${JSON.stringify(word)}: ${why}`);
}

/** @throws USAGE */
export function addressOf<Name extends 'address' | 'address6'>(
  flag: string,
  name: Name,
  value: string | undefined,
): { readonly [key in Name]?: string } {
  if (value === undefined) return {};
  if (!(name === 'address' ? isIPv4(value) : isIPv6(value))) {
    throw new UsageError(`${flag} ${JSON.stringify(value)} is not an IPv${name === 'address' ? '4' : '6'} address`);
  }
  // An object with this one key; TypeScript widens computed keys.
  return { [name]: value } as { readonly [key in Name]?: string };
}

function macOf(flag: string, value: string | undefined): { readonly macAddress?: string } {
  if (value === undefined) return {};
  // The lowest bit of the first byte would make it a group's.
  if (/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(value)) return { macAddress: value.toLowerCase() };
  throw new UsageError(`${flag} ${JSON.stringify(value)} is not a MAC address`, '02:42:ac:11:00:02');
}

const RANGE_MAX = 1000;

/** `--expose`: `80`, `80/udp`, `8000-8010`. @throws USAGE */
export function parseExpose(word: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(word);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match === null || first < 1 || last > 65_535 || last < first || last - first >= RANGE_MAX) {
    throw new UsageError(`--expose ${JSON.stringify(word)} is no port or range of ports`, '--expose 80/tcp');
  }
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${match[3] ?? 'tcp'}`);
}
