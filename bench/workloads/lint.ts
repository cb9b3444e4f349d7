import { readCorpus } from '../../src/dockerfile/syntax/corpus.fixture.ts';
import { writeContext } from '../contexts.ts';
import type { Workload } from '../types.ts';

const corpus = readCorpus('real-world.jsonl.gz');

/** Real Dockerfiles, all in one run. */
export const lint: Workload = {
  name: 'lint',
  rows({ contexts }) {
    if (corpus.missing !== false) return [];
    const texts = corpus.readLines<{ readonly text: string }>().map(({ text }) => text);
    const files = Object.fromEntries(texts.map((text, index) => [`${index}/Dockerfile`, text]));
    const folder = writeContext(contexts, 'lint', files);
    return [
      {
        name: 'lint',
        title: `lint of ${texts.length.toLocaleString('en')} real Dockerfiles`,
        warmups: 1,
        rounds: 5,
        goal: '< 3 s',
        command: (contender) => contender.lint?.(folder),
      },
    ];
  },
};
