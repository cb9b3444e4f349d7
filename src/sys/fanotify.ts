import { closeSync, constants, readlinkSync } from 'node:fs';
import { fromBytes, messageOf, ShaleError, type ByteString } from '../base/index.ts';
import { O_CLOEXEC } from './files.ts';
import { errnoName, failure, lastErrno, native } from './native.ts';

// linux/fanotify.h
const FAN = { CLOEXEC: 1, NONBLOCK: 2, UNLIMITED_QUEUE: 0x10, OPEN: 0x20, Q_OVERFLOW: 0x4000 } as const;
const FAN_MARK = { ADD: 1, FILESYSTEM: 0x100 } as const;
/** struct fanotify_event_metadata: sizes and version, then at 8 the mask, at 16 the descriptor, at 20 the pid. */
const EVENT_BYTES = 24;

/** A file that some process has opened. */
export interface OpenedFile {
  /**
   * Absolute, below the root of the mount namespace of whoever opened it, as the kernel names it now; a file that has been
   * deleted has ` (deleted)` at the end.
   */
  readonly path: ByteString;
  /** The process, 0 where it is in no pid namespace that this one sees. */
  readonly pid: number;
}

/**
 * A fanotify group that hears of opened files (fanotify_init). Its queue is as long as it has to be; nothing waits for it.
 * The caller closes it, and with it all of its marks.
 * @throws EPERM without CAP_SYS_ADMIN in the machine's user namespace, ENOSYS where the kernel has no fanotify, EMFILE
 */
export function openFanotify(): number {
  const call = native('int fanotify_init(unsigned int flags, unsigned int eventFlags)');
  // Not O_NONBLOCK: a file that a process has a lease on could not be told (EAGAIN).
  const eventFlags = constants.O_RDONLY | constants.O_NOATIME | O_CLOEXEC;
  const fd = Number(call(FAN.CLOEXEC | FAN.NONBLOCK | FAN.UNLIMITED_QUEUE, eventFlags));
  if (fd < 0) throw failure('fanotify_init', 'listen to files that are opened');
  return fd;
}

/**
 * From now on the group hears of every regular file of the file system that the descriptor's directory is on, through
 * whichever mount and in whichever namespace it is opened, to be read, written or executed.
 * @throws EINVAL, ENODEV, EOPNOTSUPP where the file system or the kernel cannot
 */
export function markFileSystem(group: number, directory: number): void {
  const call = native(
    'int fanotify_mark(int group, unsigned int flags, uint64_t mask, int directory, const char *path)',
  );
  if (call(group, FAN_MARK.ADD | FAN_MARK.FILESYSTEM, FAN.OPEN, directory, '.') !== 0)
    throw failure('fanotify_mark', 'listen to the files of a file system');
}

/**
 * The oldest that the group has heard of and not told yet; undefined where there is nothing. It leaves no descriptor open.
 * One at a time: of several the kernel would leave out one that cannot be told, and not say so.
 * @throws FILES_UNTOLD where the kernel could not keep all of it, or not tell this one (EMFILE and others)
 */
export function readOpened(group: number): OpenedFile | undefined {
  const read = native('int64_t read(int fd, void *buffer, size_t length)');
  const event = Buffer.alloc(EVENT_BYTES);
  for (;;) {
    const length = Number(read(group, event, event.length));
    const name = length < 0 ? errnoName(lastErrno()) : '';
    if (name === 'EAGAIN') return undefined;
    // Nothing but a file that has vanished from its server.
    if (name === 'EINTR' || length === 0) continue;
    if (name !== '') throw untold(name);
    const fd = event.readInt32LE(16);
    if (fd < 0) throw untold((event.readUInt32LE(8) & FAN.Q_OVERFLOW) === 0 ? 'no descriptor' : 'queue overflow');
    return { path: takePath(fd), pid: event.readInt32LE(20) };
  }
}

function takePath(fd: number): ByteString {
  try {
    return fromBytes(readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }));
  } catch (error) {
    throw untold(messageOf(error));
  } finally {
    closeSync(fd);
  }
}

function untold(why: string): ShaleError {
  return new ShaleError('FILES_UNTOLD', `the kernel cannot tell all files that are opened: ${why}`);
}
