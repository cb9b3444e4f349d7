import assert from 'node:assert/strict';
import { allFlags } from '../../src/cli/common-flags.ts';
import { buildRequest, command } from '../../src/cli/commands/build.ts';
import { fakeContext } from '../../src/cli/fake-context.fixture.ts';
import { parseFlags } from '../../src/cli/parse-flags.ts';
import { BUSYBOX, cannotRun, Lab } from '../../tests/support/lab.ts';
import { findGroups, readAnswers, writeContext, type Answer, type BuildCase } from '../cases.ts';
import type { Suite } from '../suite.ts';
import { changesBetween, configOf, rowsOf, type Row } from '../trees.ts';

export const cases: Suite = {
  name: 'cases',
  about: 'whole builds of our own, with the config and the tree that docker made',
  missing: cannotRun || BUSYBOX.missing,
  concurrency: 4,
  async open() {
    const lab = await Lab.open();
    const base = await rowsOf(lab, await lab.importBusybox());
    const all = findGroups([]).flatMap((group) => {
      const answers = readAnswers(group.name);
      return group.cases.map((one) => ({
        name: `${group.name}: ${one.name}`,
        run: () => check(lab, base, one, answers[one.name]),
      }));
    });
    return { cases: all, [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() };
  },
};

async function check(
  lab: Lab,
  base: ReadonlyMap<string, Row>,
  one: BuildCase,
  answer: Answer | undefined,
): Promise<void> {
  assert.ok(answer !== undefined, 'there is no recorded answer: npm run conformance -- --record');
  if (answer.kind === 'failure') return assert.rejects(build(lab, one), `docker refuses it: ${answer.message}`);
  const imageId = await build(lab, one);
  assert.deepEqual(await configOf(lab, imageId, answer.config), answer.config);
  assert.deepEqual(changesBetween(base, await rowsOf(lab, imageId)), answer.changes);
}

/** The options are read by the command line's own parser, so that docker and shale get the same words. */
async function build(lab: Lab, one: BuildCase): Promise<string> {
  const folder = lab.newFolder();
  writeContext(folder, one);
  const words = [...(one.args ?? []), folder];
  const parsed = parseFlags(words, { flags: allFlags(command), refused: command.refused ?? [] });
  const request = buildRequest({ ...fakeContext().context, cwd: folder }, parsed, 'none');
  return (await lab.build(folder, { ...request, network: request.network ?? 'none' })).imageId;
}
