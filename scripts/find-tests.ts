import { globSync } from 'node:fs';

/** The tests that need no root and no outside program, with those of the repository's own order. */
export function unitTests(): string[] {
  const units = globSync(['src/**/*.test.ts', 'tests/*.test.ts', 'tests/architecture/*.test.ts']);
  return units.filter((file) => !file.endsWith('.host.test.ts')).toSorted();
}

/** Every test of the repository: `npm test` runs them. */
export function allTests(): string[] {
  return globSync(['src/**/*.test.ts', 'tests/**/*.test.ts']).toSorted();
}
