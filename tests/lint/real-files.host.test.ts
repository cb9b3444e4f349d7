/** Fixes of the Dockerfiles of real projects; too many for the unit tests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesOf, messageOf } from '../../src/base/index.ts';
import { applyFixes, hasErrors, lintDockerfile, parseDockerfile, toGraph } from '../../src/dockerfile/index.ts';
import { readCorpus } from '../../src/dockerfile/syntax/corpus.fixture.ts';
import { fixFile } from '../../src/lint/index.ts';

const corpus = readCorpus('real-world.jsonl.gz');

test(
  'safe fixes of real Dockerfiles parse, are a fixed point, and change only the lines that they say',
  { skip: corpus.missing },
  async () => {
    const wrong: string[] = [];
    let fixes = 0;
    for (const { id, text } of corpus.readLines<{ readonly id: string; readonly text: string }>()) {
      const before = parseDockerfile(text);
      const { findings } = await lintDockerfile(before);
      for (const { rule, span } of findings) {
        if (span.end <= span.start || span.end > text.length) wrong.push(`${id}: ${rule.id} has no place`);
      }
      const { text: fixed, mended } = await fixFile(text, 'safe', {});
      if (mended.length === 0) {
        if (fixed !== text) wrong.push(`${id}: changed without a fix`);
        continue;
      }
      fixes += mended.length;
      if (hasErrors(parseDockerfile(fixed).diagnostics) && !hasErrors(before.diagnostics))
        wrong.push(`${id}: does not parse`);
      const again = await fixFile(fixed, 'safe', {});
      if (again.text !== fixed) wrong.push(`${id}: no fixed point`);
      const said = new Set<string>();
      for (const { fix, rule } of findings) {
        if (fix?.safety !== 'safe') continue;
        for (const { before: lines } of changesOf(text, fix.edits)) for (const line of lines) said.add(line);
        if (fix.edits.length === 0) wrong.push(`${id}: ${rule.id} has a fix without edits`);
      }
      const kept = new Set(fixed.split('\n').map((line) => line.replace(/\r$/, '')));
      for (const line of text.split('\n').map((one) => one.replace(/\r$/, ''))) {
        if (!kept.has(line) && !said.has(line)) wrong.push(`${id}: changed ${JSON.stringify(line)}`);
      }
    }
    assert.deepEqual(wrong, []);
    assert.ok(fixes > 1500, `${fixes} fixes`);
  },
);

/** Rules whose fixes say that nothing of the image changes, and are not about what RUN runs. */
const SAME_PLAN = [
  'legacy-key-value',
  'from-as-casing',
  'instruction-casing',
  'stage-name-casing',
  'no-empty-continuation',
  'workdir-relative',
  'expose-proto-casing',
  'expose-format',
  'redundant-target-platform',
  'syntax-directive-typo',
];

/** Config, steps and their inputs, as text; or why there is no plan. */
async function planOf(text: string): Promise<string> {
  const base = {
    os: 'linux',
    architecture: 'amd64',
    config: { Env: ['PATH=/bin'] },
    diffIds: [],
    history: [{ createdBy: 'base' }],
  };
  try {
    const plan = await toGraph({
      dockerfile: parseDockerfile(text),
      platform: { os: 'linux', architecture: 'amd64' },
      assumeAllowed: true,
      resolveImageConfig: async () => ({ config: base }),
    });
    const steps = Array.from(plan.graph.vertices, ([id, { op, inputs }]) => [id, op, inputs]);
    return JSON.stringify([plan.config, steps]);
  } catch (error) {
    return messageOf(error).replace(/^Dockerfile:\d+/, '');
  }
}

test(
  'fixes that claim to change nothing plan the same build of real Dockerfiles',
  { skip: corpus.missing },
  async () => {
    const wrong: string[] = [];
    let files = 0;
    for (const { id, text } of corpus.readLines<{ readonly id: string; readonly text: string }>()) {
      const { findings } = await lintDockerfile(parseDockerfile(text));
      const fixes = findings.flatMap(({ rule, fix }) =>
        fix?.safety === 'safe' && SAME_PLAN.includes(rule.id) ? [fix] : [],
      );
      const { text: fixed } = applyFixes(text, fixes);
      if (fixed === text) continue;
      files++;
      if ((await planOf(text)) !== (await planOf(fixed))) wrong.push(id);
    }
    assert.deepEqual(wrong, []);
    assert.ok(files > 350, `${files} files`);
  },
);
