import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isJsonObject, isShaleError, messageOf, type Json, type JsonObject } from '../../base/index.ts';
import {
  lintDockerfile,
  parseDockerfile,
  rulePage,
  type Fix,
  type LintFinding,
  type LintOptions,
} from '../../dockerfile/index.ts';
import { findConfig } from '../config/config.ts';
import { NO_CONFIG, type LintConfig } from '../config/settings.ts';
import { fixFile } from '../fix-file.ts';
import { formatMessage, readMessages, type Message } from './messages.ts';
import { changedText, offsetAt, rangeAt, readPosition, readRange, type LspRange } from './text-document.ts';

export interface LanguageServerOptions {
  readonly input: AsyncIterable<Uint8Array>;
  readonly write: (text: string) => Promise<void>;
  readonly version: string;
  /** Instead of the configs that are found beside the files. */
  readonly config?: LintConfig;
  /** Adds what other programs find. */
  readonly complete?: (options: LintOptions) => LintOptions;
}

const SEVERITIES = { error: 1, warning: 2, info: 3, style: 4 } as const;
const PARSE_ERROR = -32_700;
const METHOD_NOT_FOUND = -32_601;
const INVALID_REQUEST = -32_600;
/** Of the protocol: everything from the start of a range to the end counts. */
const SYNC_INCREMENTAL = 2;

/** A file that an editor has open. */
interface OpenFile {
  readonly text: string;
  readonly version: number | undefined;
  readonly findings: readonly LintFinding[];
  readonly options: LintOptions;
}

/**
 * Speaks the language server protocol (3.17) until the editor says `exit` or its stream ends: diagnostics as files change,
 * code actions for the fixes, for all safe ones and for a comment that keeps a rule silent, and the page of a rule on hover.
 * Gives the exit status: 1 without a `shutdown` before.
 */
export async function runLanguageServer(options: LanguageServerOptions): Promise<number> {
  const server = new LanguageServer(options);
  try {
    for await (const message of readMessages(options.input)) {
      if (message['method'] === 'exit') break;
      await server.handle(message);
    }
  } catch (error) {
    if (!isShaleError(error, 'LSP_MESSAGE')) throw error;
    await options.write(
      formatMessage({ jsonrpc: '2.0', id: null, error: { code: PARSE_ERROR, message: error.message } }),
    );
    return 1;
  }
  return server.isShutDown ? 0 : 1;
}

class LanguageServer {
  isShutDown = false;
  readonly #options: LanguageServerOptions;
  readonly #files = new Map<string, OpenFile>();

  constructor(options: LanguageServerOptions) {
    this.#options = options;
  }

  async handle(message: Message): Promise<void> {
    const { id, method, params } = message;
    if (typeof method !== 'string') return;
    const given = isJsonObject(params) ? params : {};
    if (id === undefined) return await this.#notified(method, given);
    const answer = this.isShutDown
      ? { error: { code: INVALID_REQUEST, message: 'the server is shut down' } }
      : await this.#answer(method, given);
    await this.#options.write(formatMessage({ jsonrpc: '2.0', id, ...answer }));
  }

  async #answer(method: string, params: JsonObject): Promise<JsonObject> {
    switch (method) {
      case 'initialize':
        return { result: this.#capabilities() };
      case 'shutdown':
        this.isShutDown = true;
        return { result: null };
      case 'textDocument/codeAction':
        return { result: await this.#codeActions(params) };
      case 'textDocument/hover':
        return { result: this.#hover(params) };
      default:
        return { error: { code: METHOD_NOT_FOUND, message: `there is no method ${method}` } };
    }
  }

  #capabilities(): JsonObject {
    return {
      serverInfo: { name: 'shale lint', version: this.#options.version },
      capabilities: {
        positionEncoding: 'utf-16',
        textDocumentSync: { openClose: true, change: SYNC_INCREMENTAL },
        codeActionProvider: { codeActionKinds: ['quickfix', 'source.fixAll'] },
        hoverProvider: true,
      },
    };
  }

  async #notified(method: string, params: JsonObject): Promise<void> {
    const document = isJsonObject(params['textDocument']) ? params['textDocument'] : {};
    const { uri, text, version } = document;
    if (typeof uri !== 'string') return;
    const number = typeof version === 'number' ? version : undefined;
    if (method === 'textDocument/didOpen' && typeof text === 'string') await this.#check(uri, text, number);
    else if (method === 'textDocument/didChange') {
      const changes = Array.isArray(params['contentChanges']) ? params['contentChanges'].filter(isJsonObject) : [];
      const before = this.#files.get(uri)?.text ?? '';
      await this.#check(uri, changes.reduce(changedText, before), number);
    } else if (method === 'textDocument/didClose') {
      this.#files.delete(uri);
      await this.#publish(uri, undefined, []);
    }
  }

  async #check(uri: string, text: string, version: number | undefined): Promise<void> {
    const options = await this.#lintOptions(uri);
    const { findings } = await lintDockerfile(parseDockerfile(text), options);
    this.#files.set(uri, { text, version, findings, options });
    await this.#publish(uri, version, findings.map(diagnostic));
  }

