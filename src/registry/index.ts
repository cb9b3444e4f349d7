/**
 * registry: the distribution protocol. The client reads repositories without a login; what it hands on has been verified
 * against the digest that was asked for, or the stream fails. Credentials and tokens stay with the host that they are for.
 */
export * from './client.ts';
