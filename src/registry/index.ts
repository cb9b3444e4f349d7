/**
 * registry: the distribution protocol. `protocol.ts` is its vocabulary, for client and server; the client reads and writes
 * repositories (`openRepository`). What it hands on has been verified against the digest that was asked for, or the stream
 * fails. Credentials and tokens stay with the host that they are for, and stand in no message. `server/` answers the same
 * protocol; what it serves comes through `RegistryContents`.
 */
export * from './certificates.ts';
export * from './client.ts';
export * from './credentials.ts';
export * from './docker-config.ts';
export * from './protocol.ts';
export * from './server/accounts.ts';
export { refusal } from './server/answer.ts';
export type * from './server/contents.ts';
export type { ByteRange } from './server/range.ts';
export * from './server/serve.ts';
