import type { Suite } from './suite.ts';
import { builds } from './suites/builds.ts';
import { cases } from './suites/cases.ts';
import { ignorePatterns } from './suites/ignore-patterns.ts';
import { parser } from './suites/parser.ts';
import { realWorld } from './suites/real-world.ts';
import { words } from './suites/words.ts';

/** Those that only read: fast, without root or outside programs. */
export const LANGUAGE_SUITES: readonly Suite[] = [parser, words, ignorePatterns, realWorld];

/** Those that build. */
export const BUILD_SUITES: readonly Suite[] = [builds, cases];

export const SUITES: readonly Suite[] = [...LANGUAGE_SUITES, ...BUILD_SUITES];
