import { jsonList } from '../../edits.ts';
import { replacement } from '../../fix.ts';
import { bodyLine } from '../../read-file.ts';
import type { LintRule } from '../../rule.ts';

export const invalidJsonForm: LintRule = {
  id: 'invalid-json-form',
  aliases: [],
  topic: 'structure',
  severity: 'error',
  title: 'what looks like a JSON list is one',
  why: 'A list that is not JSON (single quotes, a comma too many) is not refused but taken for shell text: the shell then looks for a program called `[node,`.',
  bad: "FROM node:22\nCMD ['node', 'server.js']",
  good: 'FROM node:22\nCMD ["node", "server.js"]',
  fix: 'safe',
  *check({ steps }) {
    for (const { node, name } of steps) {
      if (!['cmd', 'entrypoint', 'run', 'copy', 'add', 'volume', 'shell', 'healthcheck'].includes(name)) continue;
      const body = node.body.kind === 'check' ? node.body.command : node.body;
      if (body.kind !== 'text' && body.kind !== 'words') continue;
      const line = bodyLine({ ...node, body });
      const { text } = line;
      if (!text.startsWith('[') || !text.endsWith(']')) continue;
      const mended = mend(text);
      if (mended === undefined && (name === 'run' || name === 'healthcheck' || !/['"“”,]/.test(text))) continue;
      const span = line.span(0, text.length);
      const message = 'this list is not JSON, so that it is taken for shell text';
      const edits = mended === undefined ? [] : [replacement(span, mended)];
      yield {
        message,
        span,
        ...(edits.length === 0 ? {} : { fix: { title: 'write JSON', safety: 'safe', effect: 'config', edits } }),
      };
    }
  },
};

/** The list as JSON where only its quotation marks and commas are wrong. */
function mend(text: string): string | undefined {
  const straight = text.replace(/[“”]/g, '"').replace(/,\s*\]$/, ']');
  const quoted = straight.includes('"') ? straight : straight.replaceAll("'", '"');
  try {
    const value: unknown = JSON.parse(quoted);
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return jsonList(value);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return undefined;
}
