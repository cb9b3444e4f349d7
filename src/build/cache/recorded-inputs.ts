import { createZstdDecompress, constants, createZstdCompress } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { limitBytes, ShaleError, type ByteStream } from '../../base/index.ts';
import type { StepInputs } from '../../solver/index.ts';

const TEXT_CHUNK_CHARACTERS = 64 * 1024;
/** Lines that differ little shrink to a tenth at any level. */
const COMPRESSION_LEVEL = 1;
/** Bytes that recorded inputs may have when they are read again. */
const INPUTS_MAX_BYTES: number = 256 * 1024 * 1024;

/** Gives the inputs as JSON to `write`, compressed as they are made: the text of a large context has tens of megabytes. */
export async function compressInputs(inputs: StepInputs, write: (part: Uint8Array) => Promise<void>): Promise<void> {
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL } });
  await pipeline(jsonOf(inputs), stream, async (compressed: AsyncIterable<Buffer>) => {
    for await (const part of compressed) await write(part);
  });
}

function* jsonOf(inputs: StepInputs): Generator<string> {
  let text = '[';
  let isFirst = true;
  for (const pair of inputs) {
    text += `${isFirst ? '' : ','}${JSON.stringify(pair)}`;
    isFirst = false;
    if (text.length < TEXT_CHUNK_CHARACTERS) continue;
    yield text;
    text = '';
  }
  yield `${text}]`;
}

/** One pair of texts, with the bracket or comma before it. */
const PAIR = /[[,](\["(?:[^"\\]|\\.)*","(?:[^"\\]|\\.)*"\])/y;

/**
 * The inverse of `compressInputs`, pair by pair, so that they are never all in memory.
 * @throws INPUTS_INVALID for what is no list of pairs of texts; LIMIT_EXCEEDED; what decompressing throws
 */
export async function* decompressInputs(compressed: ByteStream): AsyncGenerator<readonly [string, string]> {
  const decoder = new TextDecoder();
  const stream = createZstdDecompress();
  const fed = pipeline(compressed, stream);
  // What goes wrong comes out of the stream too, and is told there.
  fed.catch(() => {});
  let text = '';
  for await (const chunk of limitBytes(stream, INPUTS_MAX_BYTES, 'the recorded inputs of a step')) {
    text += decoder.decode(chunk, { stream: true });
    let end = 0;
    for (const [next, pair] of pairsIn(text)) {
      end = next;
      yield pair;
    }
    text = text.slice(end);
  }
  await fed;
  if (!/^\[?\]$/.test(text))
    throw new ShaleError('INPUTS_INVALID', 'the recorded inputs of a step are no list of pairs of texts');
}

/** The whole pairs at the beginning of a text, each with where it ends. */
function* pairsIn(text: string): Generator<readonly [number, readonly [string, string]]> {
  PAIR.lastIndex = 0;
  for (let match = PAIR.exec(text); match !== null; match = PAIR.exec(text)) {
    const end = PAIR.lastIndex;
    // The pattern lets nothing else through.
    yield [end, JSON.parse(match[1] ?? '') as [string, string]];
    PAIR.lastIndex = end;
  }
}
