import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { decompress } from '../../archive/index.ts';
import { type ByteStream, collect, limitBytes, ShaleError, streamOf } from '../../base/index.ts';
import { type ArMember, findDebMembers } from './ar.ts';

/** A package that was taken apart. */
export interface DebContents {
  /** The plain control.tar. */
  readonly control: Uint8Array;
  /** The plain data.tar; to be read once, to its end. A chunk is valid until the next one is asked for. */
  readonly data: AsyncIterable<Uint8Array>;
}

const CONTROL_BYTES_MAX: number = 64 * 1024 * 1024;
const DATA_BYTES_MAX: number = 16 * 1024 ** 3;
/** Below this our own decoder is done before a program has started. */
const XZ_PROGRAM_BYTES_MIN: number = 256 * 1024;
let hasXzProgram: boolean | undefined;

/** Opens a package file that is in memory. @throws DEB_MALFORMED and the errors of the decompressors. */
export async function openDeb(bytes: Uint8Array): Promise<DebContents> {
  const members = findDebMembers(bytes);
  const control = await collect(await plain(bytes, members.control), CONTROL_BYTES_MAX, 'control.tar');
  return { control, data: limitBytes(await plain(bytes, members.data), DATA_BYTES_MAX, 'data.tar') };
}

async function plain(bytes: Uint8Array, member: ArMember): Promise<ByteStream> {
  const packed = bytes.subarray(member.offset, member.offset + member.sizeBytes);
  if (member.name.endsWith('.xz') && packed.byteLength >= XZ_PROGRAM_BYTES_MIN && hasXzProgram !== false) {
    return throughXz(packed);
  }
  return (await decompress(streamOf(packed))).stream;
}

// Where the program xz is installed it does the same in less than half the time; where it is not, nothing changes.
async function* throughXz(packed: Uint8Array): AsyncGenerator<Uint8Array> {
  const child = spawn('xz', ['--decompress', '--stdout'], { stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    await once(child, 'spawn');
    hasXzProgram = true;
  } catch {
    hasXzProgram = false;
    yield* (await decompress(streamOf(packed))).stream;
    return;
  }
  const closed = once(child, 'close');
  // A program that ends early is told by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(packed);
  // Without an encoding a pipe gives buffers.
  yield* child.stdout as AsyncIterable<Uint8Array>;
  const [code] = await closed;
  if (code !== 0) throw new ShaleError('DEB_MALFORMED', `xz ended with exit code ${String(code)}`);
}
