import { closeSync } from 'node:fs';
import { O_CLOEXEC } from './files.ts';
import { failure, native, shown } from './native.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
/** sockaddr_un has room for so many bytes of path, with its NUL. */
const PATH_BYTES_MAX = 108;

/**
 * Connects to a unix socket of packets that keep their bounds (Node knows streams only). read(2) on the descriptor gives
 * one packet, write(2) sends one. A path that is too long for a socket's address is reached through a held directory
 * (`/proc/self/fd/N/name`). The caller closes it.
 */
export function connectPackets(path: string): number {
  const name = Buffer.from(`${path}\0`);
  if (name.length > PATH_BYTES_MAX) throw failure('connect', `connect to ${shown(path)}`, 36);
  const fd = Number(native('int socket(int family, int type, int protocol)')(AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC, 0));
  if (fd < 0) throw failure('socket', 'make a socket');
  const address = Buffer.concat([Buffer.of(AF_UNIX, 0), name]);
  const connect = native('int connect(int socket, const void *address, unsigned int length)');
  if (connect(fd, address, address.length) !== 0) {
    const error = failure('connect', `connect to ${shown(path)}`);
    closeSync(fd);
    throw error;
  }
  return fd;
}

const SHUT = { read: 0, write: 1, both: 2 } as const;

/** shutdown(2): the other side reads the end, and reads of ours that wait end. */
export function shutDownSocket(fd: number, what: keyof typeof SHUT): void {
  const call = native('int shutdown(int socket, int how)');
  if (call(fd, SHUT[what]) !== 0) throw failure('shutdown', 'shut a socket down');
}
