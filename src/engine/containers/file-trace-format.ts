import { fromBytes, ShaleError, toBytes, type ByteString } from '../../base/index.ts';

/** Of a file that is read: a million paths of 64 bytes. */
export const FILE_TRACE_MAX_BYTES: number = 64 * 1024 * 1024;

/** The file of `run --trace-files` (docs/formats/file-trace.md), of absolute paths in their order. */
export function formatFileTrace(paths: readonly ByteString[]): Buffer {
  return toBytes(paths.map((path) => `${path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`).join(''));
}

/**
 * The paths of such a file. `file`: its name, for the error.
 * @throws TRACE_INVALID with the line
 */
export function parseFileTrace(bytes: Uint8Array, file: string): readonly ByteString[] {
  const lines = fromBytes(bytes).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, at) => {
    if (!line.startsWith('/') || /(?:^|[^\\])(?:\\\\)*\\(?![\\n])/.test(line)) {
      throw new ShaleError('TRACE_INVALID', `${file}:${at + 1}: it is no path of a trace of opened files`, {
        data: { file, line: at + 1 },
        hint: 'shale run --trace-files FILE writes one',
      });
    }
    return line.replaceAll(/\\([\\n])/g, (_, character: string) => (character === 'n' ? '\n' : '\\'));
  });
}
