import assert from 'node:assert/strict';
import { dumpSyntax, parseDockerfile } from '../../src/dockerfile/index.ts';
import { readCorpus } from '../../src/dockerfile/syntax/corpus.fixture.ts';
import { plainSuite, type Suite } from '../suite.ts';

interface ParserTable {
  readonly positive: readonly { readonly name: string; readonly dockerfile: string; readonly dump: string }[];
  readonly negative: readonly { readonly name: string; readonly dockerfile: string }[];
}

const table = readCorpus('parser.json');

/** True when the shape of the file is refused, before any instruction is understood. */
function isRefused(dockerfile: string): boolean {
  return parseDockerfile(dockerfile).diagnostics.some(
    ({ severity, phase }) => severity === 'error' && phase === 'parse',
  );
}

export const parser: Suite = plainSuite(
  { name: 'parser', about: 'files with the syntax tree that BuildKit makes of them', missing: table.missing },
  () => {
    const { positive, negative } = table.read<ParserTable>();
    return [
      ...positive.map(({ name, dockerfile, dump }) => ({
        name,
        run: () => {
          assert.equal(dumpSyntax(parseDockerfile(dockerfile).nodes), dump);
          assert.equal(isRefused(dockerfile), false);
        },
      })),
      ...negative.map(({ name, dockerfile }) => ({
        name,
        run: () => assert.ok(isRefused(dockerfile), 'it is accepted'),
      })),
    ];
  },
);
