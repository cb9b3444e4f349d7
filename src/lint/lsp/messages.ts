import { isJsonObject, ShaleError, type Json, type JsonObject } from '../../base/index.ts';

/** A message of JSON-RPC 2.0 as the language server protocol has it. */
export type Message = JsonObject;

const MESSAGE_MAX_BYTES = 64 * 1024 * 1024;
const HEADER_MAX_BYTES = 4096;
const HEADER_END = '\r\n\r\n';

/**
 * Reads messages behind their headers (LSP 3.17, "Base Protocol").
 * @throws LSP_MESSAGE for what is none
 */
export async function* readMessages(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Message> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    for (;;) {
      const end = held.indexOf(HEADER_END);
      if (end === -1) {
        if (held.length > HEADER_MAX_BYTES) throw new ShaleError('LSP_MESSAGE', 'a message has no header');
        break;
      }
      const length = contentLength(held.toString('latin1', 0, end));
      const start = end + HEADER_END.length;
      if (held.length < start + length) break;
      yield parseMessage(held.toString('utf8', start, start + length));
      held = held.subarray(start + length);
    }
  }
}

export function formatMessage(message: Message): string {
  const body = JSON.stringify(message);
  return `Content-Length: ${Buffer.byteLength(body)}${HEADER_END}${body}`;
}

function contentLength(header: string): number {
  const length = Number(/^content-length:[ \t]*(\d+)[ \t]*$/im.exec(header)?.[1] ?? Number.NaN);
  if (length <= MESSAGE_MAX_BYTES) return length;
  throw new ShaleError('LSP_MESSAGE', 'the header of a message says no length that can be read');
}

function parseMessage(text: string): Message {
  let value: Json;
  try {
    value = JSON.parse(text) as Json; // JSON.parse gives nothing else.
  } catch (error) {
    throw new ShaleError('LSP_MESSAGE', 'a message is not JSON', { cause: error });
  }
  if (isJsonObject(value)) return value;
  throw new ShaleError('LSP_MESSAGE', 'a message is not a JSON object');
}
