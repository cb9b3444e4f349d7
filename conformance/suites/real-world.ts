import assert from 'node:assert/strict';
import { describeDockerfile, type DockerfileDescription } from '../../src/dockerfile/index.ts';
import { readCorpus } from '../../src/dockerfile/syntax/corpus.fixture.ts';
import { plainSuite, type Suite } from '../suite.ts';

type RealFile = Omit<DockerfileDescription, 'error'> & {
  readonly id: string;
  readonly text: string;
  readonly error?: { readonly phase: string; readonly message: string };
};

const corpus = readCorpus('real-world.jsonl.gz');

export const realWorld: Suite = plainSuite(
  {
    name: 'real-world',
    about: 'real Dockerfiles with tree, lines, stages, build checks and refusals of BuildKit',
    missing: corpus.missing,
  },
  () =>
    corpus.readLines<RealFile>().map(({ id, text, error, ...expected }) => ({
      name: id,
      run: async () => {
        const { error: fault, ...described } = await describeDockerfile(text);
        // That it is refused, and how far reading came, is compared; what people are told is not.
        const shown = fault === undefined ? 'it is accepted' : `it is refused: ${fault.message}`;
        assert.equal(fault?.phase, error?.phase, shown);
        assert.deepEqual(described, expected);
      },
    })),
);
