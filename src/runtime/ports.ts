import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { isSystemError, ShaleError } from '../base/index.ts';
import type { PublishedPort } from './types.ts';

const RANGE_MAX = 65_535;

/**
 * Settles the host's side of published ports: a free port for 0, and no port that a program listens on or another
 * container (`taken`) has. The answer holds at this moment; nothing keeps the port.
 * @throws PORT_IN_USE, PORT_FORBIDDEN, RUN_SPEC_INVALID.
 */
export async function settlePorts(
  ports: readonly PublishedPort[],
  taken: readonly PublishedPort[],
): Promise<PublishedPort[]> {
  const settled: PublishedPort[] = [];
  for (const port of ports) {
    checkPort(port);
    const chosen = port.hostPort === 0 ? { ...port, hostPort: await freePort(port) } : port;
    const clash = [...taken, ...settled].find((other) => collides(chosen, other));
    if (clash !== undefined) throw inUse(chosen, 'another container has it');
    for (let offset = 0; offset < (chosen.range ?? 1); offset++) {
      if (port.hostPort !== 0) await bindOnce(chosen, chosen.hostPort + offset);
    }
    settled.push(chosen);
  }
  return settled;
}

function checkPort(port: PublishedPort): void {
  const range = port.range ?? 1;
  const last = Math.max(port.containerPort, port.hostPort) + range - 1;
  const isPort = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= RANGE_MAX;
  if (isPort(port.hostPort) && port.containerPort > 0 && isPort(port.containerPort) && range >= 1 && last <= RANGE_MAX)
    return;
  throw new ShaleError('RUN_SPEC_INVALID', `cannot publish port ${port.hostPort}:${port.containerPort}`, {
    data: { ...port },
  });
}

function collides(a: PublishedPort, b: PublishedPort): boolean {
  const everywhere = (port: PublishedPort): boolean => ['', '0.0.0.0', '::'].includes(port.hostAddress ?? '');
  return (
    a.protocol === b.protocol &&
    (everywhere(a) || everywhere(b) || a.hostAddress === b.hostAddress) &&
    a.hostPort < b.hostPort + (b.range ?? 1) &&
    b.hostPort < a.hostPort + (a.range ?? 1)
  );
}

function freePort(port: PublishedPort): Promise<number> {
  return bindOnce(port, 0);
}

/** Binds and lets go; the port that it was. */
async function bindOnce(port: PublishedPort, number: number): Promise<number> {
  const host = port.hostAddress === undefined || port.hostAddress === '' ? '0.0.0.0' : port.hostAddress;
  try {
    return port.protocol === 'udp' ? await bindUdp(host, number) : await bindTcp(host, number);
  } catch (error) {
    if (isSystemError(error, 'EADDRINUSE')) throw inUse({ ...port, hostPort: number }, 'a program listens on it');
    if (isSystemError(error, 'EADDRNOTAVAIL'))
      throw inUse({ ...port, hostPort: number }, 'the host has no such address');
    if (isSystemError(error, 'EACCES')) throw forbidden({ ...port, hostPort: number });
    throw error;
  }
}

function forbidden(port: PublishedPort): ShaleError {
  return new ShaleError('PORT_FORBIDDEN', `cannot publish on ${shown(port)}: low ports belong to root`, {
    data: { ...port },
    hint: `take a port from 1024 on, or let everybody have it: sysctl -w net.ipv4.ip_unprivileged_port_start=${port.hostPort}`,
  });
}

function shown({ hostAddress = '', hostPort, protocol }: PublishedPort): string {
  return `${hostAddress}:${hostPort}/${protocol}`;
}

function bindTcp(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}

function bindUdp(address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', reject);
    socket.bind({ address, port, exclusive: true }, () => {
      const bound = socket.address().port;
      socket.close(() => resolve(bound));
    });
  });
}

function inUse(port: PublishedPort, why: string): ShaleError {
  return new ShaleError('PORT_IN_USE', `cannot publish on ${shown(port)}: ${why}`, { data: { ...port } });
}
