import type { OutputChunk } from 'rolldown';
import { isStandIn } from './lazy-builtins.ts';

/**
 * What is loaded together, by the modules that it starts from: what every command reads, what every one does that opens a
 * store, and what those read that people wait for most.
 */
const STARTING_POINTS = {
  start: ['cli/main.ts'],
  store: ['cli/open-engine.ts', 'cli/config/load.ts', 'engine/images.ts'],
  containers: [
    'cli/commands/run.ts',
    'engine/containers/attach.ts',
    'engine/containers/changes.ts',
    'engine/containers/create.ts',
    'engine/containers/exec.ts',
    'engine/containers/list.ts',
    'engine/containers/run.ts',
    'engine/build-records.ts',
  ],
  commit: ['cli/commands/commit.ts', 'engine/containers/commit.ts'],
  build: ['cli/commands/build.ts', 'cli/commands/why.ts', 'engine/builds.ts'],
} as const;

type Part = keyof typeof STARTING_POINTS;

/** Tables, times, templates: small, and most commands that open a store print something. */
const PRINTING = /\/src\/cli\/output\//;
/** One word, which builds write down too; `shale version` should not read them for it. */
const VERSION = /\/src\/base\/version\.ts$/;

/**
 * Says for each module which file of the command line it belongs to, given how a bundler would cut it by itself: a chunk for
 * each set of late imports that reach the same modules, 80 small files for one build. Here a module lies in the first of
 * the two parts that every command reads, else in that of containers, of builds or of both; what `commit` shares with builds
 * lies apart from what only builds read. What none of them reaches stays as it was cut. Each file costs a start some tenths of a millisecond, and 100 kB one millisecond.
 */
export function partsOf(chunks: readonly OutputChunk[]): (module: string) => string | null {
  const reached = (part: Part): ReadonlySet<string> => closure(chunks, STARTING_POINTS[part]);
  const [start, store, containers, commit, build] = [
    reached('start'),
    reached('store'),
    reached('containers'),
    reached('commit'),
    reached('build'),
  ];
  return (module) => {
    if (start.has(module) || isStandIn(module) || VERSION.test(module)) return 'start';
    if (store.has(module)) return 'store';
    const hot = containers.has(module) || build.has(module);
    if (hot && PRINTING.test(module)) return 'store';
    if (containers.has(module)) return build.has(module) ? 'containers-and-build' : 'containers';
    if (commit.has(module)) return build.has(module) ? 'commit-and-build' : 'commit';
    return hot ? 'build' : null;
  };
}

/** The modules that are read when some are: those of their chunks, and of all that these import at once. */
function closure(chunks: readonly OutputChunk[], modules: readonly string[]): ReadonlySet<string> {
  const byFile = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const found = new Set(modules.map((module) => chunkOf(chunks, module)));
  for (const chunk of found) {
    for (const file of chunk.imports) {
      const imported = byFile.get(file);
      if (imported !== undefined) found.add(imported); // A set hands on what is added while it is walked.
    }
  }
  return new Set([...found].flatMap(({ moduleIds }) => moduleIds));
}

function chunkOf(chunks: readonly OutputChunk[], module: string): OutputChunk {
  const chunk = chunks.find(({ moduleIds }) => moduleIds.some((id) => id.endsWith(`/src/${module}`)));
  if (chunk === undefined) throw new Error(`the bundle has no module src/${module}: see scripts/bundle/parts.ts`);
  return chunk;
}
