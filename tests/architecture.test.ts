import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findCycle } from './architecture/cycles.ts';
import { parseImportTable } from './architecture/import-table.ts';
import { type ImportStatement, scanImports } from './architecture/scan-imports.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const LINES_MAX = 500;

/** Files that may be longer, each with its reason. */
const LONG_FILES: Readonly<Record<string, string>> = {
  'tests/build/steps.host.test.ts': 'a table of steps, each a short test of its own',
  'tests/images/bad-registry.test.ts': 'a table of registries that misbehave, each a short test of its own',
  'tests/build/copy.host.test.ts': 'a table of copies, each a short test of its own',
};

/** Imports that break the rules, each with the reason and what would let it go. Key: `FILE -> FILE`. */
const EXCEPTIONS: Readonly<Record<string, string>> = {};

/** Node modules and packages with the folders that own them; an invariant of ARCHITECTURE.md each. */
const OWNED_MODULES: Readonly<Record<string, readonly string[]>> = {
  koffi: ['sys'],
  'node:sqlite': ['store'],
  'smol-toml': ['cli', 'lint', 'explore'],
  unbash: ['dockerfile'],
  // Compose files, specifications of devices, and the configs of hadolint and dive.
  yaml: ['bake', 'runtime', 'lint', 'explore'],
};

interface SourceFile {
  /** Relative to the root of the repository, with forward slashes. */
  readonly path: string;
  readonly folder: string;
  readonly isTest: boolean;
  readonly text: string;
  readonly imports: readonly ImportStatement[];
}

const table = parseImportTable(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'));
const files = globSync(
  ['src', 'ui', 'tests', 'conformance', 'scripts', 'bench'].map((folder) => `${folder}/**/*.ts`),
  { cwd: root },
)
  .toSorted()
  .map(readSource);
const sources = files.filter((file) => file.path.startsWith('src/'));

function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const [top = '', folder = ''] = path.split('/');
  return {
    path,
    folder: top === 'src' ? folder : top,
    isTest: /\.(test|contract|fixture)\.ts$/.test(path) || top === 'tests' || top === 'conformance',
    text,
    imports: scanImports(text),
  };
}

/** The file that a relative import means, relative to the root; undefined for packages. */
function target(file: SourceFile, statement: ImportStatement): string | undefined {
  return statement.specifier.startsWith('.') ? normalize(join(dirname(file.path), statement.specifier)) : undefined;
}

function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function lineCount(file: SourceFile): number {
  return file.text.split('\n').length - 1;
}

function expectNone(broken: readonly string[], rule: string): void {
  assert.deepEqual(broken, [], `${rule}:\n${broken.join('\n')}`);
}

describe('the import table of ARCHITECTURE.md', () => {
  test('the table has a row for every folder under src', () => {
    const folders = new Set(sources.map((file) => file.folder));
    expectNone(
      [...folders].filter((folder) => !table.has(folder)),
      'folders without a row',
    );
  });

  test('the table names only folders that have a row, and has no cycle', () => {
    for (const allowed of table.values()) {
      expectNone(
        [...allowed].filter((folder) => !table.has(folder)),
        'no row for',
      );
    }
    assert.equal(findCycle(table), undefined);
  });

  test('a folder imports only the folders of its row', () => {
    const broken = sources
      .filter((file) => !file.isTest)
      .flatMap((file) =>
        file.imports.flatMap((statement) => {
          const to = target(file, statement);
          if (to === undefined || !to.startsWith('src/') || folderOf(to) === file.folder) return [];
          if (table.get(file.folder)?.has(folderOf(to)) === true || `${file.path} -> ${to}` in EXCEPTIONS) return [];
          return [`${file.path}:${statement.line} imports ${to}`];
        }),
      );
    expectNone(broken, 'imports that the table does not allow');
  });

  test('other folders import the face only', () => {
    const broken = files.flatMap((file) =>
      file.imports.flatMap((statement) => {
        const to = target(file, statement);
        if (to === undefined || !to.startsWith('src/')) return [];
        if (file.path.startsWith('src/') && folderOf(to) === file.folder) return [];
        // Tests may share what makes their inputs.
        if (file.isTest && to.endsWith('.fixture.ts')) return [];
        if (/^src\/[^/]+\/index\.ts$/.test(to) || isEntry(file, to) || `${file.path} -> ${to}` in EXCEPTIONS) return [];
        return [`${file.path}:${statement.line} imports ${to}`];
      }),
    );
    expectNone(broken, 'imports past a face');
  });

  test('every exception is still needed', () => {
    const made = new Set(files.flatMap((file) => file.imports.map((one) => `${file.path} -> ${target(file, one)}`)));
    expectNone(
      Object.keys(EXCEPTIONS).filter((key) => !made.has(key)),
      'exceptions that nothing needs',
    );
  });
});

