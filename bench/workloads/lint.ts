import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { writeContext } from '../contexts.ts';
import type { Workload } from '../types.ts';

const SHARED = process.env['SHALE_SHARED'] ?? join(import.meta.dirname, '../../../shared');
const CORPUS = join(SHARED, 'corpus/dockerfile/real-world.jsonl.gz');

/** Real Dockerfiles, all in one run. */
export const lint: Workload = {
  name: 'lint',
  rows({ contexts }) {
    if (!existsSync(CORPUS)) return [];
    const lines = gunzipSync(readFileSync(CORPUS))
      .toString()
      .split('\n')
      .filter((line) => line !== '');
    // The corpus is ours; its README gives the shape.
    const texts = lines.map((line) => (JSON.parse(line) as { readonly text: string }).text);
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