  async #lintOptions(uri: string): Promise<LintOptions> {
    const config = this.#options.config ?? (await this.#configFor(uri));
    const { settings, ignored, enabled, severities, useInlineIgnores } = config;
    const options = { settings, ignored, enabled, severities, useInlineIgnores };
    return this.#options.complete?.(options) ?? options;
  }

  /** A config that cannot be read is told in the editor; the file is checked without it. */
  async #configFor(uri: string): Promise<LintConfig> {
    if (!uri.startsWith('file:')) return NO_CONFIG;
    try {
      return await findConfig(dirname(fileURLToPath(uri)));
    } catch (error) {
      const params = { type: SEVERITIES.error, message: messageOf(error) };
      await this.#options.write(formatMessage({ jsonrpc: '2.0', method: 'window/showMessage', params }));
      return NO_CONFIG;
    }
  }

  async #publish(uri: string, version: number | undefined, diagnostics: readonly JsonObject[]): Promise<void> {
    const params = { uri, ...(version === undefined ? {} : { version }), diagnostics: [...diagnostics] };
    await this.#options.write(formatMessage({ jsonrpc: '2.0', method: 'textDocument/publishDiagnostics', params }));
  }

  async #codeActions(params: JsonObject): Promise<Json[]> {
    const [uri, file] = this.#fileOf(params);
    const range = readRange(params['range']);
    if (file === undefined || range === undefined) return [];
    const { text, findings, options } = file;
    const [from, to] = [offsetAt(text, range.start), offsetAt(text, range.end)];
    const near = findings.filter(({ span }) => span.start <= to && from <= span.end);
    const actions = near.flatMap((finding) => [
      ...(finding.fix === undefined ? [] : [fixAction(uri, text, finding, finding.fix)]),
      ignoreAction(uri, text, finding),
    ]);
    // The whole file is mended only for who asks for it: this comes with every move of the cursor.
    const fixed = asksForAll(params) ? await fixFile(text, 'safe', options) : { text };
    if (fixed.text !== text) {
      const edit = { range: rangeAt(text, { start: 0, end: text.length }), newText: fixed.text };
      actions.push({ title: 'Make all safe fixes', kind: 'source.fixAll', edit: workspaceEdit(uri, [edit]) });
    }
    return actions;
  }

  #hover(params: JsonObject): Json {
    const [, file] = this.#fileOf(params);
    const position = readPosition(params['position']);
    if (file === undefined || position === undefined) return null;
    const at = offsetAt(file.text, position);
    const found = file.findings.filter(({ span }) => span.start <= at && at <= span.end);
    // The narrowest one is what the pointer is on.
    const [finding] = found.toSorted((a, b) => a.span.end - a.span.start - (b.span.end - b.span.start));
    if (finding === undefined) return null;
    return {
      contents: { kind: 'markdown', value: rulePage(finding.rule) },
      range: rangeAt(file.text, finding.span),
    };
  }

  #fileOf({ textDocument }: JsonObject): readonly [string, OpenFile | undefined] {
    const uri = isJsonObject(textDocument) && typeof textDocument['uri'] === 'string' ? textDocument['uri'] : '';
    return [uri, this.#files.get(uri)];
  }
}

function diagnostic({ rule, code, severity, message, start, end }: LintFinding): JsonObject {
  return {
    range: {
      start: { line: start.line - 1, character: start.column - 1 },
      end: { line: end.line - 1, character: end.column - 1 },
    },
    severity: SEVERITIES[severity],
    code: code ?? rule.id,
    source: 'shale',
    message,
  };
}

function asksForAll({ context }: JsonObject): boolean {
  const only = isJsonObject(context) && Array.isArray(context['only']) ? context['only'] : [];
  return only.some((kind) => typeof kind === 'string' && /^source(?:\.fixAll(?:\.|$)|$)/.test(kind));
}

function fixAction(uri: string, text: string, finding: LintFinding, fix: Fix): JsonObject {
  const edits = fix.edits.map((edit) => ({ range: rangeAt(text, edit), newText: edit.text }));
  const title = `${fix.title.charAt(0).toUpperCase()}${fix.title.slice(1)} (${finding.rule.id})`;
  return {
    title: fix.safety === 'safe' ? title : `${title}, changes the image`,
    kind: 'quickfix',
    isPreferred: fix.safety === 'safe',
    diagnostics: [diagnostic(finding)],
    edit: workspaceEdit(uri, edits),
  };
}

/** A comment above the instruction's first line of the finding; inside an instruction it is one of its own lines. */
function ignoreAction(uri: string, text: string, finding: LintFinding): JsonObject {
  const line = text.lastIndexOf('\n', finding.span.start - 1) + 1;
  const indent = /^[ \t]*/.exec(text.slice(line))?.[0] ?? '';
  const edit = {
    range: rangeAt(text, { start: line, end: line }),
    newText: `${indent}# shale:ignore ${finding.rule.id}\n`,
  };
  return {
    title: `Keep ${finding.rule.id} silent here`,
    kind: 'quickfix',
    diagnostics: [diagnostic(finding)],
    edit: workspaceEdit(uri, [edit]),
  };
}

function workspaceEdit(
  uri: string,
  edits: readonly { readonly range: LspRange; readonly newText: string }[],
): JsonObject {
  return { changes: { [uri]: [...edits] } };
}
