import type { Flag, RefusedFlag } from '../command.ts';

/** Flags that `run` and `exec` share. */
export const PROCESS_FLAGS: readonly Flag[] = [
  { kind: 'boolean', name: 'interactive', short: 'i', summary: 'keep standard input open' },
  { kind: 'boolean', name: 'tty', short: 't', summary: 'give the command a terminal' },
  { kind: 'boolean', name: 'detach', short: 'd', summary: 'do not wait for the command; print the id' },
  {
    kind: 'list',
    name: 'env',
    short: 'e',
    value: 'NAME[=VALUE]',
    summary: 'set a variable; without value, pass it on',
  },
  { kind: 'list', name: 'env-file', value: 'FILE', summary: 'read variables from a file' },
  { kind: 'text', name: 'workdir', short: 'w', value: 'PATH', summary: 'the working directory' },
  { kind: 'text', name: 'user', short: 'u', value: 'USER[:GROUP]', summary: 'run as this user, by name or number' },
];

/** Flags of docker's `run` that are refused; each would be silently wrong if it were accepted. */
export const REFUSED_RUN_FLAGS: readonly RefusedFlag[] = [
  { name: 'storage-opt', why: 'the writable layer has no size limit' },
  { name: 'kernel-memory', why: 'kernels have no such limit any more' },
  { name: 'disable-content-trust', why: 'signatures are not checked; digests always are' },
  { name: 'use-api-socket', why: 'there is no daemon whose socket could be passed on' },
  { name: 'link-local-ip', why: 'shale sets no link-local addresses' },
  { name: 'link', why: 'containers are not linked', instead: '--network NAME for both: they find each other by name' },
];
