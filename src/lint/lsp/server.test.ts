import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import { NO_CONFIG } from '../config/settings.ts';
import { formatMessage, readMessages } from './messages.ts';
import { runLanguageServer } from './server.ts';
import { changedText, offsetAt } from './text-document.ts';

const URI = 'untitled:Dockerfile';

/** Sends messages, cut at odd places, and gives what comes back. */
async function converse(messages: readonly JsonObject[]): Promise<{ status: number; sent: JsonObject[] }> {
  const bytes = Buffer.from(messages.map(formatMessage).join(''));
  async function* input(): AsyncIterable<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
  }
  const chunks: Buffer[] = [];
  const status = await runLanguageServer({
    input: input(),
    write: async (text) => void chunks.push(Buffer.from(text)),
    version: '1',
    config: NO_CONFIG,
  });
  async function* output(): AsyncIterable<Uint8Array> {
    yield* chunks;
  }
  const sent: JsonObject[] = [];
  for await (const message of readMessages(output())) sent.push(message);
  return { status, sent };
}

function request(id: number, method: string, params: JsonObject = {}): JsonObject {
  return { jsonrpc: '2.0', id, method, params };
}

function notice(method: string, params: JsonObject = {}): JsonObject {
  return { jsonrpc: '2.0', method, params };
}

const open = (text: string): JsonObject =>
  notice('textDocument/didOpen', { textDocument: { uri: URI, languageId: 'dockerfile', version: 1, text } });

function at(message: Json | undefined, ...path: readonly (string | number)[]): Json | undefined {
  let value: Json | undefined = message;
  for (const key of path) {
    if (Array.isArray(value)) value = value[Number(key)];
    else value = isJsonObject(value) ? value[String(key)] : undefined;
  }
  return value;
}

test('the language server tells findings as a file is opened, changed and closed', async () => {
  const { status, sent } = await converse([
    request(1, 'initialize'),
    notice('initialized'),
    open('FROM debian:12\nRUN süß && sudo x\nUSER 1\n'),
    notice('textDocument/didChange', {
      textDocument: { uri: URI, version: 2 },
      contentChanges: [{ range: { start: { line: 1, character: 11 }, end: { line: 1, character: 16 } }, text: '' }],
    }),
    notice('textDocument/didClose', { textDocument: { uri: URI } }),
    request(2, 'shutdown'),
    notice('exit'),
  ]);
  assert.equal(status, 0);
  const published = sent.filter((message) => message['method'] === 'textDocument/publishDiagnostics');
  assert.deepEqual(at(published[0], 'params', 'diagnostics', 0, 'range'), {
    start: { line: 1, character: 11 },
    end: { line: 1, character: 15 },
  });
  assert.deepEqual(
    [at(published[0], 'params', 'diagnostics', 0, 'code'), at(published[0], 'params', 'version')],
    ['run-sudo', 1],
  );
  assert.deepEqual(at(published[1], 'params', 'diagnostics'), []);
  assert.deepEqual(at(published[2], 'params', 'diagnostics'), []);
});

test('the language server offers fixes, silence, all safe fixes, and pages', async () => {
  const text = 'FROM debian:12 as x\nUSER 1\n';
  const place = { line: 0, character: 15 };
  const { sent } = await converse([
    open(text),
    request(1, 'textDocument/codeAction', {
      textDocument: { uri: URI },
      range: { start: place, end: place },
      context: { only: ['quickfix', 'source.fixAll'] },
    }),
    request(2, 'textDocument/hover', { textDocument: { uri: URI }, position: place }),
    request(3, 'textDocument/hover', { textDocument: { uri: URI }, position: { line: 1, character: 0 } }),
    request(4, 'nothing'),
  ]);
  const answer = (id: number): JsonObject | undefined => sent.find((message) => message['id'] === id);
  const titles = [0, 1, 2].map((index) => at(answer(1), 'result', index, 'title'));
  assert.deepEqual(titles, ['Write AS (from-as-casing)', 'Keep from-as-casing silent here', 'Make all safe fixes']);
  assert.equal(at(answer(1), 'result', 0, 'edit', 'changes', URI, 0, 'newText'), 'AS');
  assert.match(JSON.stringify(at(answer(2), 'result', 'contents', 'value')), /^"# from-as-casing/);
  assert.equal(at(answer(3), 'result'), null);
  assert.equal(at(answer(4), 'error', 'code'), -32_601);
});

test('the language server ends with 1 without a shutdown, and at what is no message', async () => {
  assert.equal((await converse([request(1, 'initialize')])).status, 1);
  const written: string[] = [];
  async function* input(): AsyncIterable<Uint8Array> {
    yield Buffer.from('Content-Length: 3\r\n\r\n{x}');
  }
  const status = await runLanguageServer({
    input: input(),
    write: async (text) => void written.push(text),
    version: '1',
  });
  assert.deepEqual([status, written.length], [1, 1]);
});

test('changedText() takes ranges in UTF-16 units, and whole texts', () => {
  const range = { start: { line: 1, character: 0 }, end: { line: 1, character: 2 } };
  assert.equal(changedText('a\n😀b\n', { range, text: 'x' }), 'a\nxb\n');
  assert.equal(changedText('a', { text: 'b' }), 'b');
  assert.equal(offsetAt('a\nb', { line: 9, character: 9 }), 3);
});
