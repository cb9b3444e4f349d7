/**
 * http: the one HTTP client, and how long servers listen. The client asks, follows redirects and hands on streams; what an answer means is its callers' to say.
 * Credentials stay with the origin that they are for, and what was asked for in secret is not asked for in the open.
 */
export * from './serve-until.ts';
export * from './transport.ts';
