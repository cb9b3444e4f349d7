import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { isSystemError, messageOf } from '../../base/index.ts';
import { UsageError } from '../usage-error.ts';

/** The file of `--cidfile`: made before the container, so that two commands cannot take the same one. */
export interface IdFile extends Disposable {
  readonly write: (id: string) => void;
}

const NONE: IdFile = { write: () => undefined, [Symbol.dispose]: () => undefined };

/**
 * Makes an empty file; disposing it takes it away again unless an id was written.
 * @throws USAGE when it is there already.
 */
export function openIdFile(path: string | undefined): IdFile {
  if (path === undefined) return NONE;
  const descriptor = makeFile(path);
  let isWritten = false;
  return {
    write: (id) => {
      writeSync(descriptor, id);
      isWritten = true;
    },
    [Symbol.dispose]: () => {
      closeSync(descriptor);
      if (!isWritten) rmSync(path, { force: true });
    },
  };
}

function makeFile(path: string): number {
  try {
    return openSync(path, 'wx', 0o644);
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) {
      throw new UsageError(`--cidfile ${path} is there already`, 'remove it, or name another file');
    }
    throw new UsageError(`cannot make --cidfile ${path}: ${messageOf(error)}`);
  }
}
