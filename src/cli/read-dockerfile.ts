import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { ShaleError } from '../base/index.ts';
import { DOCKERFILE_MAX_BYTES } from '../dockerfile/index.ts';

/** @throws DOCKERFILE_UNREADABLE, and what opening a file gives */
export function readDockerfile(path: string): Buffer {
  // Without waiting: a named pipe would have to be opened at its other end first.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new ShaleError('DOCKERFILE_UNREADABLE', `${path} is not a file`);
    if (stat.size > DOCKERFILE_MAX_BYTES) {
      throw new ShaleError('DOCKERFILE_UNREADABLE', `${path} is larger than ${DOCKERFILE_MAX_BYTES} bytes`);
    }
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
