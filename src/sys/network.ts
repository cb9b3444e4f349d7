import { closeSync } from 'node:fs';
import { O_CLOEXEC } from './files.ts';
import { failure, native } from './native.ts';

const AF_INET = 2;
const AF_NETLINK = 16;
const SOCK = { stream: 1, datagram: 2, raw: 3 } as const;
const SOCK_NONBLOCK = 0o4000;
const SOL_IP = 0;
const SO_ORIGINAL_DST = 80;
const SOCKADDR_IN_BYTES = 16;

export interface SocketAddress {
  /** Dotted. */
  readonly address: string;
  readonly port: number;
}

function makeSocket(family: number, type: number, protocol = 0): number {
  const fd = Number(
    native('int socket(int family, int type, int protocol)')(family, type | SOCK_NONBLOCK | O_CLOEXEC, protocol),
  );
  if (fd < 0) throw failure('socket', 'make a socket');
  return fd;
}

/**
 * A socket of the network namespace that the thread is in, bound to a port of 127.0.0.1. For Node's `listen({ fd })` or
 * `bind({ fd })`; the caller closes it, or what he gives it to.
 */
export function bindLoopback(type: 'stream' | 'datagram', port: number): number {
  const fd = makeSocket(AF_INET, SOCK[type]);
  const address = Buffer.alloc(SOCKADDR_IN_BYTES);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  if (native('int bind(int socket, const void *address, unsigned int length)')(fd, address, address.length) === 0)
    return fd;
  const error = failure('bind', `bind port ${port} of the loopback interface`);
  closeSync(fd);
  throw error;
}

/** Where a connection was going before the firewall led it to the socket that took it (SO_ORIGINAL_DST). */
export function originalDestination(fd: number): SocketAddress {
  const address = Buffer.alloc(SOCKADDR_IN_BYTES);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  const call = native('int getsockopt(int socket, int level, int name, void *value, void *length)');
  if (call(fd, SOL_IP, SO_ORIGINAL_DST, address, length) !== 0)
    throw failure('getsockopt SO_ORIGINAL_DST', 'find out where a connection was going');
  return { address: address.subarray(4, 8).join('.'), port: address.readUInt16BE(2) };
}

// linux/netlink.h, linux/rtnetlink.h
const NLMSG_HEADER_BYTES = 16;
const NLMSG_ERROR = 2;
const NLM_F = { request: 1, ack: 4, create: 0x400 } as const;
const RTM = { newLink: 16, newAddress: 20, newRoute: 24 } as const;
const LOOPBACK_INDEX = 1;
const IFF_UP = 1;

/**
 * Sets the loopback interface of the thread's network namespace up, with an IPv4 `address` beside 127.0.0.1, and makes it
 * the way to everywhere, so that nothing that is sent leaves the namespace. The address is what programs look for that
 * ask whether there is a network at all.
 */
export function routeAllToLoopback(address: string): void {
  const own = address.split('.').map(Number);
  const fd = Number(native('int socket(int family, int type, int protocol)')(AF_NETLINK, SOCK.raw | O_CLOEXEC, 0));
  if (fd < 0) throw failure('socket', 'make a netlink socket');
  try {
    // struct ifinfomsg: family, type, index, flags, change.
    const link = Buffer.alloc(16);
    link.writeInt32LE(LOOPBACK_INDEX, 4);
    link.writeUInt32LE(IFF_UP, 8);
    link.writeUInt32LE(IFF_UP, 12);
    ask(fd, RTM.newLink, 0, link);
    // struct ifaddrmsg: family, prefix length, flags, scope, index; then IFA_LOCAL and IFA_ADDRESS.
    const local = [8, 0, 2, 0, ...own, 8, 0, 1, 0, ...own];
    ask(fd, RTM.newAddress, NLM_F.create, Buffer.from([AF_INET, 32, 0, 0, LOOPBACK_INDEX, 0, 0, 0, ...local]));
    // struct rtmsg: family, lengths, tos, table main, protocol boot, scope link, type unicast, flags; then RTA_OIF and
    // RTA_PREFSRC.
    const way = [8, 0, 4, 0, LOOPBACK_INDEX, 0, 0, 0, 8, 0, 7, 0, ...own];
    ask(fd, RTM.newRoute, NLM_F.create, Buffer.from([AF_INET, 0, 0, 0, 254, 3, 253, 1, 0, 0, 0, 0, ...way]));
  } finally {
    closeSync(fd);
  }
}

/** Sends one request and reads the kernel's answer to it. */
function ask(fd: number, type: number, flags: number, body: Buffer): void {
  const header = Buffer.alloc(NLMSG_HEADER_BYTES);
  header.writeUInt32LE(header.length + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(NLM_F.request | NLM_F.ack | flags, 6);
  const message = Buffer.concat([header, body]);
  const send = native('int64_t send(int socket, const void *buffer, size_t length, int flags)');
  if (Number(send(fd, message, message.length, 0)) !== message.length)
    throw failure('send', 'ask the kernel by netlink');
  const answer = Buffer.alloc(512);
  const received = Number(
    native('int64_t recv(int socket, void *buffer, size_t length, int flags)')(fd, answer, answer.length, 0),
  );
  if (received < NLMSG_HEADER_BYTES + 4 || answer.readUInt16LE(4) !== NLMSG_ERROR)
    throw failure('recv', 'read the answer of the kernel by netlink', 71);
  const errno = -answer.readInt32LE(NLMSG_HEADER_BYTES);
  if (errno !== 0) throw failure('netlink', 'set the loopback interface up', errno);
}
