import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { spawn } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { isSystemError, ShaleError } from '../base/index.ts';
import { bindLoopback, originalDestination, routeAllToLoopback, type SocketAddress } from '../sys/index.ts';
import { inNetworkNamespace, makeNetworkNamespace, type NetworkNamespace } from './netns.ts';
import { OWN_NAME_ADDRESS } from './networks-basic.ts';
import { hostsFile } from './resolv.ts';
import type { NetworkAttachment, NetworkProvider, NetworkRequest } from './types.ts';

/** Who answers for the world behind the wall. */
export interface Gatekeeper {
  /** Takes a TCP connection of the container, wherever it was going. It owns the socket. */
  connect(socket: Socket, to: SocketAddress): void;
  /** Answers a DNS query (RFC 1035); undefined drops it. */
  resolve(query: Buffer): Promise<Buffer | undefined>;
  /** What the container finds `host-gateway` at. */
  readonly gateway: string;
}

/** Where the container's connections are led to; below the ports that the kernel gives out by itself. */
const CATCH_PORT = 32_749;
const DNS_PORT = 53;
const NAMESERVER = '127.0.0.1';
/** Of the container; from the range for tests between networks (RFC 2544), which is nobody's. */
const OWN_ADDRESS = '198.18.0.2';
const RULES = [
  '*nat',
  '-A OUTPUT -d 127.0.0.0/8 -j RETURN',
  `-A OUTPUT -p udp --dport ${DNS_PORT} -j REDIRECT --to-ports ${DNS_PORT}`,
  `-A OUTPUT -p tcp -j REDIRECT --to-ports ${CATCH_PORT}`,
  'COMMIT',
  '',
].join('\n');

/**
 * A network that leads nowhere but to the gatekeeper: whatever a container connects to by TCP or asks of a name server
 * ends in this process, and every other packet is lost. The container is told nothing of it: no variable, no proxy
 * setting. Each container gets a namespace of its own, so the gatekeeper knows whose connection it is.
 * `attach` throws NETWORK_UNAVAILABLE, NETWORK_SETUP_FAILED
 */
export function walledNetwork(gatekeeper: Gatekeeper): NetworkProvider {
  return {
    kind: 'custom',
    async attach(request) {
      if (request.ports.length > 0)
        throw new ShaleError('RUN_SPEC_INVALID', 'a container behind a wall cannot publish ports');
      await using resources = new AsyncDisposableStack();
      const namespace = resources.use(makeNetworkNamespace(request.sysctls));
      // In the namespace without an await in between: every other piece of work of this thread is outside of it.
      const [tcp, udp] = inNetworkNamespace(namespace, () => {
        routeAllToLoopback(OWN_ADDRESS);
        return [bindLoopback('stream', CATCH_PORT), bindLoopback('datagram', DNS_PORT)];
      });
      const [server, names] = [await listen(tcp, gatekeeper), await answer(udp, gatekeeper)];
      resources.defer(() => closeAll(server.server, server.sockets, names));
      await applyRules(namespace);
      return attachmentOf(request, { namespace, gateway: gatekeeper.gateway, resources: resources.move() });
    },
  };
}

interface Behind {
  readonly namespace: NetworkNamespace;
  readonly gateway: string;
  readonly resources: AsyncDisposableStack;
}

function attachmentOf(request: NetworkRequest, { namespace, gateway, resources }: Behind): NetworkAttachment {
  return {
    namespace: { kind: 'path', path: namespace.path },
    env: [],
    addresses: [],
    ports: [],
    gateway,
    files: {
      resolvConf: `nameserver ${NAMESERVER}\n`,
      hosts: hostsFile(request, [OWN_NAME_ADDRESS], request.extraHosts, gateway),
      hostname: `${request.hostname}\n`,
    },
    handOver: () => {
      throw new ShaleError('RUN_SPEC_INVALID', 'a container behind a wall cannot outlive its command');
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

interface Listening {
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
}

async function listen(fd: number, gatekeeper: Gatekeeper): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // One that broke has been told to whoever reads it, or nobody reads it yet.
    socket.on('error', () => {});
    try {
      gatekeeper.connect(socket, originalDestination(descriptorOf(socket)));
    } catch {
      socket.destroy();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ fd }, resolve);
  });
  return { server, sockets };
}

/** Node keeps the descriptor to itself, but for this property that it has had since its first release. */
function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof fd === 'number') return fd;
  throw new ShaleError('NETWORK_SETUP_FAILED', 'a connection was gone before it could be looked at');
}

async function answer(fd: number, gatekeeper: Gatekeeper): Promise<UdpSocket> {
  const names = createSocket('udp4');
  names.on('error', () => {});
  names.on('message', (query, { address, port }) => {
    gatekeeper.resolve(query).then(
      (reply) => reply === undefined || names.send(reply, port, address),
      () => {},
    );
  });
  await new Promise<void>((resolve, reject) => {
    names.once('error', reject);
    names.bind({ fd }, resolve);
  });
  return names;
}

async function closeAll(server: Server, sockets: ReadonlySet<Socket>, names: UdpSocket): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await Promise.all([
    new Promise<void>((resolve) => server.close(() => resolve())),
    new Promise<void>((resolve) => names.close(() => resolve())),
  ]);
}

/** The rules are the namespace's own: they need no lock, and are gone with it. @throws NETWORK_UNAVAILABLE, NETWORK_SETUP_FAILED */
async function applyRules(namespace: NetworkNamespace): Promise<void> {
  const child = spawn('nsenter', [`--net=${namespace.path}`, 'iptables-restore'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', XTABLES_LOCKFILE: '/dev/null' },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text.slice(0, 1000)));
  child.stdin.on('error', () => {});
  child.stdin.end(RULES);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  }).catch((cause: unknown) => {
    if (!isSystemError(cause, 'ENOENT')) throw cause;
    throw new ShaleError('NETWORK_UNAVAILABLE', 'nsenter is not installed', {
      cause,
      hint: 'install it: apt-get install util-linux',
    });
  });
  if (code === 0) return;
  throw new ShaleError('NETWORK_SETUP_FAILED', `cannot lead a container's connections to us: ${said.trim()}`, {
    hint: messageHint(said),
  });
}

function messageHint(said: string): string {
  return /not found|No such file/.test(said)
    ? 'install it: apt-get install iptables'
    : 'the kernel needs iptables’ nat table';
}
