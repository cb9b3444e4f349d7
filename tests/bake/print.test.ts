/** What `shale bake --print` prints beside what docker buildx bake printed (`answers.json`, recorded by `record.ts`). */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fakeContext } from '../../src/cli/fake-context.fixture.ts';
import { runCommandLine } from '../../src/cli/app.ts';
import { type BakeCase, CASES, expressionCase } from './cases.ts';
import { EXPRESSIONS } from './expressions.ts';

interface Refusal {
  readonly error: string;
}

interface Facts {
  readonly buildx: string;
  readonly answers: Readonly<Record<string, Refusal | Readonly<Record<string, unknown>>>>;
  readonly expressions: Readonly<Record<string, Readonly<Record<string, Refusal | string>>>>;
}

const facts = JSON.parse(readFileSync(join(import.meta.dirname, 'answers.json'), 'utf8')) as Facts; // Written by record.ts.

/** Cases where shale answers otherwise on purpose; docs/compatibility/bake.md says the same. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'a group that holds itself': 'what else it holds is built',
};

const isRefusal = (answer: unknown): answer is Refusal =>
  typeof answer === 'object' && answer !== null && 'error' in answer;

describe(`bake --print as buildx ${facts.buildx} prints it`, () => {
  let folder = '';
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'shale-bake-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function print({ files, words = [], env = {} }: BakeCase): Promise<unknown> {
    const cwd = mkdtempSync(join(folder, 'case-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
    const { context, stdout, stderr } = fakeContext({ env });
    const status = await runCommandLine(['bake', '--print', ...words], { ...context, cwd });
    if (status !== 0) return { error: stderr() };
    return inOrder(JSON.parse(stdout()));
  }

  /** buildx gives the targets of a matrix in an order that changes from run to run. */
  function inOrder(answer: unknown): unknown {
    const { group = {}, ...rest } = answer as { group?: Record<string, { targets: string[] }> }; // As printed.
    const sorted = Object.entries(group).map(([name, { targets }]) => [name, { targets: targets.toSorted() }]);
    return { group: Object.fromEntries(sorted), ...rest };
  }

  for (const [name, one] of Object.entries(CASES)) {
    test(`${name}`, async () => {
      const expected = facts.answers[name];
      const answer = await print(one);
      if (DIFFERENT[name] !== undefined) assert.notEqual(isRefusal(answer), isRefusal(expected));
      else if (isRefusal(expected))
        assert.ok(isRefusal(answer), `buildx: ${expected.error}; shale: ${JSON.stringify(answer)}`);
      else assert.deepEqual(answer, inOrder(expected));
    });
  }

  for (const [about, list] of Object.entries(EXPRESSIONS)) {
    test(`${about}`, async () => {
      for (const [name, text] of Object.entries(list)) {
        const expected = facts.expressions[about]?.[name];
        const answer = (await print(expressionCase(text))) as {
          error?: string;
          target?: { default: { args: { x: string } } };
        }; // As asked.
        if (isRefusal(expected))
          assert.ok(isRefusal(answer), `${name}: buildx: ${expected.error}; shale: ${JSON.stringify(answer)}`);
        else assert.equal(answer.target?.default.args.x ?? answer.error, expected, name);
      }
    });
  }
});