/** The command line has no callers, so it has no face; scripts and tests may start from its parts. */
function isEntry(file: SourceFile, to: string): boolean {
  return !file.path.startsWith('src/') && to.startsWith('src/cli/');
}

describe('inside the folders', () => {
  test('files do not import their own face', () => {
    const broken = sources
      .filter((file) => !file.isTest)
      .flatMap((file) =>
        file.imports
          .filter((statement) => target(file, statement) === `src/${file.folder}/index.ts`)
          .map((statement) => `${file.path}:${statement.line}`),
      );
    expectNone(broken, 'imports of the own face');
  });

  test('there is no import cycle', () => {
    const edges = new Map(
      sources.map((file) => [
        file.path,
        new Set(file.imports.filter((one) => !one.typeOnly && !one.dynamic).flatMap((one) => target(file, one) ?? [])),
      ]),
    );
    assert.equal(findCycle(edges)?.join(' -> '), undefined);
  });

  test('relative imports name an existing file with its extension', () => {
    const known = new Set(files.map((file) => file.path));
    const broken = files.flatMap((file) =>
      file.imports.flatMap((statement) => {
        const to = target(file, statement);
        return to === undefined || known.has(to) || to.endsWith('.json')
          ? []
          : [`${file.path}:${statement.line} ${to}`];
      }),
    );
    expectNone(broken, 'imports of files that are not there');
  });

  test('a package or built-in that one folder owns is imported there only', () => {
    const broken = sources
      .filter((file) => !file.isTest)
      .flatMap((file) =>
        file.imports
          .filter((one) => OWNED_MODULES[one.specifier]?.includes(file.folder) === false)
          .map((one) => `${file.path}:${one.line} imports ${one.specifier}`),
      );
    expectNone(broken, 'imports that belong to another folder');
  });

  test('pages take types only from src, and nothing from Node', () => {
    const broken = files
      .filter((file) => file.folder === 'ui' && !file.isTest)
      .flatMap((file) =>
        file.imports
          .filter((one) => target(file, one)?.startsWith('ui/') !== true && !one.typeOnly)
          .map((one) => `${file.path}:${one.line} imports ${one.specifier}`),
      );
    expectNone(broken, 'imports that browsers cannot follow');
  });

  test('packages that src imports are dependencies, not tools of the checkout', () => {
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>; // The shape npm gives its own file.
    };
    const broken = sources
      .filter((file) => !file.isTest)
      .flatMap((file) =>
        file.imports
          .map((one) => one.specifier)
          .filter((name) => !name.startsWith('.') && !name.startsWith('node:') && !(name in dependencies))
          .map((name) => `${file.path} imports ${name}`),
      );
    expectNone(broken, 'imports of packages that are not dependencies');
  });

  test('only cli prints and ends the process', () => {
    const spoken = /\bconsole\.\w+\(|\bprocess\.(exit\(|exitCode\b|stdout\b|stderr\b)/;
    const broken = sources
      .filter((file) => !file.isTest && file.folder !== 'cli')
      .flatMap((file) =>
        file.text
          .split('\n')
          .flatMap((line, index) =>
            spoken.test(line) && !/^\s*(\*|\/\/)/.test(line) ? [`${file.path}:${index + 1} ${line.trim()}`] : [],
          ),
      );
    expectNone(broken, 'printing outside cli');
  });

  test(`no file is longer than ${LINES_MAX} lines without a reason`, () => {
    const long = files
      .filter((file) => lineCount(file) > LINES_MAX && !(file.path in LONG_FILES))
      .map((file) => `${file.path}: ${lineCount(file)} lines`);
    expectNone(long, 'long files (one idea each, or two?)');
    const known = new Set(files.map((file) => file.path));
    expectNone(
      Object.keys(LONG_FILES).filter((path) => !known.has(path)),
      'reasons for files that are gone',
    );
  });
});
