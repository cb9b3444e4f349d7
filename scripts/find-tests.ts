import { globSync } from 'node:fs';

/** The tests that need no root and no outside program, with the architecture test: `npm run check` runs them. */
export function unitTests(): string[] {
  const files = globSync(['src/**/*.test.ts', 'tests/*.test.ts', 'tests/architecture/*.test.ts']);
  return files.filter((file) => !file.endsWith('.host.test.ts')).toSorted();
}

/** Every test of the repository: `npm test` runs them. */
export function allTests(): string[] {
  return [...globSync('src/**/*.test.ts'), ...globSync('tests/**/*.test.ts')].toSorted();
}
