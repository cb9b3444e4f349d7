import type { NetworkAddresses } from '../../runtime/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import { networksJson } from './networks.ts';
import type { ContainerSetup } from './record.ts';

/** What is known of a container's networks besides its record. */
export interface NetworkFacts {
  readonly setup: ContainerSetup;
  readonly isUp: boolean;
  /** Of its first network, as it came out at the start. */
  readonly addresses?: NetworkAddresses;
}

/** docker's `NetworkSettings`; the addresses of the default bridge stand at the top too. */
export async function networkSettings(
  context: EngineContext,
  record: ContainerRecord,
  { setup, isUp, addresses }: NetworkFacts,
): Promise<Record<string, unknown>> {
  const networks = await networksJson(context, record, setup.request);
  const found = networks['bridge'];
  const bridge: Record<string, unknown> | undefined =
    found === undefined
      ? undefined
      : {
          ...found,
          ...(isUp && addresses !== undefined && carried(addresses)),
          MacAddress: addresses?.macAddress ?? '',
        };
  const top = ['Gateway', 'IPAddress', 'IPPrefixLen', 'MacAddress'] as const;
  return {
    Bridge: '',
    Ports: isUp ? portsJson(setup) : {},
    ...Object.fromEntries(top.map((name) => [name, bridge?.[name] ?? (name === 'IPPrefixLen' ? 0 : '')])),
    Networks: { ...networks, ...(bridge !== undefined && { bridge }) },
  };
}

/** Of a network that has no bridge: the addresses that the container found at its start. */
function carried({ addresses, gateway }: NetworkAddresses): Record<string, unknown> {
  const [address = '', prefix = '0'] = (addresses[0] ?? '').split('/');
  return address === '' ? {} : { Gateway: gateway ?? '', IPAddress: address, IPPrefixLen: Number(prefix) };
}

/** Every exposed port, with where it is published. */
function portsJson({
  ports,
  exposedPorts,
}: ContainerSetup): Record<string, { HostIp: string; HostPort: string }[] | null> {
  const found: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const port of exposedPorts) found[port] = null;
  for (const { containerPort, protocol, hostIp = '0.0.0.0', hostPort } of ports) {
    const key = `${containerPort}/${protocol}`;
    found[key] = [...(found[key] ?? []), { HostIp: hostIp, HostPort: String(hostPort ?? '') }];
  }
  return found;
}
