/**
 * Asks docker buildx for the resolved form of every case and writes `answers.json`: `.tools/run tests/bake/record.ts`, with
 * `SHALE_DOCKER` for another docker, and `SHALE_DOCKER_FOLDER` for a folder that it sees.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BakeCase, CASES, expressionCase } from './cases.ts';
import { EXPRESSIONS } from './expressions.ts';

const docker = process.env['SHALE_DOCKER'] ?? 'docker';
const parent = process.env['SHALE_DOCKER_FOLDER'] ?? tmpdir();
const version = /\d+\.\d+\.\d+/.exec(spawnSync(docker, ['buildx', 'version'], { encoding: 'utf8' }).stdout)?.[0];
if (version === undefined) throw new Error(`${docker} has no buildx`);

/** What buildx prints for a case, or the error that it ends with. */
function ask({ files, words = [], env = {} }: BakeCase): unknown {
  const folder = mkdtempSync(join(parent, 'bake-'));
  try {
    for (const [file, text] of Object.entries({ 'secret.txt': 'x', ...files })) writeFileSync(join(folder, file), text);
    const { PATH, HOME } = process.env;
    const asked = spawnSync(docker, ['buildx', 'bake', '--print', ...words], {
      cwd: folder,
      env: { PATH, HOME, ...env },
      encoding: 'utf8',
    });
    if (asked.status === 0) return JSON.parse(asked.stdout);
    return { error: (/^ERROR: (.*)$/m.exec(asked.stderr)?.[1] ?? asked.stderr).slice(0, 300) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The argument that an expression comes to. */
function valueOf(answer: unknown): unknown {
  const printed = answer as { error?: string; target?: { default: { args?: { x?: string } } } }; // As asked above.
  return printed.error === undefined ? (printed.target?.default.args?.x ?? null) : { error: printed.error };
}

const answers = Object.fromEntries(Object.entries(CASES).map(([name, one]) => [name, ask(one)]));
const expressions = Object.fromEntries(
  Object.entries(EXPRESSIONS).map(([about, list]) => [
    about,
    Object.fromEntries(Object.entries(list).map(([name, text]) => [name, valueOf(ask(expressionCase(text)))])),
  ]),
);
const facts = { buildx: version, answers, expressions };
writeFileSync(join(import.meta.dirname, 'answers.json'), `${JSON.stringify(facts, null, 1)}\n`);
