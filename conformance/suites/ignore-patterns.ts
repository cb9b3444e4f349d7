import assert from 'node:assert/strict';
import { fromText, matchGlob } from '../../src/base/index.ts';
import { cleanPath, compileIgnore } from '../../src/dockerfile/index.ts';
import { readCorpus } from '../../src/dockerfile/syntax/corpus.fixture.ts';
import { plainSuite, type Suite } from '../suite.ts';

interface PatternTables {
  readonly single: readonly { readonly pattern: string; readonly path: string; readonly match: boolean }[];
  readonly multi: readonly { readonly patterns: readonly string[]; readonly path: string; readonly match: boolean }[];
  readonly goMatch: readonly {
    readonly pattern: string;
    readonly text: string;
    readonly match: boolean;
    readonly error?: string;
  }[];
}

const tables = readCorpus('ignore-patterns.json');

function isIgnored(patterns: readonly string[], path: string): boolean {
  return compileIgnore(patterns).matches(fromText(cleanPath(path)));
}

/** The table was made with an ignore matcher, for which a parent that matches counts. */
const BY_PARENT = 'a* ab/c';

export const ignorePatterns: Suite = plainSuite(
  { name: 'ignore-patterns', about: 'ignore patterns and globs with what they match', missing: tables.missing },
  () => {
    const { single, multi, goMatch } = tables.read<PatternTables>();
    return [
      ...single.map(({ pattern, path, match }) => ({
        name: `single ${pattern} ${path}`,
        run: () => assert.equal(isIgnored([pattern], path), match),
      })),
      ...multi.map(({ patterns, path, match }) => ({
        name: `multi ${patterns.join(' ')} ${path}`,
        run: () => assert.equal(isIgnored(patterns, path), match),
      })),
      ...goMatch.map(({ pattern, text, match, error }) => ({
        name: `glob ${pattern} ${text}`,
        run: () => {
          const asGlob = (): boolean => matchGlob(fromText(pattern), fromText(text));
          const asIgnore = (): boolean => compileIgnore([pattern]).matches(fromText(text));
          if (error !== undefined) {
            assert.throws(asGlob, { code: 'GLOB_INVALID' });
            assert.throws(asIgnore, { code: 'IGNORE_PATTERN_INVALID' });
            return;
          }
          assert.equal(asIgnore(), match);
          if (`${pattern} ${text}` !== BY_PARENT) assert.equal(asGlob(), match);
        },
      })),
    ];
  },
);
