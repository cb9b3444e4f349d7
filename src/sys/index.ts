/**
 * sys: system calls that Node does not have, through koffi. Small typed functions, all synchronous; a failure is a
 * ShaleError whose code is the errno's name (`EPERM`) and whose message says what was tried on what. Importing this
 * face loads nothing: the first call loads koffi. Namespaces, umask and working directory are those of the calling
 * thread. Linux only (x86-64 and arm64); elsewhere calls throw SYS_UNAVAILABLE or ENOSYS.
 */
export { bytePath, errnoName, isNativeLoaded, type SysPath } from './native.ts';
export * from './fanotify.ts';
export * from './files.ts';
export * from './mount.ts';
export * from './network.ts';
export * from './process.ts';
export * from './sockets.ts';
export * from './xattr.ts';
