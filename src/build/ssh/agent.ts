import { once } from 'node:events';
import { chmodSync, closeSync, constants, lchownSync, openSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { dirname, basename } from 'node:path';
import { ShaleError } from '../../base/index.ts';
import { listKeys, type AgentKey } from './keys.ts';
import { SshReader, sshString } from './wire.ts';

/** Answers the messages of one client of an SSH agent, one after another. */
export interface AgentSession extends Disposable {
  /** A message without its length in front, and the answer to it. */
  answer(message: Buffer): Promise<Buffer>;
}

/** Something that signs for steps: an agent of the user, or keys of ours. */
export interface SshAgent {
  open(): AgentSession;
}

/** Message numbers (draft-ietf-sshm-ssh-agent, "Message numbers"). */
const FAILURE = 5;
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const EXTENSION = 27;

/** As OpenSSH's agent. */
const MESSAGE_BYTES_MAX = 256 * 1024;
const CONNECTIONS_MAX = 64;

const REFUSED: Buffer = Buffer.from([FAILURE]);

/** An agent that holds these keys and nothing else, and can be asked for signatures and nothing else. */
export function agentOfKeys(keys: readonly AgentKey[]): SshAgent {
  const answer = async (message: Buffer): Promise<Buffer> => {
    const reader = new SshReader(message);
    const type = reader.byte();
    if (type === REQUEST_IDENTITIES) return Buffer.concat([Buffer.from([IDENTITIES_ANSWER]), listKeys(keys)]);
    if (type !== SIGN_REQUEST) return REFUSED;
    const blob = reader.string();
    const key = keys.find((one) => one.blob.equals(blob));
    if (key === undefined) return REFUSED;
    const data = reader.string();
    return Buffer.concat([Buffer.from([SIGN_RESPONSE]), sshString(key.sign(data, reader.uint32()))]);
  };
  return { open: () => ({ answer, [Symbol.dispose]: () => {} }) };
}

/** What a step may ask an agent of the user: not to take keys away, add some, or lock itself. */
const FORWARDED: ReadonlySet<number> = new Set([REQUEST_IDENTITIES, SIGN_REQUEST, EXTENSION]);

/** The agent that listens at a socket of this machine. */
export function agentAt(path: string): SshAgent {
  return {
    open() {
      let upstream: { readonly socket: Socket; readonly frames: AsyncGenerator<Buffer> } | undefined;
      return {
        async answer(message) {
          if (!FORWARDED.has(message[0] ?? 0)) return REFUSED;
          if (upstream === undefined) {
            using near = shortPath(path);
            const socket = connect(near.path);
            await once(socket, 'connect');
            upstream = { socket, frames: framesOf(socket) };
          }
          upstream.socket.write(sshString(message));
          const { value, done } = await upstream.frames.next();
          return done === true ? REFUSED : value;
        },
        [Symbol.dispose]: () => upstream?.socket.destroy(),
      };
    },
  };
}

export interface AgentSocket {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Lets an agent listen at a socket with this owner and mode until it is disposed. A client that sends anything but whole
 * messages of a sensible size is hung up on.
 */
export async function serveAgent(agent: SshAgent, at: AgentSocket): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    void serve(agent, socket);
  });
  server.maxConnections = CONNECTIONS_MAX;
  {
    using near = shortPath(at.path);
    server.listen(near.path);
    await once(server, 'listening');
  }
  chmodSync(at.path, at.mode);
  lchownSync(at.path, at.uid, at.gid);
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** The path of a socket may have 107 bytes: the descriptor of its folder makes it short. */
function shortPath(path: string): Disposable & { readonly path: string } {
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${folder}/${basename(path)}`, [Symbol.dispose]: () => closeSync(folder) };
}

async function serve(agent: SshAgent, socket: Socket): Promise<void> {
  try {
    using session = agent.open();
    for await (const message of framesOf(socket)) socket.write(sshString(await session.answer(message)));
    socket.end();
  } catch {
    // The client, or the agent behind us, is gone or broken: ssh says so to whoever called it.
    socket.destroy();
  }
}

/** Cuts a stream into messages: the length, then as many bytes. @throws SSH_MALFORMED for one that is too long */
async function* framesOf(socket: Socket): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    held = Buffer.concat([held, chunk as Buffer]); // A socket without an encoding gives buffers.
    while (held.length >= 4) {
      const length = held.readUInt32BE();
      if (length === 0 || length > MESSAGE_BYTES_MAX)
        throw new ShaleError('SSH_MALFORMED', `a message of ${length} bytes to an SSH agent`);
      if (held.length < 4 + length) break;
      yield held.subarray(4, 4 + length);
      held = held.subarray(4 + length);
    }
  }
}
