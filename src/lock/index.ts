/**
 * lock: what a build takes from outside, written down and given again. The lock file (parsed and formatted in one form
 * only), what of it answers which request, how packages are told from addresses, and the end of a step's network that
 * records or replays HTTP.
 *
 * Invariants: a secret is in no lock file; a step is told the same when it is recorded and when it is replayed; a replay
 * asks nobody.
 */
export * from './answers.ts';
export * from './diff.ts';
export * from './lock-file.ts';
export * from './packages.ts';
export { isRedacted, redactUrl } from './redact.ts';
export { makeAuthority, type Authority } from './proxy/authority.ts';
export { Gate, MACHINE_ADDRESS, type Answer, type Answerer, type Destination, type Exchange } from './proxy/gate.ts';
export { Recorder, type BodySink, type RecorderOptions } from './proxy/recorder.ts';
export { Replayer, type ReplayerOptions } from './proxy/replayer.ts';
