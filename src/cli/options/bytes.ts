import { UsageError } from '../usage-error.ts';

const BYTES = /^(\d+(?:\.\d+)?)\s?([kmgtp])?i?b?$/i;

/**
 * A size as docker takes it for memory: `512m`, `1.5g`, `64MiB`, `1000b`; units are powers of 1024. In bytes, rounded
 * down.
 * @throws USAGE
 */
export function parseBytes(flag: string, text: string): number {
  const match = BYTES.exec(text.trim());
  if (match === null) throw new UsageError(`${flag} ${JSON.stringify(text)} is not a size`, `${flag} 512m`);
  const power = match[2] === undefined ? 0 : 'kmgtp'.indexOf(match[2].toLowerCase()) + 1;
  return Math.floor(Number(match[1]) * 1024 ** power);
}
