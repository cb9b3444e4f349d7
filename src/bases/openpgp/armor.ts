import { malformed } from './packets.ts';

const BEGIN = /^-----BEGIN PGP ([A-Z ]+)-----\s*$/;

/** True when the bytes are text with an armor header rather than binary packets. */
export function isArmored(bytes: Buffer): boolean {
  return bytes.subarray(0, 4096).toString('latin1').includes('-----BEGIN PGP ');
}

/**
 * The binary content of every armored block of the kind (`PUBLIC KEY BLOCK`, `SIGNATURE`), one after the other
 * (RFC 9580 section 6). The checksum line is not checked: it protects against accidents only, and signatures do that
 * better (section 6.1 forbids to depend on it).
 * @throws OPENPGP_MALFORMED when there is no such block, or one is cut short.
 */
export function dearmor(text: string, kind: string): Buffer {
  const blocks: Buffer[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    if (BEGIN.exec(lines[at] ?? '')?.[1] !== kind) continue;
    const block = readBlock(lines, at + 1, kind);
    blocks.push(block.bytes);
    at = block.endsAt;
  }
  if (blocks.length === 0) throw malformed(`no armored "${kind}"`);
  return Buffer.concat(blocks);
}

function readBlock(lines: readonly string[], start: number, kind: string): { bytes: Buffer; endsAt: number } {
  let at = start;
  while (at < lines.length && (lines[at] ?? '').trim() !== '') {
    if (!/^[A-Za-z-]+: /.test(lines[at] ?? '')) throw malformed('an armor header line has no name');
    at++;
  }
  const data: string[] = [];
  for (at++; at < lines.length; at++) {
    const line = (lines[at] ?? '').trim();
    if (line === `-----END PGP ${kind}-----`) return { bytes: Buffer.from(data.join(''), 'base64'), endsAt: at };
    if (line.startsWith('=')) continue;
    if (!/^[A-Za-z0-9+/=]*$/.test(line)) throw malformed('an armored line is not base64');
    data.push(line);
  }
  throw malformed(`an armored "${kind}" does not end`);
}
