import { globSync } from 'node:fs';

/** The tests that need no root and no outside program, with those of the repository's own order. */
export function unitTests(): string[] {
  const units = globSync(['src/**/*.test.ts', 'ui/**/*.test.ts', 'tests/*.test.ts', 'tests/architecture/*.test.ts']);
  return units.filter((file) => !file.endsWith('.host.test.ts')).toSorted();
}

/** What `npm test` runs, each in a process of its own: every test; the unit tests together in one (tests/units). */
export function testProcesses(): string[] {
  const units = new Set(unitTests());
  return globSync(['src/**/*.test.ts', 'ui/**/*.test.ts', 'tests/**/*.test.ts'])
    .filter((file) => !units.has(file))
    .toSorted();
}

/** Every test file. */
export function allTests(): string[] {
  return globSync(['src/**/*.test.ts', 'ui/**/*.test.ts', 'tests/**/*.test.ts']).toSorted();
}
