import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDockerfile } from '../syntax/dockerfile.ts';
import { lintDockerfile } from './lint.ts';
import { DEFAULT_SETTINGS, type LintSettings } from './rule.ts';
import { findRule, RULES } from './rules.ts';

const FOLDER = join(import.meta.dirname, 'cases');
/** Of each kind, for every rule that hadolint has too. */
const CASES_MIN = 5;

interface CaseTable {
  readonly rule: string;
  /** Each case about one RUN is also tried behind ONBUILD and in a heredoc. */
  readonly hasVariants: boolean;
  readonly settings: Partial<LintSettings>;
  readonly cases: readonly { readonly isFound: boolean; readonly text: string }[];
}

/** Reads the tables of a file; `cases/README.md` says how they are written. */
function readTables(text: string): CaseTable[] {
  return text
    .split(/^= /m)
    .slice(1)
    .map((part) => {
      const [head = '', ...lines] = part.split('\n');
      const [rule = '', mark] = head.split(' ');
      const setting = (name: string): string | undefined =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const base = setting('base') ?? 'debian:12';
      const cases = lines
        .filter((line) => /^[+-] /.test(line))
        .map((line) => {
          const written = line.slice(2).replaceAll('¶', '\n');
          return {
            isFound: line.startsWith('+'),
            text: /^\s*from\b|\nfrom\b/i.test(written) ? written : `FROM ${base}\n${written}`,
          };
        });
      const settings = JSON.parse(setting('settings') ?? '{}') as Partial<LintSettings>; // The tables are ours.
      return { rule, hasVariants: mark === '*', settings, cases };
    });
}

function variantsOf(text: string): string[] {
  const match = /^([^]*\n)?RUN ((?!--|\[|<<)[^\n]*)$/.exec(text);
  if (match === null) return [];
  const [, before = '', command = ''] = match;
  return [`${before}ONBUILD RUN ${command}`, `${before}RUN <<EOF\n${command}\nEOF`];
}

const tables = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.txt'))
  .flatMap((name) => readTables(readFileSync(join(FOLDER, name), 'utf8')));

for (const { rule, hasVariants, settings, cases } of tables) {
  test(`the rule ${rule} finds what its cases say, and nothing else`, async () => {
    const wrong: string[] = [];
    for (const { isFound, text } of cases) {
      for (const variant of [text, ...(hasVariants ? variantsOf(text) : [])]) {
        const { findings } = await lintDockerfile(parseDockerfile(variant), {
          settings: { ...DEFAULT_SETTINGS, ...settings },
          enabled: [rule],
          useInlineIgnores: false,
        });
        const found = findings.filter((finding) => finding.rule.id === rule);
        if (found.length > 0 !== isFound) wrong.push(`${isFound ? 'not found' : 'found'}: ${JSON.stringify(variant)}`);
        for (const { span } of found) {
          if (span.end <= span.start || span.end > variant.length)
            wrong.push(`without a place: ${JSON.stringify(variant)}`);
        }
      }
    }
    assert.deepEqual(wrong, []);
  });
}

test('every rule that hadolint has too has five cases of each kind, and those about RUN one in a heredoc and one behind ONBUILD', () => {
  const lacking = RULES.filter(({ aliases }) => aliases.some((name) => /^DL[34]\d{3}$/.test(name))).filter(({ id }) => {
    const table = tables.find(({ rule }) => rule === id);
    const count = (isFound: boolean): number => table?.cases.filter((one) => one.isFound === isFound).length ?? 0;
    return count(true) < CASES_MIN || count(false) < CASES_MIN;
  });
  assert.deepEqual(
    lacking.map(({ id }) => id),
    [],
  );
  for (const { rule } of tables) assert.equal(findRule(rule)?.id, rule);
});
