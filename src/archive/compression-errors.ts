import { messageOf, ShaleError } from '../base/index.ts';

/**
 * Why compressed bytes were refused. `data.kind` is the compression.
 * - COMPRESS_TRUNCATED: the bytes end before the compressed stream does
 * - COMPRESS_CORRUPT: a checksum, length or code is wrong, or something that is no stream follows one
 * - COMPRESS_UNSUPPORTED: a valid stream that needs what shale does not have (a dictionary, a filter, a huge window)
 */
export type CompressionErrorCode = 'COMPRESS_TRUNCATED' | 'COMPRESS_CORRUPT' | 'COMPRESS_UNSUPPORTED';

export function compressionError(
  code: CompressionErrorCode,
  kind: string,
  problem: string,
  cause?: unknown,
): ShaleError {
  return new ShaleError(code, `${kind} stream: ${problem}`, { data: { kind }, cause });
}

export function truncated(kind: string): ShaleError {
  return compressionError('COMPRESS_TRUNCATED', kind, 'unexpected end');
}

export function corrupt(kind: string, problem: string): ShaleError {
  return compressionError('COMPRESS_CORRUPT', kind, problem);
}

export function unsupported(kind: string, problem: string): ShaleError {
  return compressionError('COMPRESS_UNSUPPORTED', kind, problem);
}

/** What an error of node:zlib means; errors of the source pass through. */
export function fromZlib(kind: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  const { code } = error;
  if (code === 'Z_BUF_ERROR') return compressionError('COMPRESS_TRUNCATED', kind, 'unexpected end', error);
  if (code === 'ZSTD_error_frameParameter_windowTooLarge' || code.startsWith('ZSTD_error_dictionary')) {
    return compressionError('COMPRESS_UNSUPPORTED', kind, messageOf(error), error);
  }
  if (/^(?:Z_|ZSTD_)/.test(code)) return compressionError('COMPRESS_CORRUPT', kind, messageOf(error), error);
  return error;
}
