import type { PortMapping, RunRequest } from '../types.ts';

/** Ports that a container listens on, as the image and `--expose` say: `80/tcp`, each once, in order. */
export function exposedBy(request: Pick<RunRequest, 'exposed' | 'ports'>, image: readonly string[]): string[] {
  const published = request.ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`);
  const all = [...image.flatMap(portsIn), ...(request.exposed ?? []), ...published];
  return [...new Set(all)].toSorted();
}

/** The ports to publish: those asked for, and with `-P` all that are exposed, on free ports of the host. */
export function portsOf(
  request: Pick<RunRequest, 'exposed' | 'ports' | 'publishAll'>,
  image: readonly string[],
): readonly PortMapping[] {
  if (request.publishAll !== true) return request.ports;
  const taken = new Set(request.ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  const others = exposedBy({ ...request, ports: [] }, image).filter((port) => !taken.has(port));
  return [...request.ports, ...others.map(parsePort)];
}

function parsePort(text: string): PortMapping {
  const [port = '', protocol = 'tcp'] = text.split('/');
  return { containerPort: Number(port), protocol: protocol === 'udp' || protocol === 'sctp' ? protocol : 'tcp' };
}

const RANGE_MAX = 1000;

/** EXPOSE may name a range, `8000-8010/udp`; what is no port is passed over. */
function portsIn(text: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
  if (match === null) return [];
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  const protocol = match[3]?.toLowerCase() ?? 'tcp';
  if (first < 1 || last < first || last > 65_535 || last - first >= RANGE_MAX) return [];
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}
